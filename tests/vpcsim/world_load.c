// SPDX-License-Identifier: Apache-2.0
/* Rows into the plain structs of world_ec2.h. */
#include <string.h>

#include <vpcwire/clock.h>

#include "world_pool.h"

/* What IMDS shows by now; a column of the statement below decides with this limit. */
static int64_t shown_until(bool imds)
{
        return imds ? clock_boottime_ms() : INT64_MAX;
}

/* The list of one statement: rows are counted first, so that the array is right at once. */
#define COUNT(world, ret, err, table_and_condition, ...)                                                     \
        DB_READ_NUMBER((world)->db, ret, err, "SELECT count(*) FROM " table_and_condition, __VA_ARGS__)

int world_load_tags(struct world *world, const char *id, struct arena *arena, struct world_tag **ret,
                    size_t *ret_n, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        struct world_tag *tags;
        size_t n = 0;
        int64_t count;
        int r;

        if ((r = COUNT(world, &count, err, "tag WHERE resource = ?", DB_TEXT(id))) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            "SELECT key, value FROM tag WHERE resource = ? ORDER BY key", DB_TEXT(id))) < 0)
                return r;
        tags = ARENA_ARRAY(arena, struct world_tag, (size_t)count);
        while ((r = db_next(statement, err)) > 0)
                tags[n++] = (struct world_tag){db_column_text(statement, 0, arena),
                                               db_column_text(statement, 1, arena)};
        *ret = tags;
        *ret_n = n;
        return r;
}

static int load_addresses(struct world *world, bool imds, struct arena *arena, struct world_eni *eni,
                          struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int64_t count, until = shown_until(imds);
        int r;

        if ((r = COUNT(world, &count, err, "address WHERE eni = ? AND imds_ms <= ?", DB_TEXT(eni->id),
                       DB_NUMBER(until))) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            "SELECT number, is_primary, public, last > number FROM address WHERE eni = ? AND"
                            " imds_ms <= ? ORDER BY is_primary DESC, seq",
                            DB_TEXT(eni->id), DB_NUMBER(until))) < 0)
                return r;
        eni->addresses = ARENA_ARRAY(arena, struct world_address, (size_t)count);
        eni->prefixes = ARENA_ARRAY(arena, struct prefix, (size_t)count);
        while ((r = db_next(statement, err)) > 0) {
                struct ip ip = ip_from_u32((uint32_t)sqlite3_column_int64(statement, 0));

                if (sqlite3_column_int(statement, 3))
                        eni->prefixes[eni->n_prefixes++] = (struct prefix){ip, WORLD_PREFIX_BITS};
                else
                        eni->addresses[eni->n_addresses++] = (struct world_address){
                                .ip = ip,
                                .primary = sqlite3_column_int(statement, 1),
                                .public_address = db_column_text(statement, 2, arena),
                        };
        }
        return r;
}

static int load_ipv6(struct world *world, bool imds, struct arena *arena, struct world_eni *eni,
                     struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int64_t count, until = shown_until(imds);
        int r;

        if ((r = COUNT(world, &count, err, "ipv6 WHERE eni = ? AND imds_ms <= ?", DB_TEXT(eni->id),
                       DB_NUMBER(until))) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            "SELECT cidr FROM ipv6 WHERE eni = ? AND imds_ms <= ? ORDER BY seq",
                            DB_TEXT(eni->id), DB_NUMBER(until))) < 0)
                return r;
        eni->ipv6 = ARENA_ARRAY(arena, struct prefix, (size_t)count);
        while ((r = db_next(statement, err)) > 0) {
                r = prefix_parse((const char *)sqlite3_column_text(statement, 0), &eni->ipv6[eni->n_ipv6++],
                                 err);
                if (r < 0)
                        return r;
        }
        return r;
}

static int load_groups(struct world *world, struct arena *arena, struct world_eni *eni, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int64_t count;
        int r;

        if ((r = COUNT(world, &count, err, "eni_group WHERE eni = ?", DB_TEXT(eni->id))) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            "SELECT s.id, s.name, s.vpc, s.description FROM eni_group g JOIN security_group s"
                            " ON s.id = g.security_group WHERE g.eni = ? ORDER BY s.seq",
                            DB_TEXT(eni->id))) < 0)
                return r;
        eni->groups = ARENA_ARRAY(arena, struct world_group, (size_t)count);
        while ((r = db_next(statement, err)) > 0)
                eni->groups[eni->n_groups++] = (struct world_group){
                        .id = db_column_text(statement, 0, arena),
                        .name = db_column_text(statement, 1, arena),
                        .vpc_id = db_column_text(statement, 2, arena),
                        .description = db_column_text(statement, 3, arena),
                };
        return r;
}

static int load_attachment(struct world *world, struct arena *arena, struct world_eni *eni, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT id, instance, status, attach_wall_ms, device_index, delete_on_termination"
                       " FROM attachment WHERE eni = ?",
                       DB_TEXT(eni->id));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r;
        eni->attachment = ARENA_NEW(arena, struct world_attachment);
        *eni->attachment = (struct world_attachment){
                .id = db_column_text(statement, 0, arena),
                .instance_id = db_column_text(statement, 1, arena),
                .status = db_column_text(statement, 2, arena),
                .attach_ms = sqlite3_column_int64(statement, 3),
                .device_index = (unsigned)sqlite3_column_int(statement, 4),
                .delete_on_termination = sqlite3_column_int(statement, 5),
        };
        return 0;
}

/* With it any ENI is a branch. */
static int load_association(struct world *world, struct arena *arena, struct world_eni *eni, struct err *err)
{
        struct world_association association;
        int r = world_load_association(world, "branch", eni->id, arena, &association, err);

        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r;
        eni->type = "branch";
        eni->association = ARENA_NEW(arena, struct world_association);
        *eni->association = association;
        return 0;
}

int world_load_eni(struct world *world, const char *eni_id, bool imds, struct arena *arena,
                   struct world_eni *ret, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        struct world_eni eni;
        int r;

        r = DB_PREPARE(
                world->db, &statement, err,
                "SELECT e.id, e.subnet, e.vpc, s.zone, e.description, e.mac, e.source_dest_check, e.type"
                " FROM eni e JOIN subnet s ON s.id = e.subnet WHERE e.id = ?",
                DB_TEXT(eni_id));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no ENI %s", eni_id);
        eni = (struct world_eni){
                .id = db_column_text(statement, 0, arena),
                .subnet_id = db_column_text(statement, 1, arena),
                .vpc_id = db_column_text(statement, 2, arena),
                .zone = db_column_text(statement, 3, arena),
                .description = db_column_text(statement, 4, arena),
                .mac = db_column_text(statement, 5, arena),
                .source_dest_check = sqlite3_column_int(statement, 6),
                .type = db_column_text(statement, 7, arena),
        };
        if ((r = load_addresses(world, imds, arena, &eni, err)) < 0 ||
            (r = load_ipv6(world, imds, arena, &eni, err)) < 0 ||
            (r = load_groups(world, arena, &eni, err)) < 0 ||
            (r = load_attachment(world, arena, &eni, err)) < 0 ||
            (r = load_association(world, arena, &eni, err)) < 0 ||
            (r = world_load_tags(world, eni.id, arena, &eni.tags, &eni.n_tags, err)) < 0)
                return r;
        *ret = eni;
        return 0;
}

static int load_instance_enis(struct world *world, bool imds, struct arena *arena,
                              struct world_instance *instance, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int64_t count, until = shown_until(imds);
        int r;

        /* IMDS knows no attachment before it is complete: imds_ms is NULL until then. */
        if ((r = COUNT(world, &count, err, "attachment WHERE instance = ?", DB_TEXT(instance->id))) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            "SELECT eni FROM attachment WHERE instance = ? AND (ifnull(imds_ms, ?) <= ?)"
                            " ORDER BY device_index",
                            DB_TEXT(instance->id), DB_NUMBER(INT64_MAX), DB_NUMBER(until))) < 0)
                return r;
        instance->enis = ARENA_ARRAY(arena, struct world_eni, (size_t)count);
        while ((r = db_next(statement, err)) > 0) {
                const char *id = (const char *)sqlite3_column_text(statement, 0);

                r = world_load_eni(world, id, imds, arena, &instance->enis[instance->n_enis++], err);
                if (r < 0)
                        return r;
        }
        return r;
}

int world_load_instance(struct world *world, const char *name, bool imds, struct arena *arena,
                        struct world_instance *ret, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        struct world_instance instance;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT i.id, i.name, i.type, s.zone, s.id, s.vpc, i.launch_wall_ms FROM instance i"
                       " JOIN subnet s ON s.id = i.subnet WHERE i.name = ?",
                       DB_TEXT(name));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no node '%s'", name);
        instance = (struct world_instance){
                .id = db_column_text(statement, 0, arena),
                .name = db_column_text(statement, 1, arena),
                .type = db_column_text(statement, 2, arena),
                .zone = db_column_text(statement, 3, arena),
                .subnet_id = db_column_text(statement, 4, arena),
                .vpc_id = db_column_text(statement, 5, arena),
                .launch_ms = sqlite3_column_int64(statement, 6),
        };
        if ((r = load_instance_enis(world, imds, arena, &instance, err)) < 0 ||
            (r = world_load_tags(world, instance.id, arena, &instance.tags, &instance.n_tags, err)) < 0)
                return r;
        *ret = instance;
        return 0;
}
