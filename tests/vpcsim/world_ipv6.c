// SPDX-License-Identifier: Apache-2.0
/*
 * IPv6 of ENIs: addresses and /80 prefixes out of a subnet's /64. A place in a subnet is a block (the 16 bits after the /64)
 * and in it a host (the last 48 bits), or the whole block. The first block and the last have addresses that EC2 keeps, so
 * they are never given as prefixes; single addresses of the world's choice are from the first, or random ones from anywhere.
 */
#include <string.h>

#include <vpcwire/clock.h>

#include "fabric.h"
#include "world_pool.h"

enum {
        PREFIX_BITS = 80,
        LAST_BLOCK = 0xffff,
        FIRST_HOST = 4, /* the first four addresses of a subnet and the last are EC2's */
        TRIES = 64,
};

#define LAST_HOST ((INT64_C(1) << 48) - 1)

struct place {
        int64_t block, host; /* host -1: the whole block */
};

/* The bytes from..to of an address, as a number. */
static int64_t bytes_to_number(struct ip ip, size_t from, size_t to)
{
        int64_t number = 0;

        for (size_t i = from; i < to; i++)
                number = number << 8 | ip.bytes[i];
        return number;
}

static struct place place_of(struct prefix cidr)
{
        return (struct place){bytes_to_number(cidr.ip, 8, 10),
                              cidr.bits == 128 ? bytes_to_number(cidr.ip, 10, 16) : -1};
}

static struct prefix cidr_at(struct prefix subnet, struct place place)
{
        struct prefix cidr = {subnet.ip, place.host < 0 ? PREFIX_BITS : 128};

        for (size_t i = 0; i < 2; i++)
                cidr.ip.bytes[9 - i] = (uint8_t)(place.block >> 8 * i);
        for (size_t i = 0; i < 6 && place.host >= 0; i++)
                cidr.ip.bytes[15 - i] = (uint8_t)(place.host >> 8 * i);
        return cidr;
}

static bool is_reserved(struct place place)
{
        if (place.host < 0)
                return place.block == 0 || place.block == LAST_BLOCK;
        return (place.block == 0 && place.host < FIRST_HOST) ||
               (place.block == LAST_BLOCK && place.host == LAST_HOST);
}

static int is_in_use(struct world *world, const char *subnet_id, struct place place, int64_t *ret,
                     struct err *err)
{
        return DB_READ_NUMBER(world->db, ret, err,
                              "SELECT EXISTS (SELECT 1 FROM ipv6 WHERE subnet = ? AND block = ? AND"
                              " (? < 0 OR host IS NULL OR host = ?))",
                              DB_TEXT(subnet_id), DB_NUMBER(place.block), DB_NUMBER(place.host),
                              DB_NUMBER(place.host));
}

/* The lowest free one; a place that is reserved when there is none. */
static int find_lowest(struct world *world, const char *subnet_id, bool prefix, struct place *ret,
                       struct err *err)
{
        *ret = (struct place){0, -1};
        if (prefix)
                return DB_READ_NUMBER(
                        world->db, &ret->block, err,
                        "SELECT min(b) FROM (SELECT 1 AS b UNION SELECT block + 1 FROM ipv6 WHERE"
                        " subnet = ?1) WHERE b NOT IN (SELECT block FROM ipv6 WHERE subnet = ?1)",
                        DB_TEXT(subnet_id));
        return DB_READ_NUMBER(world->db, &ret->host, err,
                              "SELECT min(h) FROM (SELECT ?1 AS h UNION SELECT host + 1 FROM ipv6 WHERE"
                              " subnet = ?2 AND block = 0 AND host >= ?1) WHERE h NOT IN"
                              " (SELECT host FROM ipv6 WHERE subnet = ?2 AND block = 0)",
                              DB_NUMBER(FIRST_HOST), DB_TEXT(subnet_id));
}

static int choose(struct world *world, const char *subnet_id, bool prefix, struct place *ret, struct err *err)
{
        int64_t in_use = 1;
        int r;

        for (int i = 0; i < TRIES && in_use; i++) {
                if (world->options.random_allocation) {
                        uint64_t dice = world_next_random(world);

                        *ret = (struct place){(int64_t)(dice >> 48),
                                              prefix ? -1 : (int64_t)(dice & LAST_HOST)};
                } else if ((r = find_lowest(world, subnet_id, prefix, ret, err)) < 0) {
                        return r;
                }
                if (!is_reserved(*ret) && (r = is_in_use(world, subnet_id, *ret, &in_use, err)) < 0)
                        return r;
        }
        return in_use ? world_refuse(world, err, "InsufficientCidrBlocks",
                                     "The specified subnet does not have enough free cidr blocks to satisfy"
                                     " the request.")
                      : 0;
}

static int check_named(struct world *world, struct prefix subnet, struct prefix cidr, struct err *err)
{
        if (cidr.ip.family != AF_INET6 || (cidr.bits != 128 && cidr.bits != PREFIX_BITS) ||
            !prefix_is_network(cidr))
                return world_refuse(world, err, "InvalidParameterValue",
                                    "%s is invalid: an IPv6 prefix is an aligned /%d", PREFIX_TEXT(cidr),
                                    PREFIX_BITS);
        if (!prefix_contains(subnet, cidr.ip))
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Address %s does not fall within the subnet's address range",
                                    PREFIX_TEXT(cidr));
        if (is_reserved(place_of(cidr)))
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Address %s is in subnet's reserved address range", PREFIX_TEXT(cidr));
        return 0;
}

static int give(struct world *world, const char *eni_id, const char *subnet_id, struct prefix cidr,
                struct err *err)
{
        struct place place = place_of(cidr);
        int64_t in_use;
        int r;

        r = is_in_use(world, subnet_id, place, &in_use, err);
        if (r < 0)
                return r;
        if (in_use)
                return world_refuse(world, err, "InvalidParameterValue", "Address %s is in use.",
                                    PREFIX_TEXT(cidr));
        return DB_RUN(world->db, err,
                      "INSERT INTO ipv6 (subnet, block, host, cidr, eni, imds_ms) VALUES (?, ?, nullif(?, "
                      "-1), ?, ?,"
                      " ?)",
                      DB_TEXT(subnet_id), DB_NUMBER(place.block), DB_NUMBER(place.host),
                      DB_TEXT(PREFIX_TEXT(cidr)), DB_TEXT(eni_id),
                      DB_NUMBER(clock_boottime_ms() + world->options.imds_lag_ms));
}

static int read_subnet(struct world *world, const char *eni_id, struct arena *arena, const char **ret_id,
                       struct prefix *ret, struct err *err)
{
        const char *cidr;
        int r;

        if ((r = DB_READ_TEXT(world->db, arena, ret_id, err, "SELECT subnet FROM eni WHERE id = ?",
                              DB_TEXT(eni_id))) < 0 ||
            (r = DB_READ_TEXT(world->db, arena, &cidr, err, "SELECT ipv6_cidr FROM subnet WHERE id = ?",
                              DB_TEXT(*ret_id))) < 0)
                return r;
        if (!cidr)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "The subnet '%s' has no IPv6 CIDR block associated with it.", *ret_id);
        return prefix_parse(cidr, ret, err);
}

int world_give_ipv6(struct world *world, const char *eni_id, const struct world_asked *requested,
                    struct arena *arena, struct prefix **ret, size_t *ret_n, struct err *err)
{
        size_t n = requested->n_cidrs + requested->n_addresses + requested->n_prefixes;
        struct prefix subnet, *cidrs = ARENA_ARRAY(arena, struct prefix, n);
        const char *subnet_id;
        struct place place;
        int r;

        r = read_subnet(world, eni_id, arena, &subnet_id, &subnet, err);
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (i < requested->n_cidrs) {
                        cidrs[i] = requested->cidrs[i];
                        r = check_named(world, subnet, cidrs[i], err);
                } else {
                        r = choose(world, subnet_id, i >= requested->n_cidrs + requested->n_addresses, &place,
                                   err);
                        if (r == 0)
                                cidrs[i] = cidr_at(subnet, place);
                }
                if (r == 0)
                        r = give(world, eni_id, subnet_id, cidrs[i], err);
        }
        *ret = cidrs;
        *ret_n = n;
        return r;
}

/* Tells the fabric what the ENI's are now; nothing where it has no link. */
static int tell_fabric(struct world *world, const char *eni_id, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct world_eni eni;
        bool has_link;
        int r;

        r = world_has_link(world, eni_id, &has_link, err);
        if (r < 0 || !has_link || !world->fabric ||
            (r = world_load_eni(world, eni_id, false, arena, &eni, err)) < 0)
                return r;
        return fabric_set_ipv6(world->fabric, eni_id, eni.ipv6, eni.n_ipv6, err);
}

int world_assign_ipv6(struct world *world, const struct world_assign *request, struct arena *arena,
                      struct prefix **ret, size_t *ret_n, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        const struct world_asked *requested = &request->requested;
        size_t n = requested->n_cidrs + requested->n_addresses + requested->n_prefixes;
        struct world_eni eni;
        int r;

        if ((r = world_exists(world, WORLD_ENI, request->eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = world_load_eni(world, request->eni_id, false, arena, &eni, err)) < 0 ||
            (r = world_check_limit(world, &eni, eni.n_ipv6 + n, "IPv6", err)) < 0 ||
            (r = world_give_ipv6(world, request->eni_id, requested, arena, ret, ret_n, err)) < 0 ||
            (r = tell_fabric(world, request->eni_id, err)) < 0)
                return r;
        return db_commit(&transaction, err);
}

int world_unassign_ipv6(struct world *world, const char *eni_id, const struct prefix *cidrs, size_t n,
                        struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int r;

        if ((r = world_exists(world, WORLD_ENI, eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = DB_RUN(world->db, err, "DELETE FROM ipv6 WHERE eni = ? AND cidr = ?", DB_TEXT(eni_id),
                           DB_TEXT(PREFIX_TEXT(cidrs[i])));
                if (r < 0)
                        return r;
                if (db_changes(world->db) == 0)
                        return world_refuse(
                                world, err, "InvalidParameterValue",
                                "Some of the specified addresses are not assigned to interface %s", eni_id);
        }
        r = tell_fabric(world, eni_id, err);
        if (r < 0)
                return r;
        return db_commit(&transaction, err);
}
