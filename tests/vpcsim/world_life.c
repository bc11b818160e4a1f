// SPDX-License-Identifier: Apache-2.0
/* The world's life, its settings, and the small things that all its files use. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include <vpcwire/clock.h>

#include "fabric.h"
#include "world_cruel_private.h"

enum {
        MAX_DELAY_MS = 3600 * 1000,
        MIN_CREDENTIALS_TTL_S = 2,
        MAX_CREDENTIALS_TTL_S = 12 * 3600, /* the longest a role's session may last */
        MAX_CLOCK_AHEAD_S = 10 * 365 * 24 * 3600,
        MAX_PAGE_ITEMS = 1000,
};

static const struct world_options DEFAULT_OPTIONS = {
        .credentials_ttl_s = 6 * 3600, /* as real nodes see */
        .page_items = MAX_PAGE_ITEMS,
        .seed = 1,
        .reuse_at_once = true,
};

int world_new(const json_t *description, struct fabric *fabric, struct world **ret, struct err *err)
{
        _cleanup_(world_freep) struct world *world = XNEW(struct world);
        int r;

        pthread_mutex_init(&world->mutex, NULL);
        world->wake_fd = -1;
        world->fabric = fabric;
        world->options = DEFAULT_OPTIONS;
        world->instance_types = json_object();
        world->failures = json_array();
        r = db_open(&world->db, err);
        if (r < 0)
                return r;
        world->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (world->wake_fd < 0)
                return err_set_errno(err, errno, "make an eventfd");
        r = world_read_description(world, description, err);
        if (r < 0)
                return err_wrap(err, "world file");
        *ret = TAKE_PTR(world);
        return 0;
}

struct world *world_free(struct world *world)
{
        if (!world)
                return NULL;
        db_close(world->db);
        if (world->wake_fd >= 0)
                close(world->wake_fd);
        json_decref(world->instance_types);
        json_decref(world->failures);
        json_decref(world->denied);
        world_throttle_free(world->throttle);
        world_faults_free(world->faults);
        world_views_free(world->views);
        free(world->account);
        free(world->region);
        free(world->role);
        pthread_mutex_destroy(&world->mutex);
        free(world);
        return NULL;
}

void world_lock(struct world *world)
{
        pthread_mutex_lock(&world->mutex);
}

void world_unlock(struct world *world)
{
        world_views_note(world);
        pthread_mutex_unlock(&world->mutex);
}

int world_wake_fd(const struct world *world)
{
        return world->wake_fd;
}

void world_wake(struct world *world)
{
        if (eventfd_write(world->wake_fd, 1) < 0)
                return; /* the counter is full: a pending ADD is awake already */
}

const char *world_refusal(const struct world *world)
{
        return world->refusal;
}

void world_clear_refusal(struct world *world)
{
        world->refusal = NULL;
}

int(world_refuse)(struct world *world, struct err *err, const char *code, const char *format, ...)
{
        char message[ERR_MESSAGE_BYTES];
        va_list args;

        va_start(args, format);
        vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        world->refusal = code;
        return err_set(err, ERR_DENIED, "%s", message);
}

const char *world_account(const struct world *world)
{
        return world->account;
}

const char *world_region(const struct world *world)
{
        return world->region;
}

const char *world_role(const struct world *world)
{
        return world->role;
}

bool world_has_fabric(const struct world *world)
{
        return world->fabric;
}

void world_random_bytes(void *bytes, size_t n)
{
        unsigned char *at = bytes;

        while (n > 0) {
                ssize_t got = getrandom(at, n, 0);

                if (got < 0 && errno != EINTR)
                        abort(); /* a kernel without randomness cannot make ids or keys */
                if (got > 0) {
                        at += got;
                        n -= (size_t)got;
                }
        }
}

void world_new_id(const char *prefix, char ret[static WORLD_ID_BYTES])
{
        unsigned long long low;
        unsigned high;

        world_random_bytes(&low, sizeof(low));
        world_random_bytes(&high, sizeof(high));
        snprintf(ret, WORLD_ID_BYTES, "%s%01x%016llx", prefix, high & 0xf, low);
}

void world_note_failure(struct world *world, const struct err *err)
{
        if (json_array_size(world->failures) < WORLD_MAX_FAILURES)
                json_array_append_new(world->failures, json_string(err->msg) ?: json_string("(not UTF-8)"));
}

/* A whole number from..to out of a JSON value; 64-bit, for the seed. */
static int read_number(const char *name, const json_t *value, json_int_t from, json_int_t to, json_int_t *ret,
                       struct err *err)
{
        if (!json_is_integer(value) || json_integer_value(value) < from || json_integer_value(value) > to)
                return err_set(err, ERR_INVALID, "%s: want a whole number from %lld to %lld", name,
                               (long long)from, (long long)to);
        *ret = json_integer_value(value);
        return 0;
}

static int set_allocation(struct world_options *options, const json_t *value, struct err *err)
{
        const char *text = json_string_value(value);

        if (!text || (strcmp(text, "lowest") != 0 && strcmp(text, "random") != 0))
                return err_set(err, ERR_INVALID, "allocation: want \"lowest\" or \"random\"");
        options->random_allocation = strcmp(text, "random") == 0;
        return 0;
}

static int set_option(struct world_options *options, const char *name, const json_t *value, struct err *err)
{
        const struct {
                const char *name;
                unsigned *place;
                json_int_t from, to;
        } numbers[] = {
                {"attach_ms", &options->attach_ms, 0, MAX_DELAY_MS},
                {"detach_ms", &options->detach_ms, 0, MAX_DELAY_MS},
                {"imds_lag_ms", &options->imds_lag_ms, 0, MAX_DELAY_MS},
                {"describe_lag_ms", &options->describe_lag_ms, 0, MAX_DELAY_MS},
                {"credentials_ttl_s", &options->credentials_ttl_s, MIN_CREDENTIALS_TTL_S,
                 MAX_CREDENTIALS_TTL_S},
                {"clock_ahead_s", &options->clock_ahead_s, 0, MAX_CLOCK_AHEAD_S},
                {"page_items", &options->page_items, 1, MAX_PAGE_ITEMS},
        };
        json_int_t number;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                if (strcmp(name, numbers[i].name) != 0)
                        continue;
                r = read_number(name, value, numbers[i].from, numbers[i].to, &number, err);
                if (r == 0)
                        *numbers[i].place = (unsigned)number;
                return r;
        }
        if (strcmp(name, "seed") == 0) {
                r = read_number(name, value, 0, INT64_MAX, &number, err);
                if (r == 0)
                        options->seed = (uint64_t)number;
                return r;
        }
        if (strcmp(name, "allocation") == 0)
                return set_allocation(options, value, err);
        if (strcmp(name, "reuse_at_once") == 0) {
                if (!json_is_boolean(value))
                        return err_set(err, ERR_INVALID, "reuse_at_once: want true or false");
                options->reuse_at_once = json_is_true(value);
                return 0;
        }
        return err_set(err, ERR_INVALID, "unknown setting '%s'", name);
}

int64_t world_wall_ms(const struct world *world)
{
        return clock_wall_ms() + INT64_C(1000) * world->options.clock_ahead_s;
}

unsigned world_page_items(const struct world *world)
{
        return world->options.page_items;
}

int world_set_delays(struct world *world, const json_t *delays, struct err *err)
{
        struct world_options options = world->options; /* all of them or none */
        const char *name;
        json_t *value;
        int r;

        if (!json_is_object(delays))
                return err_set(err, ERR_INVALID, "settings: want an object");
        json_object_foreach((json_t *)(uintptr_t)delays, name, value)
        {
                r = set_option(&options, name, value, err);
                if (r < 0)
                        return r;
        }
        r = world_views_set_lags(
                world,
                (const unsigned[_WORLD_VIEW_MAX]){[WORLD_VIEW_DESCRIBE] = options.describe_lag_ms,
                                                  [WORLD_VIEW_IMDS] = options.imds_lag_ms},
                err);
        if (r < 0)
                return r;
        world->options = options;
        return 0;
}
