// SPDX-License-Identifier: Apache-2.0
/*
 * The mark and the route table of an ENI: given out when it is attached, its own while it is routed, free again when it
 * leaves. They are aws-vpc-cni's, which follow from the place of the ENI on the instance, so that nothing changes on a node
 * that changes over; where another ENI has those already (the same device index on another card; one that EC2 has replaced, and
 * the database still has), the highest that nobody has.
 */
#include <vpcwire/dataplane.h>

#include "store/stmt.h"

/* ?1 is the usual number, ?2 the highest. None is free: NULL. */
#define NUMBER(column)                                                                                       \
        "SELECT CASE WHEN ?1 <= ?2 AND NOT EXISTS (SELECT 1 FROM enis WHERE " column " = ?1) THEN ?1 ELSE"   \
        " (WITH RECURSIVE n(i) AS (SELECT ?2 UNION ALL SELECT i - 1 FROM n WHERE i > 1 AND i IN"             \
        "  (SELECT " column " FROM enis)) SELECT min(i) FROM n WHERE i NOT IN (SELECT " column " FROM enis"  \
        "  WHERE " column " IS NOT NULL)) END"

static int give_numbers(struct store *store, int64_t key, unsigned device_index, unsigned network_card,
                        struct err *err)
{
        int64_t mark = 0, table = 0;
        int r = stmt_number(store, NUMBER("mark_index"),
                            VALUES(SQL_INT(network_card ? DATAPLANE_ENI_INDEX_MAX + 1 : device_index),
                                   SQL_INT(DATAPLANE_ENI_INDEX_MAX)),
                            &mark, err);

        if (r >= 0)
                r = stmt_number(store, NUMBER("route_table"),
                                VALUES(SQL_INT(dataplane_eni_table(device_index, network_card)),
                                       SQL_INT(DATAPLANE_TABLE_LAST)),
                                &table, err);
        /* More ENIs than marks: what has none is not routed, and its blocks never usable. */
        if (r < 0 || !mark || !table)
                return r < 0 ? r : 0;
        return stmt_run(store, "UPDATE enis SET mark_index = ?2, route_table = ?3 WHERE key = ?1",
                        VALUES(SQL_INT(key), SQL_INT(mark), SQL_INT(table)), err);
}

#define WITHOUT_NUMBERS                                                                                      \
        "managed = 1 AND is_primary = 0 AND route_table IS NULL AND state IN ('configuring', 'ready', "      \
        "'draining')"

int eni_number_all(struct store *store, struct err *err)
{
        for (int64_t key = 0;;) {
                _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
                unsigned device_index, network_card;
                int r = stmt_start(store,
                                   "SELECT key, device_index, network_card FROM enis WHERE " WITHOUT_NUMBERS
                                   " AND key > ?1 ORDER BY key LIMIT 1",
                                   VALUES(SQL_INT(key)), &s, err);

                if (r == 0)
                        r = stmt_step(store, s, err);
                if (r <= 0)
                        return r;
                key = stmt_int(s, 0);
                device_index = stmt_unsigned(s, 1);
                network_card = stmt_unsigned(s, 2);
                stmt_donep(&s);
                s = NULL;
                r = give_numbers(store, key, device_index, network_card, err);
                if (r < 0)
                        return r;
        }
}
