// SPDX-License-Identifier: Apache-2.0
/*
 * Inside credentials: the providers, one file each, and the table that says in which order they are asked (provider.c).
 * A provider that is set up is used or fails: nothing behind it is asked then, so that a mistake in the one that was
 * meant does not silently give the node other permissions.
 */
#ifndef IPAMD_CLOUD_PROVIDER_H
#define IPAMD_CLOUD_PROVIDER_H

#include <vpcwire/err.h>

#include "client/http.h"
#include "cloud/secret.h"

struct credentials_options;

enum {
        PROVIDER_WHY_BYTES = 128,
        PROVIDER_TIMEOUT_MS = 10000, /* STS and the containers' endpoints, one exchange */
        PROVIDER_CONNECT_TIMEOUT_MS = 3000,
};

/* What a provider may use and what it says beside the secret. */
struct provider_context {
        const struct credentials_options *options;
        struct http *sts, *container;     /* opened at the first use; kept, with their connections */
        char why_not[PROVIDER_WHY_BYTES]; /* set by a provider that is not set up */
        int64_t peer_wall_ms;             /* when the reply was made, by AWS's clock; 0: unknown */
};

void provider_context_done(struct provider_context *context);

struct provider {
        const char *name;
        /*
         * 1: the secret is filled. 0: not set up here, why_not says so. Negative: it is set up and failed; the secret may be
         * half filled. No error shows a secret.
         */
        int (*fetch)(struct provider_context *context, struct secret *secret, struct err *err);
};

extern const struct provider provider_environment, provider_profile, provider_web_identity,
        provider_container, provider_imds;

/* Asks the table. *ret_name is the provider that had them. Errors name the provider, and what was not set up before it. */
int provider_fetch(struct provider_context *context, struct secret *secret, const char **ret_name,
                   struct err *err);

/* Says in why_not that the provider is not set up. Returns 0, so that `return provider_skip(...)` is the whole path. */
int provider_skip(struct provider_context *context, const char *format, ...) _printf_(2, 3);

/* The environment variable, or NULL where it is unset or empty. */
const char *provider_env(const char *name);

/*
 * Whether a token may be sent to this URL: https to anyone, plain http to this machine and to the addresses of ECS's and
 * EKS's agents only. ERR_DENIED.
 */
int provider_container_check(const struct http_url *url, struct err *err);

#endif
