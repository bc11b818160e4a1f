// SPDX-License-Identifier: Apache-2.0
/* Nodes: instances with a primary ENI, there from one call to the next. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "fabric.h"
#include "world_private.h"

enum {
        MAX_NAME_BYTES = 32,
        MAX_HOP_LIMIT = 64,
        PUBLIC_POOL_FIRST = 0xcb007101, /* 203.0.113.1 */
        PUBLIC_POOL_LAST = 0xcb0071fe,
};

/* A node as the world file or `add-node` describes it, checked. */
struct node_request {
        const char *name, *type, *subnet;  /* subnet: its id or name */
        struct ip address, public_address; /* IP_NONE: chosen; none */
        bool wants_public;                 /* any public address */
        unsigned hop_limit;
        bool ipv6; /* one address on the primary ENI */
        struct world_tag *tags;
        size_t n_tags;
};

static int read_name(const json_t *object, const char *member, const char **ret, struct err *err)
{
        const char *text = json_string_value(json_object_get(object, member));

        if (!text || text[0] == '\0')
                return err_set(err, ERR_INVALID, "%s: want a text", member);
        *ret = text;
        return 0;
}

static int check_name(const char *name, struct err *err)
{
        if (strlen(name) > MAX_NAME_BYTES ||
            strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name) || name[0] == '-' ||
            strcmp(name, "vpc") == 0 || strcmp(name, "inet") == 0)
                return err_set(err, ERR_INVALID,
                               "name: '%.64s': want 1 to %d of a-z 0-9 -, not '-' first, not vpc, not inet",
                               name, MAX_NAME_BYTES);
        return 0;
}

static int read_public(const json_t *value, struct node_request *request, struct err *err)
{
        int r;

        if (!value || json_is_null(value) || json_is_boolean(value)) {
                request->wants_public = json_is_true(value);
                return 0;
        }
        r = ip_parse(json_string_value(value) ?: "", &request->public_address, err);
        if (r < 0)
                return err_wrap(err, "public");
        if (request->public_address.family != AF_INET ||
            ip_to_u32(request->public_address) < PUBLIC_POOL_FIRST ||
            ip_to_u32(request->public_address) > PUBLIC_POOL_LAST)
                return err_set(err, ERR_INVALID, "public: want true, false or an address of 203.0.113.0/24");
        request->wants_public = true;
        return 0;
}

static int read_node(const json_t *node, struct arena *arena, struct node_request *ret, struct err *err)
{
        static const char *const known[] = {"name",      "instance_type", "subnet", "address", "public",
                                            "hop_limit", "ipv6",          "tags",   NULL};
        const json_t *hop_limit = json_object_get(node, "hop_limit"),
                     *address = json_object_get(node, "address"), *ipv6 = json_object_get(node, "ipv6");
        struct node_request request = {.hop_limit = 1};
        int r;

        if ((r = world_refuse_unknown(node, known, "node", err)) < 0 ||
            (r = read_name(node, "name", &request.name, err)) < 0 ||
            (r = check_name(request.name, err)) < 0 ||
            (r = read_name(node, "instance_type", &request.type, err)) < 0 ||
            (r = read_name(node, "subnet", &request.subnet, err)) < 0 ||
            (r = read_public(json_object_get(node, "public"), &request, err)) < 0 ||
            (r = world_read_tags(json_object_get(node, "tags"), arena, &request.tags, &request.n_tags, err)) <
                    0)
                return r;
        if (address) {
                r = ip_parse(json_string_value(address) ?: "", &request.address, err);
                if (r < 0)
                        return err_wrap(err, "address");
        }
        if (ipv6 && !json_is_boolean(ipv6))
                return err_set(err, ERR_INVALID, "ipv6: want true or false");
        request.ipv6 = json_is_true(ipv6);
        if (hop_limit) {
                if (!json_is_integer(hop_limit) || json_integer_value(hop_limit) < 1 ||
                    json_integer_value(hop_limit) > MAX_HOP_LIMIT)
                        return err_set(err, ERR_INVALID, "hop_limit: want a whole number from 1 to %d",
                                       MAX_HOP_LIMIT);
                request.hop_limit = (unsigned)json_integer_value(hop_limit);
        }
        *ret = request;
        return 0;
}

static int choose_public(struct world *world, struct ip *ret, struct err *err)
{
        for (uint32_t at = PUBLIC_POOL_FIRST; at <= PUBLIC_POOL_LAST; at++) {
                int64_t n;
                int r;

                r = DB_READ_NUMBER(world->db, &n, err, "SELECT count(*) FROM address WHERE public = ?",
                                   DB_TEXT(IP_TEXT(ip_from_u32(at))));
                if (r < 0)
                        return r;
                if (n == 0) {
                        *ret = ip_from_u32(at);
                        return 0;
                }
        }
        return err_set(err, ERR_LIMIT, "no public address is left");
}

static int insert_instance(struct world *world, const struct node_request *request, const char *id,
                           struct err *err)
{
        struct world_instance_type type;
        int64_t n;
        int r;

        if ((r = world_find_instance_type(world, request->type, &type, err)) < 0 ||
            (r = DB_READ_NUMBER(world->db, &n, err, "SELECT count(*) FROM instance WHERE name = ?",
                                DB_TEXT(request->name))) < 0)
                return r;
        if (n > 0)
                return err_set(err, ERR_EXISTS, "there is a node '%s' already", request->name);
        r = DB_RUN(world->db, err,
                   "INSERT INTO instance (id, name, type, max_enis, ipv4_per_eni, max_branches, subnet, "
                   "hop_limit, "
                   "launch_wall_ms)"
                   " SELECT ?, ?, ?, ?, ?, ?, id, ?, ? FROM subnet WHERE id = ? OR name = ?",
                   DB_TEXT(id), DB_TEXT(request->name), DB_TEXT(request->type), DB_NUMBER(type.max_enis),
                   DB_NUMBER(type.ipv4_per_eni), DB_NUMBER(type.max_branches), DB_NUMBER(request->hop_limit),
                   DB_NUMBER(clock_wall_ms()), DB_TEXT(request->subnet), DB_TEXT(request->subnet));
        if (r < 0)
                return r;
        if (db_changes(world->db) == 0)
                return err_set(err, ERR_NOT_FOUND, "no subnet '%.64s'", request->subnet);
        return world_write_tags(world, id, request->tags, request->n_tags, err);
}

static int insert_primary(struct world *world, const struct node_request *request, const char *instance_id,
                          struct arena *arena, char ret_eni[static WORLD_ID_BYTES], struct err *err)
{
        struct world_create_eni create = {
                .description = "", .primary = request->address, .ipv6.n_addresses = request->ipv6};
        char attachment[WORLD_ID_BYTES];
        struct ip public_address = request->public_address;
        int r;

        if ((r = DB_READ_TEXT(world->db, arena, &create.subnet_id, err,
                              "SELECT subnet FROM instance WHERE id = ?", DB_TEXT(instance_id))) < 0 ||
            (r = world_insert_eni(world, &create, arena, ret_eni, err)) < 0 ||
            (r = world_insert_attachment(world, ret_eni, instance_id, 0, "attached", true, attachment, err)) <
                    0)
                return r;
        /* What a machine boots with is in IMDS at once, whatever the lag. */
        r = DB_RUN(world->db, err, "UPDATE address SET imds_ms = ? WHERE eni = ?",
                   DB_NUMBER(clock_boottime_ms()), DB_TEXT(ret_eni));
        if (r == 0)
                r = DB_RUN(world->db, err, "UPDATE ipv6 SET imds_ms = ? WHERE eni = ?",
                           DB_NUMBER(clock_boottime_ms()), DB_TEXT(ret_eni));
        if (r < 0 || !request->wants_public)
                return r;
        if (!ip_is_set(public_address) && (r = choose_public(world, &public_address, err)) < 0)
                return r;
        r = DB_RUN(world->db, err, "UPDATE address SET public = ? WHERE eni = ? AND is_primary",
                   DB_TEXT(IP_TEXT(public_address)), DB_TEXT(ret_eni));
        if (r == -ERR_EXISTS)
                return err_set(err, ERR_EXISTS, "public address %s has an owner already",
                               IP_TEXT(public_address));
        return r;
}

static int tell_fabric(struct world *world, const char *name, const struct world_eni *primary,
                       struct err *err)
{
        const struct world_address *address = &primary->addresses[0];
        struct ip public_address;
        int r;

        if (!world->fabric)
                return world_plug(world, primary->id, err);
        r = fabric_add_node(world->fabric, name, err);
        if (r < 0)
                return r;
        r = world_plug(world, primary->id, err);
        if (r == 0 && address->public_address) {
                r = ip_parse(address->public_address, &public_address, err);
                if (r == 0)
                        r = fabric_set_public(world->fabric, address->ip, public_address, err);
        }
        if (r < 0)
                fabric_remove_node(world->fabric, name, NULL);
        return r;
}

json_t *world_node_to_json(const struct world_instance *node)
{
        const struct world_eni *primary = &node->enis[0];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s}", "name", node->name, "instance_id",
                         node->id, "instance_type", node->type, "subnet_id", node->subnet_id, "primary_eni",
                         primary->id, "primary_address", IP_TEXT(primary->addresses[0].ip), "public_address",
                         primary->addresses[0].public_address, "mac", primary->mac);
}

int world_add_node(struct world *world, const json_t *node, json_t **reply, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_transaction_ struct db_transaction transaction = {0};
        char instance_id[WORLD_ID_BYTES], eni_id[WORLD_ID_BYTES];
        struct world_instance instance;
        struct node_request request;
        int r;

        world_new_id("i-", instance_id);
        if ((r = read_node(node, arena, &request, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = insert_instance(world, &request, instance_id, err)) < 0 ||
            (r = insert_primary(world, &request, instance_id, arena, eni_id, err)) < 0 ||
            (r = world_load_instance(world, request.name, false, arena, &instance, err)) < 0 ||
            (r = tell_fabric(world, request.name, &instance.enis[0], err)) < 0 ||
            (r = db_commit(&transaction, err)) < 0)
                return r;
        *reply = world_node_to_json(&instance);
        return 0;
}

/* Takes an ENI off a node that goes: deleted, or available for others, as its attachment says. */
static int release(struct world *world, const struct world_eni *eni, struct err *err)
{
        const struct world_address *address = &eni->addresses[0];
        int64_t has_link;
        int r;

        r = DB_READ_NUMBER(world->db, &has_link, err, "SELECT has_link FROM attachment WHERE eni = ?",
                           DB_TEXT(eni->id));
        if (r == 0 && world->fabric && address->public_address)
                r = fabric_set_public(world->fabric, address->ip, IP_NONE, err);
        if (r == 0 && world->fabric && has_link)
                r = fabric_detach(world->fabric, eni->id, err);
        if (r < 0 ||
            (r = DB_RUN(world->db, err, "UPDATE address SET public = NULL WHERE eni = ?", DB_TEXT(eni->id))) <
                    0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM attachment WHERE eni = ?", DB_TEXT(eni->id))) < 0)
                return r;
        return eni->attachment->delete_on_termination ? world_drop_eni(world, eni->id, err) : 0;
}

int world_remove_node(struct world *world, const char *name, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_transaction_ struct db_transaction transaction = {0};
        struct world_instance instance;
        int r;

        if ((r = world_load_instance(world, name, false, arena, &instance, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0)
                return r;
        for (size_t i = instance.n_enis; i > 0; i--) {
                r = release(world, &instance.enis[i - 1], err);
                if (r < 0)
                        return r;
        }
        if ((r = DB_RUN(world->db, err, "DELETE FROM secret WHERE node = ?", DB_TEXT(name))) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM imds_token WHERE node = ?", DB_TEXT(name))) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM tag WHERE resource = ?", DB_TEXT(instance.id))) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM instance WHERE id = ?", DB_TEXT(instance.id))) < 0)
                return r;
        if (world->fabric && (r = fabric_remove_node(world->fabric, name, err)) < 0)
                return r;
        return db_commit(&transaction, err);
}
