// SPDX-License-Identifier: Apache-2.0
/* When credentials are fetched anew. Where from is in provider.c. */
#include "cloud/credentials.h"

#include <stdbool.h>
#include <stdlib.h>

#include <vpcwire/clock.h>

#include "cloud/provider.h"
#include "cloud/secret.h"
#include "cloud/skew.h"

struct credentials {
        struct credentials_options options;
        char *region, *sts_endpoint, *ca_file; /* of the options */
        struct provider_context providers;
        struct skew skew;
        struct secret *current; /* NULL: none yet */
        const char *provider;   /* of the current ones */
        bool refused;           /* EC2 said that the current ones are not good */
        int64_t jitter_ms;
        int64_t fetched_ms;     /* boottime, of the current ones */
        struct err failure;     /* of the last try; code 0: it went well */
        int64_t pause_until_ms; /* boottime: no try to replace credentials that are still good before it */
};

static char *copy(const char *text)
{
        return text ? xstrdup(text) : NULL;
}

struct credentials *credentials_open(const struct credentials_options *options)
{
        struct credentials *c = XNEW(struct credentials);

        c->options = *options;
        c->options.region = c->region = copy(options->region);
        c->options.sts_endpoint = c->sts_endpoint = copy(options->sts_endpoint);
        c->options.ca_file = c->ca_file = copy(options->ca_file);
        if (!options->wall_ms)
                c->options.wall_ms = clock_wall_ms;
        if (!options->boottime_ms)
                c->options.boottime_ms = clock_boottime_ms;
        c->skew = (struct skew){.wall_ms = c->options.wall_ms, .boottime_ms = c->options.boottime_ms};
        c->providers.options = &c->options;
        return c;
}

struct credentials *credentials_free(struct credentials *credentials)
{
        if (!credentials)
                return NULL;
        provider_context_done(&credentials->providers);
        secret_free(credentials->current);
        free(credentials->region);
        free(credentials->sts_endpoint);
        free(credentials->ca_file);
        free(credentials);
        return NULL;
}

static bool is_good(const struct credentials *credentials, int64_t ahead_ms)
{
        const struct secret *secret = credentials->current;

        return secret && !credentials->refused &&
               (secret->expires_wall_ms == 0 ||
                skew_now_ms(&credentials->skew) + ahead_ms < secret->expires_wall_ms);
}

void credentials_get_health(const struct credentials *credentials, struct credentials_health *ret)
{
        const struct skew *skew = &credentials->skew;

        *ret = (struct credentials_health){
                .failing = credentials->failure.code != 0,
                .have_good = is_good(credentials, 0),
                .why = credentials->failure.msg,
                .provider = credentials->provider,
                .expires_wall_ms = credentials->current ? credentials->current->expires_wall_ms : 0,
                .ahead_ms = skew->learned ? skew->wall_ms() - skew_now_ms(skew) : 0,
        };
}

struct skew *credentials_skew(struct credentials *credentials)
{
        return &credentials->skew;
}

bool credentials_times(const struct credentials *credentials, int64_t *ret_since_ms,
                       int64_t *ret_expires_wall_ms)
{
        if (!credentials->current)
                return false;
        *ret_since_ms = credentials->fetched_ms;
        *ret_expires_wall_ms = credentials->current->expires_wall_ms;
        return true;
}

void credentials_expire(struct credentials *credentials)
{
        credentials->refused = true;
}

/*
 * Credentials that seem to have expired already may be seen by a wrong clock: before the first signed call nobody has told
 * us AWS's time but the reply that brought them.
 */
static int check_end(struct credentials *credentials, const struct secret *fetched, const char *provider,
                     struct err *err)
{
        int64_t peer_ms = credentials->providers.peer_wall_ms;

        if (fetched->expires_wall_ms == 0 || fetched->expires_wall_ms > skew_now_ms(&credentials->skew))
                return 0;
        if (peer_ms && skew_learn(&credentials->skew, peer_ms) && fetched->expires_wall_ms > peer_ms)
                return 0;
        return err_set(err, ERR_DENIED, "no credentials: %s: they have expired, by this machine's clock",
                       provider);
}

static int refresh(struct credentials *credentials, struct err *err)
{
        _cleanup_(secret_freep) struct secret *fetched = secret_new();
        int64_t now_ms = credentials->options.boottime_ms();
        const char *provider;
        int r;

        /* Also after a success: until IMDS has the next credentials, it gives the ones that we have. */
        credentials->pause_until_ms = now_ms + CREDENTIALS_REFRESH_PAUSE_S * 1000;
        r = provider_fetch(&credentials->providers, fetched, &provider, err);
        if (r == 0)
                r = check_end(credentials, fetched, provider, err);
        credentials->failure = r < 0 ? *err : (struct err){0};
        if (r < 0)
                return r;
        secret_free(credentials->current);
        credentials->current = TAKE_PTR(fetched);
        credentials->provider = provider;
        credentials->refused = false;
        credentials->fetched_ms = now_ms;
        credentials->jitter_ms = arc4random_uniform(CREDENTIALS_REFRESH_JITTER_S * 1000);
        return 0;
}

int credentials_get(struct credentials *credentials, struct credentials_view *ret, struct err *err)
{
        int64_t ahead_ms = CREDENTIALS_REFRESH_AHEAD_S * 1000 + credentials->jitter_ms;
        struct err ignored, *refresh_err = err ?: &ignored;
        int r;

        if (!is_good(credentials, ahead_ms)) {
                bool usable = is_good(credentials, 0);

                if (!usable || credentials->options.boottime_ms() >= credentials->pause_until_ms) {
                        r = refresh(credentials, refresh_err);
                        if (r < 0 && !usable)
                                return r;
                }
        }
        *ret = (struct credentials_view){
                .access_key_id = credentials->current->access_key_id,
                .secret_access_key = credentials->current->secret_access_key,
                .session_token =
                        *credentials->current->session_token ? credentials->current->session_token : NULL,
        };
        return 0;
}
