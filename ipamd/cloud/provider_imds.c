// SPDX-License-Identifier: Apache-2.0
/* The credentials of the instance's IAM role: iam/security-credentials/ has the role's name, below it a JSON object. */
#include <string.h>

#include <vpcwire/mem.h>

#include "cloud/credentials.h"
#include "cloud/imds.h"
#include "cloud/provider.h"
#include "cloud/provider_json.h"

#define ROLES_PATH "iam/security-credentials/"

enum { MAX_SHOWN_BYTES = 80 };

/* The first line: EC2 has one role per instance. */
static int get_role(struct imds *imds, struct arena *arena, const char **ret, struct err *err)
{
        const char *body;
        int r;

        r = imds_get(imds, ROLES_PATH, arena, &body, err);
        if (r == -ERR_NOT_FOUND)
                return err_set(err, ERR_DENIED, "no IAM role is attached to this instance (%s: HTTP 404)",
                               ROLES_PATH);
        if (r < 0)
                return r;
        if (!*body)
                return err_set(err, ERR_DENIED, "no IAM role is attached to this instance (%s is empty)",
                               ROLES_PATH);
        *ret = arena_printf(arena, "%.*s", (int)strcspn(body, " \t\r\n\v\f"), body);
        return 0;
}

static int fetch(struct provider_context *context, struct secret *secret, struct err *err)
{
        struct imds *imds = context->options->imds;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *role, *body;
        int r;

        if (!imds)
                return provider_skip(context, "not used here");
        r = get_role(imds, arena, &role, err);
        if (r < 0)
                return r;
        r = imds_peek(imds, arena_printf(arena, ROLES_PATH "%s", role), &body, err);
        if (r == -ERR_NOT_FOUND)
                return err_set(err, ERR_DENIED, "role '%.*s' has no credentials yet (HTTP 404)",
                               MAX_SHOWN_BYTES, role);
        if (r < 0)
                return r;
        r = provider_json_read(body, true, secret, err);
        context->peer_wall_ms = imds_date_ms(imds);
        imds_wipe(imds);
        if (r < 0) {
                (void)err_wrap(err, "role '%.*s'", MAX_SHOWN_BYTES, role);
                return r;
        }
        return 1;
}

const struct provider provider_imds = {"instance metadata", fetch};
