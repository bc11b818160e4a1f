// SPDX-License-Identifier: Apache-2.0
/* Actions that IAM refuses, attachments that do not get on, and the patterns that all the settings use. */
#include <fnmatch.h>
#include <string.h>

#include "world_cruel_private.h"

enum { MAX_PATTERNS = 100 };

bool world_pattern_matches(const char *pattern, const char *name)
{
        return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

static int check_texts(const json_t *array, const char *what, struct err *err)
{
        const json_t *item;
        size_t i;

        if (!json_is_array(array) || json_array_size(array) > MAX_PATTERNS)
                return err_set(err, ERR_INVALID, "%s: want an array of at most %d texts", what, MAX_PATTERNS);
        json_array_foreach((json_t *)(uintptr_t)array, i, item)
        {
                if (!json_is_string(item) || json_string_length(item) == 0)
                        return err_set(err, ERR_INVALID, "%s[%zu]: want a text", what, i);
        }
        return 0;
}

int world_set_denied(struct world *world, const json_t *patterns, struct err *err)
{
        int r = check_texts(patterns, "denied", err);

        if (r < 0)
                return r;
        json_decref(world->denied);
        world->denied = json_deep_copy(patterns);
        return 0;
}

bool world_is_denied(const struct world *world, const char *action)
{
        const json_t *item;
        size_t i;

        json_array_foreach(world->denied, i, item)
        {
                if (world_pattern_matches(json_string_value(item), action))
                        return true;
        }
        return false;
}

static int set_stuck_state(struct world *world, const char *state, const json_t *who, struct err *err)
{
        const json_t *item;
        size_t i;
        int r;

        r = DB_RUN(world->db, err, "DELETE FROM stuck WHERE state = ?", DB_TEXT(state));
        if (r < 0 || json_is_false(who))
                return r;
        if (json_is_true(who))
                return DB_RUN(world->db, err, "INSERT INTO stuck VALUES (?, '*')", DB_TEXT(state));
        r = check_texts(who, state, err);
        if (r < 0)
                return r;
        json_array_foreach((json_t *)(uintptr_t)who, i, item)
        {
                r = DB_RUN(world->db, err, "INSERT OR IGNORE INTO stuck VALUES (?, ?)", DB_TEXT(state),
                           DB_TEXT(json_string_value(item)));
                if (r < 0)
                        return r;
        }
        return 0;
}

int world_set_stuck(struct world *world, const json_t *stuck, struct err *err)
{
        static const char *const states[] = {"attaching", "detaching", NULL};
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int r;

        if ((r = world_refuse_unknown(stuck, states, "stuck", err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0)
                return r;
        for (size_t i = 0; states[i]; i++) {
                const json_t *who = json_object_get(stuck, states[i]);

                r = who ? set_stuck_state(world, states[i], who, err) : 0;
                if (r < 0)
                        return err_wrap(err, "stuck");
        }
        r = db_commit(&transaction, err);
        world_wake(world);
        return r;
}
