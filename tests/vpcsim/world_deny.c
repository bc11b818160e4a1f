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

int world_check_patterns(const json_t *array, const char *what, struct err *err)
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
        int r = world_check_patterns(patterns, "denied", err);

        if (r < 0)
                return r;
        json_decref(world->denied);
        world->denied = json_deep_copy(patterns);
        return 0;
}

bool world_patterns_match(const json_t *array, const char *name)
{
        const json_t *item;
        size_t i;

        json_array_foreach(array, i, item)
        {
                if (world_pattern_matches(json_string_value(item), name))
                        return true;
        }
        return false;
}

/* "arn:aws:sts::123456789012:assumed-role/NAME/SESSION": the role's name is its own in the account, whatever its path. */
static bool is_denied_to_session(struct world *world, const char *action, const char *arn)
{
        static const char mark[] = ":assumed-role/";
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *name = strstr(arn, mark), *patterns = NULL;
        json_t *array;
        bool denied;

        if (!name)
                return false;
        name = arena_printf(arena, "%.*s", (int)strcspn(name + strlen(mark), "/"), name + strlen(mark));
        if (DB_READ_TEXT(world->db, arena, &patterns, NULL,
                         "SELECT denied FROM sts_role WHERE substr(arn, -length(?1) - 1) = '/' || ?1",
                         DB_TEXT(name)) < 0 ||
            !patterns)
                return false;
        array = json_loads(patterns, 0, NULL);
        denied = world_patterns_match(array, action);
        json_decref(array);
        return denied;
}

bool world_is_denied(struct world *world, const char *action, const char *caller_arn)
{
        return world_patterns_match(world->denied, action) ||
               (caller_arn && is_denied_to_session(world, action, caller_arn));
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
        r = world_check_patterns(who, state, err);
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
