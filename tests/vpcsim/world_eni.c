// SPDX-License-Identifier: Apache-2.0
/* ENIs: made, changed, deleted. */
#include <string.h>

#include "fabric.h"
#include "world_private.h"

enum { MAX_DESCRIPTION_BYTES = 255, MAC_TRIES = 8 };

int world_read_groups(struct world *world, const char *vpc_id, const json_t *groups, struct err *err)
{
        static const char *const known[] = {"id", "name", NULL};
        const json_t *item;
        size_t i;
        int r;

        if (groups && !json_is_array(groups))
                return err_set(err, ERR_INVALID, "security_groups: want an array");
        json_array_foreach((json_t *)(uintptr_t)groups, i, item)
        {
                const char *id = json_string_value(json_object_get(item, "id")),
                           *name = json_string_value(json_object_get(item, "name"));

                r = world_refuse_unknown(item, known, "security group", err);
                if (r == 0 && (!id || strncmp(id, "sg-", 3) != 0 || !name || !*name))
                        r = err_set(err, ERR_INVALID, "want an id that begins with sg-, and a name");
                if (r == 0)
                        r = DB_RUN(world->db, err,
                                   "INSERT INTO security_group (id, vpc, name, description) VALUES (?, ?, ?, "
                                   "'')",
                                   DB_TEXT(id), DB_TEXT(vpc_id), DB_TEXT(name));
                if (r < 0)
                        return err_wrap(err, "security_groups[%zu]", i);
        }
        return 0;
}

static int check_groups(struct world *world, const char *const *groups, size_t n, struct err *err)
{
        if (n > WORLD_ENI_MAX_GROUPS)
                return world_refuse(world, err, "SecurityGroupsPerInterfaceLimitExceeded",
                                    "The maximum number of security groups per interface has been reached.");
        for (size_t i = 0; i < n; i++) {
                int r = world_exists(world, WORLD_GROUP, groups[i], err);

                if (r < 0)
                        return r;
        }
        return 0;
}

int world_set_groups(struct world *world, const char *eni_id, const char *const *groups, size_t n,
                     struct err *err)
{
        int r;

        if ((r = check_groups(world, groups, n, err)) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM eni_group WHERE eni = ?", DB_TEXT(eni_id))) < 0)
                return r;
        if (n == 0)
                return DB_RUN(world->db, err,
                              "INSERT INTO eni_group SELECT e.id, s.id FROM eni e JOIN security_group s ON "
                              "s.vpc = e.vpc"
                              " AND s.name = 'default' WHERE e.id = ?",
                              DB_TEXT(eni_id));
        for (size_t i = 0; i < n; i++) {
                r = DB_RUN(world->db, err, "INSERT OR IGNORE INTO eni_group VALUES (?, ?)", DB_TEXT(eni_id),
                           DB_TEXT(groups[i]));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* All IPv4 of a new ENI, chosen in one go, so that the world does not choose one that is named. */
static int give_ipv4(struct world *world, const struct world_create_eni *request, const char *id,
                     struct arena *arena, struct err *err)
{
        size_t primary_named = ip_is_set(request->primary), n = request->ipv4.n_cidrs + primary_named;
        struct prefix *cidrs = ARENA_ARRAY(arena, struct prefix, n);
        struct world_asked requested = request->ipv4;
        size_t n_slots = 1 + requested.n_cidrs + requested.n_addresses + requested.n_prefixes;
        int r;

        r = world_check_limit(world, &(struct world_eni){0}, n_slots, "private", err);
        if (r < 0)
                return r;
        if (primary_named)
                cidrs[0] = prefix_host(request->primary);
        if (requested.n_cidrs > 0)
                memcpy(cidrs + primary_named, requested.cidrs, requested.n_cidrs * sizeof(*cidrs));
        requested.cidrs = cidrs;
        requested.n_cidrs = n;
        requested.n_addresses += !primary_named;
        r = world_choose_ipv4(world, request->subnet_id, &requested, arena, &cidrs, &n, err);
        for (size_t i = 0; i < n && r == 0; i++)
                r = world_give_ipv4(world, id, cidrs[i], i == (primary_named ? 0 : requested.n_cidrs), err);
        return r;
}

static int give_ipv6(struct world *world, const struct world_create_eni *request, const char *id,
                     struct arena *arena, struct err *err)
{
        const struct world_asked *requested = &request->ipv6;
        size_t n = requested->n_cidrs + requested->n_addresses + requested->n_prefixes;
        struct prefix *cidrs;
        int r;

        if (n == 0)
                return 0;
        r = world_check_limit(world, &(struct world_eni){0}, n, "IPv6", err);
        return r < 0 ? r : world_give_ipv6(world, id, requested, arena, &cidrs, &n, err);
}

/* Locally administered MACs, as EC2's are; drawn again where one is taken. */
static int insert_row(struct world *world, const struct world_create_eni *request, const char *id,
                      struct err *err)
{
        struct mac mac;
        int r = 0;

        for (unsigned i = 0; i < MAC_TRIES; i++) {
                world_random_bytes(mac.bytes, sizeof(mac.bytes));
                mac.bytes[0] = 0x02;
                r = DB_RUN(world->db, err,
                           "INSERT INTO eni (id, subnet, vpc, mac, description, type) SELECT ?, id, vpc, ?, "
                           "?, ? "
                           "FROM subnet WHERE id = ?",
                           DB_TEXT(id), DB_TEXT(MAC_TEXT(mac)), DB_TEXT(request->description ?: ""),
                           DB_TEXT(request->type ?: "interface"), DB_TEXT(request->subnet_id));
                if (r != -ERR_EXISTS)
                        break;
        }
        return r;
}

int world_insert_eni(struct world *world, const struct world_create_eni *request, struct arena *arena,
                     char ret_id[static WORLD_ID_BYTES], struct err *err)
{
        int r;

        if (strlen(request->description ?: "") > MAX_DESCRIPTION_BYTES)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Description must be at most %d characters", MAX_DESCRIPTION_BYTES);
        world_new_id("eni-", ret_id);
        if ((r = world_exists(world, WORLD_SUBNET, request->subnet_id, err)) < 0 ||
            (r = check_groups(world, request->groups, request->n_groups, err)) < 0 ||
            (r = insert_row(world, request, ret_id, err)) < 0 ||
            (r = give_ipv4(world, request, ret_id, arena, err)) < 0 ||
            (r = give_ipv6(world, request, ret_id, arena, err)) < 0 ||
            (r = world_set_groups(world, ret_id, request->groups, request->n_groups, err)) < 0)
                return r;
        return world_write_tags(world, ret_id, request->tags, request->n_tags, err);
}

int world_create_eni(struct world *world, const struct world_create_eni *request, struct arena *arena,
                     struct world_eni *ret, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        char id[WORLD_ID_BYTES];
        const char *made;
        int r;

        r = world_find_token(world, &request->token, arena, &made, err);
        if (r == 1 && (r = world_exists(world, WORLD_ENI, made, err)) == 0)
                return world_load_eni(world, made, false, arena, ret, err);
        if (r < 0 || (r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = world_insert_eni(world, request, arena, id, err)) < 0 ||
            (r = world_keep_token(world, &request->token, id, err)) < 0 ||
            (r = world_load_eni(world, id, false, arena, ret, err)) < 0)
                return r;
        return db_commit(&transaction, err);
}

int world_drop_eni(struct world *world, const char *eni_id, struct err *err)
{
        int r;

        if ((r = world_drop_associations(world, eni_id, err)) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM address WHERE eni = ?", DB_TEXT(eni_id))) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM ipv6 WHERE eni = ?", DB_TEXT(eni_id))) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM eni_group WHERE eni = ?", DB_TEXT(eni_id))) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM tag WHERE resource = ?", DB_TEXT(eni_id))) < 0)
                return r;
        return DB_RUN(world->db, err, "DELETE FROM eni WHERE id = ?", DB_TEXT(eni_id));
}

int world_delete_eni(struct world *world, const char *eni_id, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int64_t n;
        int r;

        if ((r = world_exists(world, WORLD_ENI, eni_id, err)) < 0 ||
            (r = DB_READ_NUMBER(world->db, &n, err, "SELECT count(*) FROM attachment WHERE eni = ?",
                                DB_TEXT(eni_id))) < 0)
                return r;
        if (n > 0)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Network interface '%s' is currently in use.", eni_id);
        if ((r = db_begin(world->db, &transaction, err)) < 0 || (r = world_drop_eni(world, eni_id, err)) < 0)
                return r;
        return db_commit(&transaction, err);
}

static int set_termination(struct world *world, const struct world_modify_eni *request, struct err *err)
{
        int r;

        r = DB_RUN(world->db, err, "UPDATE attachment SET delete_on_termination = ? WHERE id = ? AND eni = ?",
                   DB_NUMBER(*request->delete_on_termination), DB_TEXT(request->attachment_id),
                   DB_TEXT(request->eni_id));
        if (r < 0)
                return r;
        if (db_changes(world->db) == 0)
                return world_refuse(world, err, "InvalidAttachmentID.NotFound",
                                    "The networkInterface attachment ID '%.64s' does not exist",
                                    request->attachment_id);
        return 0;
}

static int set_description(struct world *world, const struct world_modify_eni *request, struct err *err)
{
        if (strlen(request->description) > MAX_DESCRIPTION_BYTES)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Description must be at most %d characters", MAX_DESCRIPTION_BYTES);
        return DB_RUN(world->db, err, "UPDATE eni SET description = ? WHERE id = ?",
                      DB_TEXT(request->description), DB_TEXT(request->eni_id));
}

static int set_check(struct world *world, const struct world_modify_eni *request, struct err *err)
{
        bool has_link;
        int r;

        if ((r = DB_RUN(world->db, err, "UPDATE eni SET source_dest_check = ? WHERE id = ?",
                        DB_NUMBER(*request->source_dest_check), DB_TEXT(request->eni_id))) < 0 ||
            (r = world_has_link(world, request->eni_id, &has_link, err)) < 0 || !has_link || !world->fabric)
                return r;
        return fabric_set_unchecked(world->fabric, request->eni_id, !*request->source_dest_check, err);
}

int world_modify_eni(struct world *world, const struct world_modify_eni *request, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int r;

        if ((r = world_exists(world, WORLD_ENI, request->eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0)
                return r;
        if (request->delete_on_termination)
                r = set_termination(world, request, err);
        if (r == 0 && request->description)
                r = set_description(world, request, err);
        if (r == 0 && request->source_dest_check)
                r = set_check(world, request, err);
        if (r == 0 && request->n_groups > 0)
                r = world_set_groups(world, request->eni_id, request->groups, request->n_groups, err);
        if (r < 0)
                return r;
        return db_commit(&transaction, err);
}
