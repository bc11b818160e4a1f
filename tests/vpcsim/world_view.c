// SPDX-License-Identifier: Apache-2.0
/*
 * The world as it was: whole copies of its database, one for each change while some face is late, and the one that a
 * stale face holds on to. A view is the database of that time in the place of the present one.
 */
#include <string.h>

#include <vpcwire/clock.h>

#include "world_cruel_private.h"

enum { MAX_STATES = 512 };

struct state {
        int64_t since_ms; /* CLOCK_BOOTTIME */
        struct db *db;
};

struct views {
        struct state states[MAX_STATES]; /* the oldest first */
        size_t n;
        unsigned lag_ms[_WORLD_VIEW_MAX];
        struct db *stale[_WORLD_VIEW_MAX]; /* NULL: not stale */
        struct db *present;                /* while a view is entered */
};

static void forget(struct views *views, size_t n)
{
        for (size_t i = 0; i < n; i++)
                db_close(views->states[i].db);
        views->n -= n;
        memmove(views->states, views->states + n, views->n * sizeof(*views->states));
}

struct views *world_views_free(struct views *views)
{
        if (!views)
                return NULL;
        forget(views, views->n);
        for (size_t i = 0; i < _WORLD_VIEW_MAX; i++)
                db_close(views->stale[i]);
        free(views);
        return NULL;
}

static struct views *views_of(struct world *world)
{
        if (!world->views)
                world->views = XNEW(struct views);
        return world->views;
}

static unsigned longest_lag(const struct views *views)
{
        unsigned longest = 0;

        for (size_t i = 0; i < _WORLD_VIEW_MAX; i++)
                longest = views->lag_ms[i] > longest ? views->lag_ms[i] : longest;
        return longest;
}

static int keep_state(struct world *world, struct err *err)
{
        struct views *views = world->views;
        int64_t now = clock_boottime_ms(), until = now - longest_lag(views);
        struct db *db;
        size_t old = 0;
        int r;

        r = db_copy(world->db, &db, err);
        if (r < 0)
                return r;
        while (old + 1 < views->n && views->states[old + 1].since_ms <= until)
                old++;
        forget(views, old ?: views->n == MAX_STATES);
        views->states[views->n++] = (struct state){now, db};
        return 0;
}

void world_views_note(struct world *world)
{
        struct err err;

        if (!db_take_changed(world->db) || !world->views || longest_lag(world->views) == 0)
                return;
        if (keep_state(world, &err) < 0)
                world_note_failure(world, &err);
}

int world_views_set_lags(struct world *world, const unsigned lag_ms[static _WORLD_VIEW_MAX], struct err *err)
{
        struct views *views;
        bool late = false;

        for (size_t i = 0; i < _WORLD_VIEW_MAX; i++)
                late = late || lag_ms[i] > 0;
        if (!late && !world->views)
                return 0;
        views = views_of(world);
        memcpy(views->lag_ms, lag_ms, sizeof(views->lag_ms));
        if (!late)
                forget(views, views->n);
        return late && views->n == 0 ? keep_state(world, err) : 0;
}

int world_set_stale(struct world *world, const json_t *stale, struct err *err)
{
        static const char *const names[] = {
                [WORLD_VIEW_DESCRIBE] = "describe", [WORLD_VIEW_IMDS] = "imds", [_WORLD_VIEW_MAX] = NULL};
        struct views *views = views_of(world);
        int r;

        r = world_refuse_unknown(stale, names, "stale", err);
        for (size_t i = 0; r == 0 && i < _WORLD_VIEW_MAX; i++) {
                const json_t *value = json_object_get(stale, names[i]);

                if (value && !json_is_boolean(value))
                        r = err_set(err, ERR_INVALID, "%s: want true or false", names[i]);
        }
        for (size_t i = 0; r == 0 && i < _WORLD_VIEW_MAX; i++) {
                const json_t *value = json_object_get(stale, names[i]);

                if (!value || json_is_true(value) == (views->stale[i] != NULL))
                        continue;
                views->stale[i] = db_close(views->stale[i]);
                if (json_is_true(value))
                        r = db_copy(world->db, &views->stale[i], err);
        }
        return r;
}

/* The state that a face shows; NULL: the present one. */
static struct db *shown(const struct views *views, enum world_view view)
{
        int64_t until = clock_boottime_ms() - views->lag_ms[view];
        struct db *db = NULL;

        if (views->stale[view])
                return views->stale[view];
        if (views->lag_ms[view] == 0)
                return NULL;
        for (size_t i = 0; i < views->n && (i == 0 || views->states[i].since_ms <= until); i++)
                db = views->states[i].db;
        return db;
}

void world_view_enter(struct world *world, enum world_view view, const char *node)
{
        struct db *db = world->views ? shown(world->views, view) : NULL;
        int64_t n;

        if (!db || (node && (DB_READ_NUMBER(db, &n, NULL, "SELECT count(*) FROM instance WHERE name = ?",
                                            DB_TEXT(node)) < 0 ||
                             n == 0)))
                return;
        world->views->present = world->db;
        world->db = db;
}

void world_view_leave(struct world *world)
{
        if (!world->views || !world->views->present)
                return;
        world->db = world->views->present;
        world->views->present = NULL;
}
