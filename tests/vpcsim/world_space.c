// SPDX-License-Identifier: Apache-2.0
/* What there is to a VPC's and a subnet's addresses beside their IPv4 CIDR: IPv6, reservations, and what others hold. */
#include <string.h>

#include "world_cruel_private.h"
#include "world_pool.h"

enum {
        VPC_IPV6_MIN_BITS = 44, /* of a VPC's CIDR (CreateVpc): /44 to /60 in steps of 4 */
        VPC_IPV6_MAX_BITS = 60,
        VPC_IPV6_STEP_BITS = 4,
        SUBNET_IPV6_BITS = 64,
        MAX_VPC_IPV6_CIDRS = 5,
        MAX_RESERVATIONS = 100,
        MAX_TAKEN_ITEMS = 1000,
};

static int read_network(const json_t *value, int family, unsigned from, unsigned to, struct prefix *ret,
                        struct err *err)
{
        const char *text = json_string_value(value);
        struct prefix cidr;
        int r;

        r = prefix_parse(text ?: "", &cidr, err);
        if (r < 0)
                return r;
        if (cidr.ip.family != family || cidr.bits < from || cidr.bits > to || !prefix_is_network(cidr))
                return err_set(err, ERR_INVALID, "'%s': want an %s network of /%u to /%u", text,
                               family == AF_INET ? "IPv4" : "IPv6", from, to);
        *ret = cidr;
        return 0;
}

int world_read_vpc_ipv6(struct world *world, const char *vpc_id, const json_t *cidrs, struct err *err)
{
        const json_t *item;
        struct prefix cidr;
        size_t i;
        int r;

        if (cidrs && (!json_is_array(cidrs) || json_array_size(cidrs) > MAX_VPC_IPV6_CIDRS))
                return err_set(err, ERR_INVALID, "ipv6_cidrs: want an array of at most %d",
                               MAX_VPC_IPV6_CIDRS);
        json_array_foreach((json_t *)(uintptr_t)cidrs, i, item)
        {
                r = read_network(item, AF_INET6, VPC_IPV6_MIN_BITS, VPC_IPV6_MAX_BITS, &cidr, err);
                if (r == 0 && cidr.bits % VPC_IPV6_STEP_BITS != 0)
                        r = err_set(err, ERR_INVALID, "'%s': want a length that is a multiple of %d",
                                    json_string_value(item), VPC_IPV6_STEP_BITS);
                if (r == 0)
                        r = DB_RUN(world->db, err, "INSERT INTO vpc_ipv6_cidr VALUES (?, ?)", DB_TEXT(vpc_id),
                                   DB_TEXT(PREFIX_TEXT(cidr)));
                if (r < 0)
                        return err_wrap(err, "ipv6_cidrs[%zu]", i);
        }
        return 0;
}

static int read_subnet_ipv6(struct world *world, const char *subnet_id, const json_t *value, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        struct prefix cidr, of_vpc;
        bool inside = false;
        int r;

        if (!value)
                return 0;
        if ((r = read_network(value, AF_INET6, SUBNET_IPV6_BITS, SUBNET_IPV6_BITS, &cidr, err)) < 0 ||
            (r = DB_PREPARE(
                     world->db, &statement, err,
                     "SELECT c.cidr FROM vpc_ipv6_cidr c JOIN subnet s ON s.vpc = c.vpc WHERE s.id = ?",
                     DB_TEXT(subnet_id))) < 0)
                return r;
        while ((r = db_next(statement, err)) > 0) {
                r = prefix_parse((const char *)sqlite3_column_text(statement, 0), &of_vpc, err);
                if (r < 0)
                        return r;
                inside = inside || prefix_contains(of_vpc, cidr.ip);
        }
        if (r < 0)
                return r;
        if (!inside)
                return err_set(err, ERR_INVALID, "%s is in no IPv6 CIDR of the VPC", PREFIX_TEXT(cidr));
        r = DB_RUN(world->db, err, "UPDATE subnet SET ipv6_cidr = ? WHERE id = ?", DB_TEXT(PREFIX_TEXT(cidr)),
                   DB_TEXT(subnet_id));
        return r == -ERR_EXISTS ? err_set(err, ERR_INVALID, "%s is another subnet's", PREFIX_TEXT(cidr)) : r;
}

/* Where a CIDR lies in a subnet: its first and last address. Refused when it does not. */
static int place_in_subnet(struct world *world, const char *subnet_id, struct prefix cidr,
                           uint32_t *ret_first, uint32_t *ret_last, struct err *err)
{
        uint32_t first = ip_to_u32(cidr.ip), last = first + (uint32_t)((UINT64_C(1) << (32 - cidr.bits)) - 1);
        int64_t inside;
        int r;

        r = DB_READ_NUMBER(world->db, &inside, err,
                           "SELECT count(*) FROM subnet WHERE id = ? AND first <= ? AND last >= ?",
                           DB_TEXT(subnet_id), DB_NUMBER(first), DB_NUMBER(last));
        if (r < 0)
                return r;
        if (!inside)
                return err_set(err, ERR_INVALID, "%s is not in subnet %s", PREFIX_TEXT(cidr), subnet_id);
        *ret_first = first;
        *ret_last = last;
        return 0;
}

static int read_reservation(struct world *world, const char *subnet_id, const json_t *object, struct err *err)
{
        static const char *const known[] = {"cidr", "type", NULL};
        const char *type = json_string_value(json_object_get(object, "type"));
        struct prefix cidr;
        uint32_t first, last;
        int64_t n;
        int r;

        if ((r = world_refuse_unknown(object, known, "reservation", err)) < 0 ||
            (r = read_network(json_object_get(object, "cidr"), AF_INET, WORLD_MIN_BITS, 32, &cidr, err)) <
                    0 ||
            (r = place_in_subnet(world, subnet_id, cidr, &first, &last, err)) < 0)
                return r;
        if (!type || (strcmp(type, "prefix") != 0 && strcmp(type, "explicit") != 0))
                return err_set(err, ERR_INVALID, "type: want \"prefix\" or \"explicit\"");
        r = DB_READ_NUMBER(world->db, &n, err,
                           "SELECT count(*) FROM reservation WHERE subnet = ? AND first <= ? AND last >= ?",
                           DB_TEXT(subnet_id), DB_NUMBER(last), DB_NUMBER(first));
        if (r < 0)
                return r;
        if (n > 0)
                return err_set(err, ERR_INVALID, "%s overlaps another reservation", PREFIX_TEXT(cidr));
        return DB_RUN(world->db, err, "INSERT INTO reservation VALUES (?, ?, ?, ?)", DB_TEXT(subnet_id),
                      DB_NUMBER(first), DB_NUMBER(last), DB_TEXT(type));
}

int world_read_subnet_space(struct world *world, const char *subnet_id, const json_t *subnet, struct err *err)
{
        const json_t *reservations = json_object_get(subnet, "reservations"), *item;
        size_t i;
        int r;

        r = read_subnet_ipv6(world, subnet_id, json_object_get(subnet, "ipv6_cidr"), err);
        if (r < 0)
                return err_wrap(err, "ipv6_cidr");
        if (reservations &&
            (!json_is_array(reservations) || json_array_size(reservations) > MAX_RESERVATIONS))
                return err_set(err, ERR_INVALID, "reservations: want an array of at most %d",
                               MAX_RESERVATIONS);
        json_array_foreach((json_t *)(uintptr_t)reservations, i, item)
        {
                r = read_reservation(world, subnet_id, item, err);
                if (r < 0)
                        return err_wrap(err, "reservations[%zu]", i);
        }
        return 0;
}

static int take(struct world *world, const char *subnet_id, uint32_t number, struct err *err)
{
        return DB_RUN(world->db, err, "INSERT INTO taken VALUES (?, ?)", DB_TEXT(subnet_id),
                      DB_NUMBER(number));
}

/* One address, or all of a CIDR; all must be free. */
static int take_item(struct world *world, const char *subnet_id, const json_t *item, struct arena *arena,
                     struct err *err)
{
        const char *text = json_string_value(item) ?: "";
        struct world_pool pool;
        struct prefix cidr;
        struct ip ip;
        uint32_t first, last;
        int r;

        if (ip_parse(text, &ip, NULL) == 0)
                text = arena_printf(arena, "%s/%u", text, ip_max_bits(ip));
        if ((r = prefix_parse(text, &cidr, err)) < 0)
                return r;
        if (cidr.ip.family != AF_INET || cidr.bits < WORLD_MIN_BITS || !prefix_is_network(cidr))
                return err_set(err, ERR_INVALID, "'%s': want an IPv4 address or network", text);
        if ((r = place_in_subnet(world, subnet_id, cidr, &first, &last, err)) < 0 ||
            (r = world_pool_read(world, subnet_id, arena, &pool, err)) < 0)
                return r;
        for (uint32_t number = first; r == 0 && number <= last; number++) {
                if (pool.use[number - pool.first] >= WORLD_USE_TAKEN)
                        return err_set(err, ERR_INVALID, "%s is not free", IP_TEXT(ip_from_u32(number)));
                r = take(world, subnet_id, number, err);
        }
        return r;
}

/* One address in the middle of each whole block but the first `n_left`. */
static int fragment(struct world *world, const char *subnet_id, json_int_t n_left, struct arena *arena,
                    struct err *err)
{
        struct world_pool pool;
        int r;

        r = world_pool_read(world, subnet_id, arena, &pool, err);
        for (uint32_t at = 0; r == 0 && at < pool.size; at += WORLD_PREFIX_ADDRESSES) {
                if (world_pool_count_in_block(&pool, at, WORLD_USE_TAKEN) ||
                    world_pool_count_in_block(&pool, at, WORLD_USE_RESERVED) || n_left-- > 0)
                        continue;
                r = take(world, subnet_id, pool.first + at + WORLD_PREFIX_ADDRESSES / 2, err);
        }
        return r;
}

static int take_of_subnet(struct world *world, const char *name, const json_t *value, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *subnet_id;
        const json_t *item;
        size_t i;
        int r;

        r = DB_READ_TEXT(world->db, arena, &subnet_id, err,
                         "SELECT id FROM subnet WHERE id = ?1 OR name = ?1", DB_TEXT(name));
        if (r == -ERR_NOT_FOUND)
                return err_set(err, ERR_INVALID, "no subnet '%.64s'", name);
        if (r < 0)
                return r;
        if (json_is_integer(value) && json_integer_value(value) >= 0)
                return fragment(world, subnet_id, json_integer_value(value), arena, err);
        if (!json_is_array(value) || json_array_size(value) > MAX_TAKEN_ITEMS)
                return err_set(
                        err, ERR_INVALID,
                        "%.64s: want an array of at most %d addresses and CIDRs, or how many free blocks"
                        " of 16 to leave",
                        name, MAX_TAKEN_ITEMS);
        json_array_foreach((json_t *)(uintptr_t)value, i, item)
        {
                r = take_item(world, subnet_id, item, arena, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int world_set_taken(struct world *world, const json_t *taken, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        const char *name;
        json_t *value;
        int r;

        if (!json_is_object(taken))
                return err_set(err, ERR_INVALID, "taken: want an object of subnets");
        if ((r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM taken")) < 0)
                return r;
        json_object_foreach((json_t *)(uintptr_t)taken, name, value)
        {
                r = take_of_subnet(world, name, value, err);
                if (r < 0)
                        return err_wrap(err, "taken");
        }
        return db_commit(&transaction, err);
}
