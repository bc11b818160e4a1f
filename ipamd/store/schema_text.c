// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a database's schema is the text that this program would write: a version number alone may lie (another branch's
 * program, a hand that took a trigger away), and then the rules that the schema holds would not hold.
 */
#include <string.h>

#include "store/schema.h"

static const char select_objects[] =
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_'"
        " ORDER BY type, name";

static int differs(const char *type, const char *name, const char *how, struct err *err)
{
        return err_set(err, ERR_INVALID, "%s %s %s", type, name, how);
}

static int compare_rows(struct store *store, struct store *fresh, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *theirs = NULL, *ours = NULL;
        int has_theirs, has_ours;
        int r = stmt_start(store, select_objects, NO_VALUES, &theirs, err);

        if (r == 0)
                r = stmt_start(fresh, select_objects, NO_VALUES, &ours, err);
        while (r == 0) {
                int order;

                has_theirs = stmt_step(store, theirs, err);
                has_ours = has_theirs < 0 ? -1 : stmt_step(fresh, ours, err);
                if (has_theirs < 0 || has_ours < 0)
                        return has_theirs < 0 ? has_theirs : has_ours;
                if (!has_theirs && !has_ours)
                        return 0;
                order = !has_theirs ? 1 : !has_ours ? -1 : strcmp(stmt_peek(theirs, 0), stmt_peek(ours, 0));
                if (order == 0)
                        order = strcmp(stmt_peek(theirs, 1), stmt_peek(ours, 1));
                if (order > 0)
                        r = differs(stmt_peek(ours, 0), stmt_peek(ours, 1), "is missing", err);
                else if (order < 0)
                        r = differs(stmt_peek(theirs, 0), stmt_peek(theirs, 1), "is not known", err);
                else if (strcmp(stmt_peek(theirs, 2), stmt_peek(ours, 2)) != 0)
                        r = differs(stmt_peek(ours, 0), stmt_peek(ours, 1), "is another one", err);
        }
        return r;
}

int schema_check_text(struct store *store, int version, struct err *err)
{
        _cleanup_(store_freep) struct store *fresh = NULL;
        int r = store_connect(":memory:", &fresh, err);

        if (r == 0)
                r = schema_run(fresh, 0, version, err);
        if (r == 0)
                r = compare_rows(store, fresh, err);
        return r;
}
