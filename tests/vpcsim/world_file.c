// SPDX-License-Identifier: Apache-2.0
/* The world file (README.md): checked whole, with the place named where it is wrong, and written into the tables. */
#include <stdio.h>
#include <string.h>

#include "fabric.h"
#include "world_cruel_private.h"

enum { MAX_ITEMS = 1000, MAX_INSTANCE_ENIS = 64, MAX_TEXT_BYTES = 128 };

int world_refuse_unknown(const json_t *object, const char *const *known, const char *what, struct err *err)
{
        const char *name;
        json_t *value;

        if (!json_is_object(object))
                return err_set(err, ERR_INVALID, "%s: want an object", what);
        json_object_foreach((json_t *)(uintptr_t)object, name, value)
        {
                size_t i = 0;

                while (known[i] && strcmp(known[i], name) != 0)
                        i++;
                if (!known[i])
                        return err_set(err, ERR_INVALID, "%s: unknown member '%.64s'", what, name);
        }
        return 0;
}

#define KNOWN(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A text member: `otherwise` where it is absent, which NULL says it may not be. */
static int read_text(const json_t *object, const char *name, const char *otherwise, const char **ret,
                     struct err *err)
{
        const json_t *value = json_object_get(object, name);

        if (!value && otherwise) {
                *ret = otherwise;
                return 0;
        }
        if (!json_is_string(value) || json_string_length(value) == 0 ||
            json_string_length(value) > MAX_TEXT_BYTES)
                return err_set(err, ERR_INVALID, "%s: want a text of 1 to %d bytes", name, MAX_TEXT_BYTES);
        *ret = json_string_value(value);
        return 0;
}

static int read_array(const json_t *object, const char *name, const json_t **ret, struct err *err)
{
        const json_t *value = json_object_get(object, name);

        if (value && (!json_is_array(value) || json_array_size(value) > MAX_ITEMS))
                return err_set(err, ERR_INVALID, "%s: want an array of at most %d", name, MAX_ITEMS);
        *ret = value;
        return 0;
}

int world_read_tags(const json_t *object, struct arena *arena, struct world_tag **ret, size_t *ret_n,
                    struct err *err)
{
        struct world_tag *tags;
        const char *key;
        json_t *value;
        size_t n = 0;

        if (object && (!json_is_object(object) || json_object_size(object) > WORLD_MAX_TAGS))
                return err_set(err, ERR_INVALID, "tags: want an object of at most %d texts", WORLD_MAX_TAGS);
        tags = ARENA_ARRAY(arena, struct world_tag, json_object_size(object));
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
        {
                if (!json_is_string(value))
                        return err_set(err, ERR_INVALID, "tags: the value of '%.64s' is no text", key);
                tags[n++] = (struct world_tag){key, json_string_value(value)};
        }
        *ret = tags;
        *ret_n = n;
        return 0;
}

/* A CIDR of a VPC or subnet as EC2 takes it: an IPv4 network of /16 to /28. */
static int read_cidr(const char *text, struct prefix *ret, uint32_t *ret_first, uint32_t *ret_last,
                     struct err *err)
{
        struct prefix cidr;
        int r;

        r = prefix_parse(text, &cidr, err);
        if (r < 0)
                return r;
        if (cidr.ip.family != AF_INET || cidr.bits < WORLD_MIN_BITS || cidr.bits > WORLD_MAX_BITS ||
            !prefix_is_network(cidr))
                return err_set(err, ERR_INVALID, "'%s': want an IPv4 network of /%d to /%d", text,
                               WORLD_MIN_BITS, WORLD_MAX_BITS);
        *ret = cidr;
        *ret_first = ip_to_u32(cidr.ip);
        *ret_last = *ret_first + (uint32_t)((UINT64_C(1) << (32 - cidr.bits)) - 1);
        return 0;
}

/* The world has one VPC: a CIDR of it, at the start or later. As EC2 has it, none overlaps another. */
int world_add_vpc_cidr(struct world *world, const char *text, struct err *err)
{
        struct prefix cidr;
        uint32_t first, last;
        int64_t overlaps = 0;
        int r = read_cidr(text, &cidr, &first, &last, err);

        if (r == 0)
                r = DB_READ_NUMBER(world->db, &overlaps, err,
                                   "SELECT count(*) FROM vpc_cidr WHERE first <= ? AND last >= ?",
                                   DB_NUMBER(last), DB_NUMBER(first));
        if (r == 0 && overlaps)
                r = err_set(err, ERR_INVALID, "%s overlaps another CIDR of the VPC", text);
        return r < 0 ? r
                     : DB_RUN(world->db, err, "INSERT INTO vpc_cidr SELECT id, ?, ?, ? FROM vpc",
                              DB_TEXT(text), DB_NUMBER(first), DB_NUMBER(last));
}

static int read_vpc(struct world *world, const json_t *object, char ret_id[static MAX_TEXT_BYTES + 1],
                    struct err *err)
{
        char new_id[WORLD_ID_BYTES], group[WORLD_ID_BYTES];
        const char *id;
        const json_t *cidrs, *item;
        size_t i;
        int r;

        world_new_id("vpc-", new_id);
        world_new_id("sg-", group);
        if ((r = world_refuse_unknown(object, KNOWN("id", "cidrs", "ipv6_cidrs", "security_groups"), "vpc",
                                      err)) < 0 ||
            (r = read_text(object, "id", new_id, &id, err)) < 0 ||
            (r = read_array(object, "cidrs", &cidrs, err)) < 0)
                return r;
        if (json_array_size(cidrs) == 0)
                return err_set(err, ERR_INVALID, "cidrs: want at least one");
        if ((r = DB_RUN(world->db, err, "INSERT INTO vpc (id) VALUES (?)", DB_TEXT(id))) < 0 ||
            (r = DB_RUN(world->db, err,
                        "INSERT INTO security_group (id, vpc, name, description) VALUES (?, ?, 'default',"
                        " 'default VPC security group')",
                        DB_TEXT(group), DB_TEXT(id))) < 0)
                return r;
        json_array_foreach((json_t *)(uintptr_t)cidrs, i, item)
        {
                if (!json_is_string(item))
                        return err_set(err, ERR_INVALID, "cidrs[%zu]: want a text", i);
                r = world_add_vpc_cidr(world, json_string_value(item), err);
                if (r < 0)
                        return err_wrap(err, "cidrs[%zu]", i);
        }
        snprintf(ret_id, MAX_TEXT_BYTES + 1, "%s", id);
        r = world_read_groups(world, id, json_object_get(object, "security_groups"), err);
        return r < 0 ? r : world_read_vpc_ipv6(world, id, json_object_get(object, "ipv6_cidrs"), err);
}

/* Within one CIDR of the VPC, and apart from all other subnets. */
static int check_subnet_place(struct world *world, const char *vpc, const char *text, uint32_t first,
                              uint32_t last, struct err *err)
{
        int64_t n;
        int r;

        r = DB_READ_NUMBER(world->db, &n, err,
                           "SELECT count(*) FROM vpc_cidr WHERE vpc = ? AND first <= ? AND last >= ?",
                           DB_TEXT(vpc), DB_NUMBER(first), DB_NUMBER(last));
        if (r < 0)
                return r;
        if (n == 0)
                return err_set(err, ERR_INVALID, "%s is in no CIDR of the VPC", text);
        r = DB_READ_NUMBER(world->db, &n, err, "SELECT count(*) FROM subnet WHERE first <= ? AND last >= ?",
                           DB_NUMBER(last), DB_NUMBER(first));
        if (r < 0)
                return r;
        if (n > 0)
                return err_set(err, ERR_INVALID, "%s overlaps another subnet", text);
        return 0;
}

static int read_subnet(struct world *world, const char *vpc, const json_t *object, struct arena *arena,
                       struct err *err)
{
        const char *id, *name, *text, *zone;
        char new_id[WORLD_ID_BYTES];
        struct world_tag *tags;
        struct prefix cidr;
        uint32_t first, last;
        size_t n_tags;
        int r;

        world_new_id("subnet-", new_id);
        if ((r = world_refuse_unknown(
                     object, KNOWN("id", "name", "cidr", "ipv6_cidr", "zone", "tags", "reservations"),
                     "subnet", err)) < 0 ||
            (r = read_text(object, "id", new_id, &id, err)) < 0 ||
            (r = read_text(object, "name", id, &name, err)) < 0 ||
            (r = read_text(object, "cidr", NULL, &text, err)) < 0 ||
            (r = read_text(object, "zone", NULL, &zone, err)) < 0 ||
            (r = read_cidr(text, &cidr, &first, &last, err)) < 0 ||
            (r = check_subnet_place(world, vpc, text, first, last, err)) < 0 ||
            (r = world_read_tags(json_object_get(object, "tags"), arena, &tags, &n_tags, err)) < 0)
                return r;
        r = DB_RUN(world->db, err,
                   "INSERT INTO subnet (id, name, vpc, cidr, first, last, zone) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   DB_TEXT(id), DB_TEXT(name), DB_TEXT(vpc), DB_TEXT(text), DB_NUMBER(first), DB_NUMBER(last),
                   DB_TEXT(zone));
        if (r < 0)
                return r;
        if ((r = world_write_tags(world, id, tags, n_tags, err)) < 0 ||
            (r = world_read_subnet_space(world, id, object, err)) < 0)
                return r;
        return world->fabric ? fabric_add_subnet(world->fabric, cidr, err) : 0;
}

int world_add_subnet(struct world *world, const json_t *object, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r = DB_PREPARE(world->db, &statement, err, "SELECT id FROM vpc");

        if (r == 0)
                r = db_next(statement, err);
        return r < 0 ? r : read_subnet(world, db_column_text(statement, 0, arena), object, arena, err);
}

static int read_user(struct world *world, const json_t *object, struct err *err)
{
        const char *key, *secret;
        int r;

        if ((r = world_refuse_unknown(object, KNOWN("access_key_id", "secret_access_key"), "user", err)) <
                    0 ||
            (r = read_text(object, "access_key_id", NULL, &key, err)) < 0 ||
            (r = read_text(object, "secret_access_key", NULL, &secret, err)) < 0)
                return r;
        return DB_RUN(world->db, err, "INSERT INTO secret (access_key_id, secret_access_key) VALUES (?, ?)",
                      DB_TEXT(key), DB_TEXT(secret));
}

static int read_instance_types(struct world *world, const json_t *types, struct err *err)
{
        const char *name;
        json_t *item;
        int r;

        if (!types)
                return 0;
        if (!json_is_object(types))
                return err_set(err, ERR_INVALID, "instance_types: want an object");
        json_object_foreach((json_t *)(uintptr_t)types, name, item)
        {
                json_int_t enis = json_integer_value(json_object_get(item, "max_enis"));
                json_int_t addresses = json_integer_value(json_object_get(item, "ipv4_per_eni"));
                json_int_t branches = json_integer_value(json_object_get(item, "max_branches"));

                r = world_refuse_unknown(item, KNOWN("max_enis", "ipv4_per_eni", "max_branches"), name, err);
                if (r < 0)
                        return err_wrap(err, "instance_types");
                if (enis < 1 || enis > MAX_INSTANCE_ENIS || addresses < 1 ||
                    addresses > WORLD_ENI_MAX_ADDRESSES || branches < 0 || branches > WORLD_MAX_VLAN)
                        return err_set(err, ERR_INVALID,
                                       "instance_types: %.64s: want max_enis 1 to %d, ipv4_per_eni 1 to %d, "
                                       "max_branches 0 to %d",
                                       name, MAX_INSTANCE_ENIS, WORLD_ENI_MAX_ADDRESSES, WORLD_MAX_VLAN);
        }
        json_object_update(world->instance_types, (json_t *)(uintptr_t)types);
        return 0;
}

static int read_settings(struct world *world, const json_t *description, struct err *err)
{
        static const char *const names[] = {"credentials_ttl_s", "seed", "allocation", "reuse_at_once"};
        const json_t *delays = json_object_get(description, "delays");
        json_t *settings = json_object();
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (json_object_get(description, names[i]))
                        json_object_set(settings, names[i], json_object_get(description, names[i]));
        if (delays)
                r = world_set_delays(world, delays, err);
        if (r == 0)
                r = world_set_delays(world, settings, err);
        json_decref(settings);
        return r;
}

static int read_account(struct world *world, const json_t *description, struct err *err)
{
        const char *account, *region, *role;
        int r;

        if ((r = read_text(description, "account", "123456789012", &account, err)) < 0 ||
            (r = read_text(description, "region", "us-east-1", &region, err)) < 0 ||
            (r = read_text(description, "role", "node-role", &role, err)) < 0)
                return r;
        if (strlen(account) != 12 || strspn(account, "0123456789") != 12)
                return err_set(err, ERR_INVALID, "account: '%s' is not 12 digits", account);
        world->account = xstrdup(account);
        world->region = xstrdup(region);
        world->role = xstrdup(role);
        return DB_RUN(world->db, err, "INSERT INTO account (id) VALUES (?)", DB_TEXT(account));
}

static int read_lists(struct world *world, const json_t *description, const char *vpc, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const json_t *subnets, *users, *nodes;
        json_t *item, *reply;
        size_t i;
        int r;

        if ((r = read_array(description, "subnets", &subnets, err)) < 0 ||
            (r = read_array(description, "users", &users, err)) < 0 ||
            (r = read_array(description, "nodes", &nodes, err)) < 0)
                return r;
        if (json_array_size(subnets) == 0)
                return err_set(err, ERR_INVALID, "subnets: want at least one");
        json_array_foreach((json_t *)(uintptr_t)subnets, i, item)
        {
                r = read_subnet(world, vpc, item, arena, err);
                if (r < 0)
                        return err_wrap(err, "subnets[%zu]", i);
        }
        json_array_foreach((json_t *)(uintptr_t)users, i, item)
        {
                r = read_user(world, item, err);
                if (r < 0)
                        return err_wrap(err, "users[%zu]", i);
        }
        json_array_foreach((json_t *)(uintptr_t)nodes, i, item)
        {
                r = world_add_node(world, item, &reply, err);
                if (r < 0)
                        return err_wrap(err, "nodes[%zu]", i);
                json_decref(reply);
        }
        return 0;
}

static int read_cruelty(struct world *world, const json_t *description, struct err *err)
{
        static const struct {
                const char *name;
                int (*set)(struct world *world, const json_t *value, struct err *err);
        } members[] = {
                {"throttle", world_set_throttle}, {"denied", world_set_denied},
                {"stuck", world_set_stuck},       {"stale", world_set_stale},
                {"faults", world_set_faults},     {"sts_roles", world_set_sts_roles},
                {"networks", world_add_networks}, {"taken", world_set_taken},
        };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(members) && r == 0; i++) {
                const json_t *value = json_object_get(description, members[i].name);

                r = value ? members[i].set(world, value, err) : 0;
        }
        return r;
}

int world_read_description(struct world *world, const json_t *description, struct err *err)
{
        static const char *const known[] = {
                "region", "account",    "vpc",           "subnets",           "users",
                "role",   "nodes",      "delays",        "credentials_ttl_s", "instance_types",
                "seed",   "allocation", "reuse_at_once", "throttle",          "denied",
                "stuck",  "stale",      "faults",        "sts_roles",         "networks",
                "taken",  NULL};
        const json_t *vpc = json_object_get(description, "vpc");
        char vpc_id[MAX_TEXT_BYTES + 1];
        int r;

        if ((r = world_refuse_unknown(description, known, "the whole", err)) < 0 ||
            (r = read_account(world, description, err)) < 0 ||
            (r = read_settings(world, description, err)) < 0 ||
            (r = read_instance_types(world, json_object_get(description, "instance_types"), err)) < 0)
                return r;
        r = read_vpc(world, vpc, vpc_id, err);
        if (r < 0)
                return err_wrap(err, "vpc");
        r = read_lists(world, description, vpc_id, err);
        return r < 0 ? r : read_cruelty(world, description, err);
}
