// SPDX-License-Identifier: Apache-2.0
/* Where credentials come from, and when they are fetched anew. */
#include "cloud/credentials.h"

#include <stdbool.h>
#include <stdlib.h>

#include <vpcwire/clock.h>

#include "cloud/credentials_imds.h"
#include "cloud/secret.h"

struct credentials {
        struct imds *imds;
        struct credentials_clocks clocks;
        struct secret *current; /* NULL: none yet */
        bool refused;           /* EC2 said that the current ones are not good */
        int64_t jitter_ms;
        int64_t pause_until_ms; /* boottime: no try to replace credentials that are still good before it */
};

struct credentials *credentials_new_with_clocks(struct imds *imds, const struct credentials_clocks *clocks)
{
        struct credentials *credentials = XNEW(struct credentials);

        credentials->imds = imds;
        credentials->clocks = *clocks;
        return credentials;
}

struct credentials *credentials_new(struct imds *imds)
{
        return credentials_new_with_clocks(
                imds, &(const struct credentials_clocks){clock_wall_ms, clock_boottime_ms});
}

struct credentials *credentials_free(struct credentials *credentials)
{
        if (!credentials)
                return NULL;
        secret_free(credentials->current);
        free(credentials);
        return NULL;
}

void credentials_expire(struct credentials *credentials)
{
        credentials->refused = true;
}

/* Whether the environment has credentials (1) or not (0). Half of them is an error, not "none". */
static int fetch_from_environment(struct secret *secret, struct err *err)
{
        const char *key_id = getenv("AWS_ACCESS_KEY_ID"), *key = getenv("AWS_SECRET_ACCESS_KEY"),
                   *token = getenv("AWS_SESSION_TOKEN");
        int r;

        if (!(key_id && *key_id) && !(key && *key))
                return 0;
        r = secret_set(secret->access_key_id, sizeof(secret->access_key_id), "AWS_ACCESS_KEY_ID", key_id,
                       err);
        if (r >= 0)
                r = secret_set(secret->secret_access_key, sizeof(secret->secret_access_key),
                               "AWS_SECRET_ACCESS_KEY", key, err);
        if (r >= 0 && token && *token)
                r = secret_set(secret->session_token, sizeof(secret->session_token), "AWS_SESSION_TOKEN",
                               token, err);
        if (r < 0) {
                (void)err_wrap(err, "no credentials: the environment's are no good");
                if (err)
                        err->code = ERR_DENIED;
                return -ERR_DENIED;
        }
        return 1;
}

static int fetch(struct credentials *credentials, struct secret *secret, struct err *err)
{
        int r;

        r = fetch_from_environment(secret, err);
        if (r != 0)
                return r < 0 ? r : 0;
        if (!credentials->imds)
                return err_set(err, ERR_DENIED,
                               "no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
        r = credentials_fetch_from_imds(credentials->imds, secret, err);
        if (r < 0) {
                (void)err_wrap(err, "no credentials: AWS_ACCESS_KEY_ID is not set, and from IMDS");
                return r;
        }
        if (secret->expires_wall_ms <= credentials->clocks.wall_ms())
                return err_set(err, ERR_DENIED,
                               "no credentials: those from IMDS have expired, by this machine's clock");
        return 0;
}

static bool is_good(const struct credentials *credentials, int64_t ahead_ms)
{
        const struct secret *secret = credentials->current;

        return secret && !credentials->refused &&
               (secret->expires_wall_ms == 0 ||
                credentials->clocks.wall_ms() + ahead_ms < secret->expires_wall_ms);
}

static int refresh(struct credentials *credentials, struct err *err)
{
        _cleanup_(secret_freep) struct secret *fetched = secret_new();
        int64_t now_ms = credentials->clocks.boottime_ms();
        int r;

        /* Also after a success: until IMDS has the next credentials, it gives the ones that we have. */
        credentials->pause_until_ms = now_ms + CREDENTIALS_REFRESH_PAUSE_S * 1000;
        r = fetch(credentials, fetched, err);
        if (r < 0)
                return r;
        secret_free(credentials->current);
        credentials->current = TAKE_PTR(fetched);
        credentials->refused = false;
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

                if (!usable || credentials->clocks.boottime_ms() >= credentials->pause_until_ms) {
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
