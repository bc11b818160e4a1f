// SPDX-License-Identifier: Apache-2.0
/* STS's actions; its XML differs from EC2's in its envelope, which ec2api.c writes. */
#include <string.h>

#include "ec2api_actions.h"
#include "xmlout.h"

enum { MIN_DURATION_S = 900, MAX_DURATION_S = 43200, MAX_SESSION_NAME = 64 };

static int read_request(const struct ec2api_request *request, struct world_assume *ret, struct err *err)
{
        *ret = (struct world_assume){
                .role_arn = ec2api_text(request, "RoleArn"),
                .session_name = ec2api_text(request, "RoleSessionName"),
                .web_identity_token = ec2api_text(request, "WebIdentityToken"),
        };
        if (strlen(ret->session_name) < 2 || strlen(ret->session_name) > MAX_SESSION_NAME)
                return world_refuse(request->world, err, "ValidationError",
                                    "1 validation error detected: Value at 'roleSessionName' failed to"
                                    " satisfy constraint: length 2 to %d",
                                    MAX_SESSION_NAME);
        return ec2api_number(request, "DurationSeconds", MIN_DURATION_S, MAX_DURATION_S, &ret->duration_s,
                             err);
}

static void render_session(struct text *out, const struct world_session *session)
{
        xmlout_open(out, "AssumedRoleUser");
        xmlout_text(out, "Arn", session->arn);
        xmlout_text(out, "AssumedRoleId", session->role_id);
        xmlout_close(out, "AssumedRoleUser");
        xmlout_open(out, "Credentials");
        xmlout_text(out, "AccessKeyId", session->keys.access_key_id);
        xmlout_text(out, "SecretAccessKey", session->keys.secret_access_key);
        xmlout_text(out, "SessionToken", session->keys.session_token);
        xmlout_time(out, "Expiration", session->keys.expires_ms);
        xmlout_close(out, "Credentials");
}

int ec2api_assume_role(struct ec2api_request *request, struct err *err)
{
        struct world_session session;
        struct world_assume assume;
        int r;

        if ((r = read_request(request, &assume, err)) < 0 ||
            (r = world_assume_role(request->world, &assume, request->arena, &session, err)) < 0)
                return r;
        render_session(request->reply, &session);
        return 0;
}

int ec2api_assume_role_with_web_identity(struct ec2api_request *request, struct err *err)
{
        int r = ec2api_assume_role(request, err);

        if (r < 0)
                return r;
        xmlout_text(request->reply, "SubjectFromWebIdentityToken", "system:serviceaccount:kube-system:node");
        xmlout_text(request->reply, "Audience", "sts.amazonaws.com");
        xmlout_text(request->reply, "Provider", "arn:aws:iam::oidc-provider/vpcsim");
        return 0;
}

int ec2api_get_caller_identity(struct ec2api_request *request, struct err *err _unused_)
{
        xmlout_text(request->reply, "Arn", ec2api_caller_arn(request));
        xmlout_text(request->reply, "UserId", request->secret.node ?: "AIDAVPCSIM");
        xmlout_text(request->reply, "Account", world_account(request->world));
        return 0;
}
