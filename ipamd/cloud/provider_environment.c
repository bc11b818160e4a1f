// SPDX-License-Identifier: Apache-2.0
/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Half of them is an error, not "none". */
#include "cloud/provider.h"

static int fetch(struct provider_context *context, struct secret *secret, struct err *err)
{
        const char *key_id = provider_env("AWS_ACCESS_KEY_ID"), *key = provider_env("AWS_SECRET_ACCESS_KEY"),
                   *token = provider_env("AWS_SESSION_TOKEN");

        if (!key_id && !key)
                return provider_skip(context, "AWS_ACCESS_KEY_ID is not set");
        if (secret_set(secret->access_key_id, sizeof(secret->access_key_id), "AWS_ACCESS_KEY_ID", key_id,
                       err) < 0 ||
            secret_set(secret->secret_access_key, sizeof(secret->secret_access_key), "AWS_SECRET_ACCESS_KEY",
                       key, err) < 0 ||
            (token && secret_set(secret->session_token, sizeof(secret->session_token), "AWS_SESSION_TOKEN",
                                 token, err) < 0)) {
                err->code = ERR_DENIED; /* nobody will mend the environment of a running process */
                return -ERR_DENIED;
        }
        return 1;
}

const struct provider provider_environment = {"environment", fetch};
