// SPDX-License-Identifier: Apache-2.0
/*
 * Which objects a query means: EC2's filters as SQL. Each kind of object has a table {filter, condition}; in a condition
 * `o` is the object's row and `?` the pattern. Several values of a filter are alternatives, several filters all hold.
 */
#include <stdio.h>
#include <string.h>

#include "world_private.h"

enum { MAX_FILTERS = 50, MAX_FILTER_VALUES = 200, MAX_IDS = 1000 };

struct filter_row {
        const char *name, *condition;
};

#define OF_ATTACHMENT(what) "EXISTS (SELECT 1 FROM attachment a WHERE a.eni = o.id AND " what " GLOB ?)"
#define OF_ADDRESS(what)    "EXISTS (SELECT 1 FROM address a WHERE a.eni = o.id AND " what " GLOB ?)"
#define OF_SUBNET(what)     "EXISTS (SELECT 1 FROM subnet s WHERE s.id = o.subnet AND s." what " GLOB ?)"
#define IS_BRANCH           "EXISTS (SELECT 1 FROM trunk_association t WHERE t.branch = o.id)"
#define TRUTH(what)         "CASE " what " WHEN 0 THEN 'false' ELSE 'true' END"

static const struct filter_row eni_filters[] = {
        {"network-interface-id", "o.id GLOB ?"},
        {"subnet-id", "o.subnet GLOB ?"},
        {"vpc-id", "o.vpc GLOB ?"},
        {"description", "o.description GLOB ?"},
        {"mac-address", "o.mac GLOB ?"},
        {"interface-type", "iif(" IS_BRANCH ", 'branch', o.type) GLOB ?"},
        {"source-dest-check", TRUTH("o.source_dest_check") " GLOB ?"},
        {"availability-zone", OF_SUBNET("zone")},
        {"status", "iif(EXISTS (SELECT 1 FROM attachment a WHERE a.eni = o.id) OR " IS_BRANCH
                   ", 'in-use', 'available') GLOB "
                   "?"},
        {"private-ip-address", OF_ADDRESS("a.is_primary AND a.ip")},
        {"addresses.private-ip-address", OF_ADDRESS("a.last = a.number AND a.ip")},
        {"addresses.primary", OF_ADDRESS(TRUTH("a.is_primary"))},
        {"ipv6-addresses.ipv6-address",
         "EXISTS (SELECT 1 FROM ipv6 a WHERE a.eni = o.id AND a.host IS NOT NULL AND"
         " replace(a.cidr, '/128', '') GLOB ?)"},
        {"attachment.attachment-id", OF_ATTACHMENT("a.id")},
        {"attachment.instance-id", OF_ATTACHMENT("a.instance")},
        {"attachment.status", OF_ATTACHMENT("a.status")},
        {"attachment.device-index", OF_ATTACHMENT("CAST(a.device_index AS TEXT)")},
        {"attachment.delete-on-termination", OF_ATTACHMENT(TRUTH("a.delete_on_termination"))},
        {"group-id", "EXISTS (SELECT 1 FROM eni_group g WHERE g.eni = o.id AND g.security_group GLOB ?)"},
        {"group-name", "EXISTS (SELECT 1 FROM eni_group g JOIN security_group s ON s.id = g.security_group"
                       " WHERE g.eni = o.id AND s.name GLOB ?)"},
        {0},
};

static const struct filter_row subnet_filters[] = {
        {"subnet-id", "o.id GLOB ?"},
        {"vpc-id", "o.vpc GLOB ?"},
        {"availability-zone", "o.zone GLOB ?"},
        {"cidr-block", "o.cidr GLOB ?"},
        {"state", "'available' GLOB ?"},
        {"ipv6-cidr-block-association.ipv6-cidr-block", "o.ipv6_cidr GLOB ?"},
        {0},
};

static const struct filter_row vpc_filters[] = {
        {"vpc-id", "o.id GLOB ?"},
        {"cidr-block-association.cidr-block",
         "EXISTS (SELECT 1 FROM vpc_cidr c WHERE c.vpc = o.id AND c.cidr GLOB ?)"},
        {"state", "'available' GLOB ?"},
        {0},
};

static const struct filter_row group_filters[] = {
        {"group-id", "o.id GLOB ?"},
        {"group-name", "o.name GLOB ?"},
        {"vpc-id", "o.vpc GLOB ?"},
        {"description", "o.description GLOB ?"},
        {0},
};

static const struct filter_row instance_filters[] = {
        {"instance-id", "o.id GLOB ?"},
        {"instance-type", "o.type GLOB ?"},
        {"instance-state-name", "'running' GLOB ?"},
        {"subnet-id", "o.subnet GLOB ?"},
        {"vpc-id", OF_SUBNET("vpc")},
        {"availability-zone", OF_SUBNET("zone")},
        {"private-ip-address", "EXISTS (SELECT 1 FROM attachment t JOIN address a ON a.eni = t.eni WHERE"
                               " t.instance = o.id AND t.device_index = 0 AND a.is_primary AND a.ip GLOB ?)"},
        {"network-interface.network-interface-id",
         "EXISTS (SELECT 1 FROM attachment t WHERE t.instance = o.id AND t.eni GLOB ?)"},
        {0},
};

static const struct filter_row association_filters[] = {
        {"interface-protocol", "'VLAN' GLOB ?"},
        {"gre-key", "NULL GLOB ?"},
        {0},
};

static const struct {
        const char *table, *not_found, *text, *text_of_several;
        const struct filter_row *filters;
} kinds[] = {
        [WORLD_ENI] = {"eni", "InvalidNetworkInterfaceID.NotFound",
                       "The networkInterface ID '%s' does not exist",
                       "The networkInterface IDs '%s' do not exist", eni_filters},
        [WORLD_SUBNET] = {"subnet", "InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist",
                          "The subnet IDs '%s' do not exist", subnet_filters},
        [WORLD_VPC] = {"vpc", "InvalidVpcID.NotFound", "The vpc ID '%s' does not exist",
                       "The vpc IDs '%s' do not exist", vpc_filters},
        [WORLD_GROUP] = {"security_group", "InvalidGroup.NotFound", "The security group '%s' does not exist",
                         "The security groups '%s' do not exist", group_filters},
        [WORLD_INSTANCE] = {"instance", "InvalidInstanceID.NotFound", "The instance ID '%s' does not exist",
                            "The instance IDs '%s' do not exist", instance_filters},
        [WORLD_ASSOCIATION] = {"trunk_association", "InvalidAssociationID.NotFound",
                               "The association ID '%s' does not exist",
                               "The association IDs '%s' do not exist", association_filters},
};

/* One SQL text with its values. */
struct sql {
        struct text text;
        struct arena *arena;
        struct db_value *values;
        size_t n;
};

static void sql_add(struct sql *sql, const char *text, const char *value)
{
        text_add(&sql->text, "%s", text);
        sql->values[sql->n++] = DB_TEXT(value);
}

/* EC2's pattern (* ? and \ before a literal one) as SQLite's GLOB, where [ is special too and \ is not. */
static const char *to_glob(const char *pattern, struct arena *arena)
{
        char *glob = arena_alloc(arena, strlen(pattern) * 3 + 1, 1), *at = glob;

        for (const char *p = pattern; *p; p++) {
                bool literal = *p == '\\' && (p[1] == '*' || p[1] == '?' || p[1] == '\\');

                if (literal)
                        p++;
                if (*p == '[' || (literal && *p != '\\')) {
                        *at++ = '[';
                        *at++ = *p;
                        *at++ = ']';
                } else {
                        *at++ = *p;
                }
        }
        return glob;
}

static const char *find_condition(enum world_kind kind, const char *name)
{
        if (strcmp(name, "tag-key") == 0)
                return "EXISTS (SELECT 1 FROM tag WHERE resource = o.id AND key GLOB ?)";
        if (strcmp(name, "owner-id") == 0)
                return "EXISTS (SELECT 1 FROM account c WHERE c.id GLOB ?)";
        for (const struct filter_row *row = kinds[kind].filters; row->name; row++)
                if (strcmp(row->name, name) == 0)
                        return row->condition;
        return NULL;
}

static int add_filter(struct world *world, enum world_kind kind, const struct world_filter *filter,
                      struct sql *sql, struct err *err)
{
        bool tag = strncmp(filter->name, "tag:", 4) == 0;
        const char *condition = tag ? NULL : find_condition(kind, filter->name);

        if (!tag && !condition)
                return world_refuse(world, err, "InvalidParameterValue", "The filter '%.128s' is invalid",
                                    filter->name);
        if (filter->n_values == 0 || filter->n_values > MAX_FILTER_VALUES)
                return world_refuse(world, err, "FilterLimitExceeded",
                                    "The filter '%.128s' must have 1 to %d values", filter->name,
                                    MAX_FILTER_VALUES);
        text_add(&sql->text, " AND (0");
        for (size_t i = 0; i < filter->n_values; i++) {
                const char *glob = to_glob(filter->values[i], sql->arena);

                text_add(&sql->text, " OR ");
                if (tag) {
                        sql_add(sql, "EXISTS (SELECT 1 FROM tag WHERE resource = o.id AND key = ?",
                                filter->name + 4);
                        sql_add(sql, " AND value GLOB ?)", glob);
                } else {
                        sql_add(sql, condition, glob);
                }
        }
        text_add(&sql->text, ")");
        return 0;
}

static int add_ids(struct world *world, enum world_kind kind, const struct world_query *query,
                   struct sql *sql, struct err *err)
{
        _cleanup_(text_done) struct text missing = {0};
        size_t n_missing = 0;
        int64_t n;
        int r;

        if (query->n_ids == 0)
                return 0;
        text_add(&sql->text, " AND o.id IN (");
        for (size_t i = 0; i < query->n_ids; i++) {
                const char *count =
                        arena_printf(sql->arena, "SELECT count(*) FROM %s WHERE id = ?", kinds[kind].table);

                r = DB_READ_NUMBER(world->db, &n, err, count, DB_TEXT(query->ids[i]));
                if (r < 0)
                        return r;
                if (n == 0)
                        text_add(&missing, "%s%.64s", n_missing++ ? ", " : "", query->ids[i]);
                sql_add(sql, i ? ", ?" : "?", query->ids[i]);
        }
        text_add(&sql->text, ")");
        if (n_missing > 0) {
                const char *head = n_missing == 1 ? kinds[kind].text : kinds[kind].text_of_several;
                const char *at = strstr(head, "%s");

                return world_refuse(world, err, kinds[kind].not_found, "%.*s%s%s", (int)(at - head), head,
                                    missing.text, at + 2);
        }
        return 0;
}

int world_exists(struct world *world, enum world_kind kind, const char *id, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *const ids[] = {id};
        int64_t *places, next;
        size_t n;

        return world_find_places(world, kind, &(struct world_query){.ids = ids, .n_ids = 1}, arena, &places,
                                 &n, &next, err);
}

static int read_places(struct world *world, const struct sql *sql, unsigned limit, int64_t **ret,
                       size_t *ret_n, int64_t *ret_next, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        _cleanup_free_ int64_t *places = NULL;
        size_t n = 0, capacity = 0;
        int r;

        r = db_prepare(world->db, &statement, sql->text.text, sql->values, sql->n, err);
        if (r < 0)
                return r;
        *ret_next = 0;
        while ((r = db_next(statement, err)) > 0) {
                if (limit && n == limit) {
                        *ret_next = places[n - 1];
                        break;
                }
                GROW(places, n, capacity);
                places[n++] = sqlite3_column_int64(statement, 0);
        }
        if (r < 0)
                return r;
        *ret = ARENA_ARRAY(sql->arena, int64_t, n);
        if (n)
                memcpy(*ret, places, n * sizeof(*places));
        *ret_n = n;
        return 0;
}

int world_find_places(struct world *world, enum world_kind kind, const struct world_query *query,
                      struct arena *arena, int64_t **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct sql sql = {.arena = arena};
        size_t n = query->n_ids;
        int r = 0;

        if (query->n_filters > MAX_FILTERS || query->n_ids > MAX_IDS)
                return world_refuse(world, err, "FilterLimitExceeded", "Too many filters or ids");
        for (size_t i = 0; i < query->n_filters; i++)
                n += query->filters[i].n_values * 2;
        sql.values = ARENA_ARRAY(arena, struct db_value, n + 1);
        text_add(&sql.text, "SELECT o.seq FROM %s o WHERE o.seq > %lld", kinds[kind].table,
                 (long long)query->after);
        for (size_t i = 0; i < query->n_filters && r == 0; i++)
                r = add_filter(world, kind, &query->filters[i], &sql, err);
        if (r == 0)
                r = add_ids(world, kind, query, &sql, err);
        text_add(&sql.text, " ORDER BY o.seq");
        if (r == 0)
                r = read_places(world, &sql, query->limit, ret, ret_n, ret_next, err);
        text_done(&sql.text);
        return r;
}
