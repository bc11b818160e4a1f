// SPDX-License-Identifier: Apache-2.0
/* The Describe verbs: what world_filter.c finds, loaded. */
#include <string.h>

#include "plan/instance_limits.h"
#include "world_private.h"

/* The text of one column of an object at a place. */
static int text_at(struct world *world, const char *sql, int64_t place, struct arena *arena, const char **ret,
                   struct err *err)
{
        return DB_READ_TEXT(world->db, arena, ret, err, sql, DB_NUMBER(place));
}

int world_find_enis(struct world *world, const struct world_query *query, struct arena *arena,
                    struct world_eni **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct world_eni *enis;
        int64_t *places, next;
        const char *id;
        size_t n;
        int r;

        r = world_find_places(world, WORLD_ENI, query, arena, &places, &n, &next, err);
        if (r < 0)
                return r;
        enis = ARENA_ARRAY(arena, struct world_eni, n);
        for (size_t i = 0; i < n; i++)
                if ((r = text_at(world, "SELECT id FROM eni WHERE seq = ?", places[i], arena, &id, err)) <
                            0 ||
                    (r = world_load_eni(world, id, false, arena, &enis[i], err)) < 0)
                        return r;
        *ret = enis;
        *ret_n = n;
        *ret_next = next;
        return 0;
}

int world_find_instances(struct world *world, const struct world_query *query, struct arena *arena,
                         struct world_instance **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct world_instance *instances;
        int64_t *places, next;
        const char *name;
        size_t n;
        int r;

        r = world_find_places(world, WORLD_INSTANCE, query, arena, &places, &n, &next, err);
        if (r < 0)
                return r;
        instances = ARENA_ARRAY(arena, struct world_instance, n);
        for (size_t i = 0; i < n; i++)
                if ((r = text_at(world, "SELECT name FROM instance WHERE seq = ?", places[i], arena, &name,
                                 err)) < 0 ||
                    (r = world_load_instance(world, name, false, arena, &instances[i], err)) < 0)
                        return r;
        *ret = instances;
        *ret_n = n;
        *ret_next = next;
        return 0;
}

static int load_subnet(struct world *world, int64_t place, struct arena *arena, struct world_subnet *ret,
                       struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT id, vpc, zone, cidr, ipv6_cidr FROM subnet WHERE seq = ?", DB_NUMBER(place));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no subnet at %lld", (long long)place);
        *ret = (struct world_subnet){
                .id = db_column_text(statement, 0, arena),
                .vpc_id = db_column_text(statement, 1, arena),
                .zone = db_column_text(statement, 2, arena),
                .cidr = db_column_text(statement, 3, arena),
                .ipv6_cidr = db_column_text(statement, 4, arena),
        };
        r = world_count_free(world, ret->id, &ret->free_addresses, err);
        if (r < 0)
                return r;
        return world_load_tags(world, ret->id, arena, &ret->tags, &ret->n_tags, err);
}

int world_find_subnets(struct world *world, const struct world_query *query, struct arena *arena,
                       struct world_subnet **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct world_subnet *subnets;
        int64_t *places, next;
        size_t n;
        int r;

        r = world_find_places(world, WORLD_SUBNET, query, arena, &places, &n, &next, err);
        if (r < 0)
                return r;
        subnets = ARENA_ARRAY(arena, struct world_subnet, n);
        for (size_t i = 0; i < n; i++) {
                r = load_subnet(world, places[i], arena, &subnets[i], err);
                if (r < 0)
                        return r;
        }
        *ret = subnets;
        *ret_n = n;
        *ret_next = next;
        return 0;
}

/* The CIDRs of one family, from its table. */
static int load_vpc_cidrs(struct world *world, const char *table, const char *vpc_id, struct arena *arena,
                          const char ***ret, size_t *ret_n, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        const char **cidrs;
        int64_t count;
        size_t n = 0;
        int r;

        if ((r = DB_READ_NUMBER(world->db, &count, err,
                                arena_printf(arena, "SELECT count(*) FROM %s WHERE vpc = ?", table),
                                DB_TEXT(vpc_id))) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            arena_printf(arena, "SELECT cidr FROM %s WHERE vpc = ? ORDER BY rowid", table),
                            DB_TEXT(vpc_id))) < 0)
                return r;
        cidrs = ARENA_ARRAY(arena, const char *, (size_t)count);
        while ((r = db_next(statement, err)) > 0)
                cidrs[n++] = db_column_text(statement, 0, arena);
        *ret = cidrs;
        *ret_n = n;
        return r;
}

static int load_vpc(struct world *world, int64_t place, struct arena *arena, struct world_vpc *ret,
                    struct err *err)
{
        struct world_vpc vpc = {0};
        int r;

        if ((r = text_at(world, "SELECT id FROM vpc WHERE seq = ?", place, arena, &vpc.id, err)) < 0 ||
            (r = load_vpc_cidrs(world, "vpc_cidr", vpc.id, arena, &vpc.cidrs, &vpc.n_cidrs, err)) < 0 ||
            (r = load_vpc_cidrs(world, "vpc_ipv6_cidr", vpc.id, arena, &vpc.ipv6_cidrs, &vpc.n_ipv6_cidrs,
                                err)) < 0 ||
            (r = world_load_tags(world, vpc.id, arena, &vpc.tags, &vpc.n_tags, err)) < 0)
                return r;
        *ret = vpc;
        return 0;
}

int world_find_vpcs(struct world *world, const struct world_query *query, struct arena *arena,
                    struct world_vpc **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct world_vpc *vpcs;
        int64_t *places, next;
        size_t n;
        int r;

        r = world_find_places(world, WORLD_VPC, query, arena, &places, &n, &next, err);
        if (r < 0)
                return r;
        vpcs = ARENA_ARRAY(arena, struct world_vpc, n);
        for (size_t i = 0; i < n; i++) {
                r = load_vpc(world, places[i], arena, &vpcs[i], err);
                if (r < 0)
                        return r;
        }
        *ret = vpcs;
        *ret_n = n;
        *ret_next = next;
        return 0;
}

static int load_group(struct world *world, int64_t place, struct arena *arena, struct world_group *ret,
                      struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT id, name, vpc, description FROM security_group WHERE seq = ?",
                       DB_NUMBER(place));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no group at %lld", (long long)place);
        *ret = (struct world_group){
                .id = db_column_text(statement, 0, arena),
                .name = db_column_text(statement, 1, arena),
                .vpc_id = db_column_text(statement, 2, arena),
                .description = db_column_text(statement, 3, arena),
        };
        return 0;
}

int world_find_groups(struct world *world, const struct world_query *query, struct arena *arena,
                      struct world_group **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct world_group *groups;
        int64_t *places, next;
        size_t n;
        int r;

        r = world_find_places(world, WORLD_GROUP, query, arena, &places, &n, &next, err);
        if (r < 0)
                return r;
        groups = ARENA_ARRAY(arena, struct world_group, n);
        for (size_t i = 0; i < n; i++) {
                r = load_group(world, places[i], arena, &groups[i], err);
                if (r < 0)
                        return r;
        }
        *ret = groups;
        *ret_n = n;
        *ret_next = next;
        return 0;
}

int world_find_instance_type(struct world *world, const char *name, struct world_instance_type *ret,
                             struct err *err)
{
        const json_t *own = json_object_get(world->instance_types, name);
        const struct instance_limits *limits;

        if (own) {
                *ret = (struct world_instance_type){
                        .name = name,
                        .max_enis = (unsigned)json_integer_value(json_object_get(own, "max_enis")),
                        .ipv4_per_eni = (unsigned)json_integer_value(json_object_get(own, "ipv4_per_eni")),
                        .max_branches = (unsigned)json_integer_value(json_object_get(own, "max_branches")),
                };
                return 0;
        }
        limits = instance_limits_find(name);
        if (!limits)
                return world_refuse(world, err, "InvalidInstanceType",
                                    "The following supplied instance types do not exist: [%.64s]", name);
        *ret = (struct world_instance_type){name, limits->max_enis, limits->ipv4_per_eni,
                                            world_max_branches(name, limits->max_enis, limits->ipv4_per_eni)};
        return 0;
}

int world_list_instance_types(struct world *world, struct arena *arena, const char ***ret, size_t *ret_n,
                              struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        const char **names;
        int64_t count;
        size_t n = 0;
        int r;

        if ((r = DB_READ_NUMBER(world->db, &count, err, "SELECT count(DISTINCT type) FROM instance")) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err, "SELECT DISTINCT type FROM instance ORDER BY type")) <
                    0)
                return r;
        names = ARENA_ARRAY(arena, const char *, (size_t)count);
        while ((r = db_next(statement, err)) > 0)
                names[n++] = db_column_text(statement, 0, arena);
        *ret = names;
        *ret_n = n;
        return r;
}
