// SPDX-License-Identifier: Apache-2.0
#include "cloud/provider.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* In this order, which is that of the AWS SDKs. */
static const struct provider *const providers[] = {
        &provider_environment, &provider_profile, &provider_web_identity, &provider_container, &provider_imds,
};

void provider_context_done(struct provider_context *context)
{
        http_free(context->sts);
        http_free(context->container);
        *context = (struct provider_context){0};
}

int provider_skip(struct provider_context *context, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(context->why_not, sizeof(context->why_not), format, args);
        va_end(args);
        return 0;
}

const char *provider_env(const char *name)
{
        const char *value = getenv(name);

        return value && *value ? value : NULL;
}

int provider_fetch(struct provider_context *context, struct secret *secret, const char **ret_name,
                   struct err *err)
{
        _cleanup_(text_done) struct text skipped = {0};
        struct err cause;
        int r;

        context->peer_wall_ms = 0;
        for (size_t i = 0; i < ARRAY_SIZE(providers); i++) {
                r = providers[i]->fetch(context, secret, &cause);
                if (r > 0) {
                        *ret_name = providers[i]->name;
                        return 0;
                }
                if (r < 0)
                        return err_set(err, cause.code, "no credentials: %s: %s%s%s", providers[i]->name,
                                       cause.msg, skipped.bytes ? "; not set up: " : "", skipped.text ?: "");
                text_add(&skipped, "%s%s: %s", skipped.bytes ? ", " : "", providers[i]->name,
                         context->why_not);
        }
        return err_set(err, ERR_DENIED, "no credentials: not set up: %s", skipped.text);
}
