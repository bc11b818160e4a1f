// SPDX-License-Identifier: Apache-2.0
/* The database turns out to be another machine's: it is emptied, while connections stay open, and a copy is kept. */
#include <stdio.h>

#include "store/backup.h"
#include "store/stmt.h"

/* VACUUM INTO: what a reader would see, in one file. It is no reason to go on with another's ENIs that it cannot be kept. */
static int keep_copy(struct store *store, const char *instance_id, char ret[static STORE_PATH_BYTES],
                     struct err *err)
{
        int r;

        backup_name(store->path, BACKUP_OTHER_INSTANCE, instance_id, ret);
        r = stmt_run(store, "VACUUM INTO ?1", VALUES(SQL_TEXT(ret)), err);
        if (r < 0)
                *ret = '\0';
        else
                backup_prune(store->path);
        return r;
}

/* A lease that is left at this point is one that the kernel bore out at this start: its pod runs here. */
static int hold_leases(struct store *store, struct err *err)
{
        return stmt_run(store,
                        "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace,"
                        " pod_name, since_wall_ms) SELECT a.hex, '', l.container_id, l.host_ifname,"
                        " l.pod_namespace, l.pod_name, l.since_wall_ms FROM leases l JOIN addresses a"
                        " ON a.lease = l.key WHERE l.host_ifname <> ''"
                        " ON CONFLICT (hex) DO UPDATE SET network = '',"
                        " container_id = excluded.container_id, ifname = excluded.ifname,"
                        " verdict = 'pending', reason = ''",
                        NO_VALUES, err);
}

int store_begin_anew(struct store *store, const char *instance_id, const char *why,
                     char ret_backup[static STORE_PATH_BYTES], struct err *ret_not_kept, struct err *err)
{
        static const char *const steps[] = {
                "UPDATE addresses SET lease = NULL, held = 1 WHERE lease IS NOT NULL",
                "DELETE FROM leases",
                "UPDATE blocks SET state = 'preparing' WHERE state = 'usable'", /* which holds nothing */
                "DELETE FROM addresses",
                "DELETE FROM blocks",
                "DELETE FROM enis",
                "DELETE FROM conditions",
                "DELETE FROM events",
                "DELETE FROM given_back",
        };
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r;

        (void)keep_copy(store, instance_id, ret_backup, ret_not_kept);
        r = store_begin(store, &tx, err);
        if (r == 0)
                r = hold_leases(store, err);
        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = stmt_run(store, steps[i], NO_VALUES, err);
        if (r == 0) /* what this start has written is of this machine */
                r = stmt_run(store, "DELETE FROM facts WHERE name NOT IN (" STORE_FACTS_OF_A_START ")",
                             NO_VALUES, err);
        if (r == 0)
                r = store_note(store, EVENT_DATABASE_REPLACED, ret_backup, why, err);
        return r < 0 ? r : store_commit(&tx, err);
}
