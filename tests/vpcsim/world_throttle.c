// SPDX-License-Identifier: Apache-2.0
/* Token buckets, as EC2 throttles: one for the account, and one for each pattern of actions. */
#include <string.h>

#include <vpcwire/clock.h>

#include "world_cruel_private.h"

enum { MAX_BUCKETS = 64, MAX_RATE = 100000 };

struct bucket {
        char *pattern;
        double rate_per_s, burst, tokens;
        int64_t filled_ms; /* CLOCK_BOOTTIME */
        uint64_t taken, refused;
};

struct throttle {
        struct bucket buckets[MAX_BUCKETS];
        size_t n;
};

struct throttle *world_throttle_free(struct throttle *throttle)
{
        if (!throttle)
                return NULL;
        for (size_t i = 0; i < throttle->n; i++)
                free(throttle->buckets[i].pattern);
        free(throttle);
        return NULL;
}

static int read_bucket(struct throttle *throttle, const char *pattern, const json_t *object, struct err *err)
{
        static const char *const known[] = {"rate", "burst", NULL};
        double rate = json_number_value(json_object_get(object, "rate")),
               burst = json_number_value(json_object_get(object, "burst"));
        int r;

        r = world_refuse_unknown(object, known, pattern, err);
        if (r < 0)
                return r;
        if (!(rate > 0 && rate <= MAX_RATE && burst >= 1 && burst <= MAX_RATE))
                return err_set(err, ERR_INVALID,
                               "%s: want a rate above 0 and a burst of 1 or more, both up to %d", pattern,
                               MAX_RATE);
        if (throttle->n == MAX_BUCKETS)
                return err_set(err, ERR_INVALID, "want at most %d buckets", MAX_BUCKETS);
        throttle->buckets[throttle->n++] = (struct bucket){
                .pattern = xstrdup(pattern),
                .rate_per_s = rate,
                .burst = burst,
                .tokens = burst,
                .filled_ms = clock_boottime_ms(),
        };
        return 0;
}

int world_set_throttle(struct world *world, const json_t *object, struct err *err)
{
        static const char *const known[] = {"account", "actions", NULL};
        _cleanup_(world_throttle_freep) struct throttle *throttle = XNEW(struct throttle);
        json_t *account = json_object_get(object, "account"), *actions = json_object_get(object, "actions"),
               *item;
        const char *pattern;
        int r;

        r = world_refuse_unknown(object, known, "throttle", err);
        if (r == 0 && actions && !json_is_object(actions))
                r = err_set(err, ERR_INVALID, "actions: want an object");
        if (r == 0 && account)
                r = read_bucket(throttle, "*", account, err);
        if (r < 0)
                return err_wrap(err, "throttle");
        json_object_foreach(actions, pattern, item)
        {
                r = read_bucket(throttle, pattern, item, err);
                if (r < 0)
                        return err_wrap(err, "throttle");
        }
        world_throttle_free(world->throttle);
        world->throttle = TAKE_PTR(throttle);
        return 0;
}

static void fill(struct bucket *bucket, int64_t now)
{
        bucket->tokens += (double)(now - bucket->filled_ms) * bucket->rate_per_s / 1000;
        bucket->filled_ms = now;
        if (bucket->tokens > bucket->burst)
                bucket->tokens = bucket->burst;
}

int world_take_token(struct world *world, const char *action, struct err *err)
{
        struct throttle *throttle = world->throttle;
        int64_t now = clock_boottime_ms();

        for (size_t i = 0; throttle && i < throttle->n; i++) {
                struct bucket *bucket = &throttle->buckets[i];

                if (!world_pattern_matches(bucket->pattern, action))
                        continue;
                fill(bucket, now);
                if (bucket->tokens < 1) {
                        bucket->refused++;
                        return world_refuse(world, err, "RequestLimitExceeded", "Request limit exceeded.");
                }
        }
        for (size_t i = 0; throttle && i < throttle->n; i++) {
                if (!world_pattern_matches(throttle->buckets[i].pattern, action))
                        continue;
                throttle->buckets[i].tokens--;
                throttle->buckets[i].taken++;
        }
        return 0;
}

json_t *world_throttle_to_json(const struct world *world)
{
        json_t *array = json_array();

        for (size_t i = 0; world->throttle && i < world->throttle->n; i++) {
                const struct bucket *bucket = &world->throttle->buckets[i];

                json_array_append_new(array, json_pack("{s:s, s:I, s:I}", "action", bucket->pattern, "taken",
                                                       (json_int_t)bucket->taken, "refused",
                                                       (json_int_t)bucket->refused));
        }
        return array;
}
