// SPDX-License-Identifier: Apache-2.0
/* See world_pool.h. */
#include <string.h>

#include "world_pool.h"

static int read_range(struct world *world, const char *subnet_id, struct world_pool *ret, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        uint32_t last_given;
        int r;

        r = DB_PREPARE(world->db, &statement, err, "SELECT first, last, last_given FROM subnet WHERE id = ?",
                       DB_TEXT(subnet_id));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no subnet %s", subnet_id);
        ret->first = (uint32_t)sqlite3_column_int64(statement, 0);
        ret->size = (uint32_t)sqlite3_column_int64(statement, 1) - ret->first + 1;
        last_given = (uint32_t)sqlite3_column_int64(statement, 2);
        ret->last_given = last_given ? last_given - ret->first : 0;
        return 0;
}

/* Rows (first, last, use) of a statement about one subnet. */
static int mark_ranges(struct world *world, const char *subnet_id, const char *sql, struct world_pool *pool,
                       struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err, sql, DB_TEXT(subnet_id));
        if (r < 0)
                return r;
        while ((r = db_next(statement, err)) > 0) {
                uint32_t first = (uint32_t)sqlite3_column_int64(statement, 0),
                         last = (uint32_t)sqlite3_column_int64(statement, 1);

                memset(&pool->use[first - pool->first], sqlite3_column_int(statement, 2), last - first + 1);
        }
        return r;
}

int world_pool_read(struct world *world, const char *subnet_id, struct arena *arena, struct world_pool *ret,
                    struct err *err)
{
        struct world_pool pool = {0};
        int r;

        _Static_assert(WORLD_USE_FREE_FOR_PREFIXES == 1 && WORLD_USE_FREE_IF_NAMED == 2 &&
                               WORLD_USE_TAKEN == 3,
                       "the numbers in the statements");
        r = read_range(world, subnet_id, &pool, err);
        if (r < 0)
                return r;
        pool.use = ARENA_ARRAY(arena, uint8_t, pool.size);
        if ((r = mark_ranges(
                     world, subnet_id,
                     "SELECT first, last, iif(type = 'prefix', 1, 2) FROM reservation WHERE subnet = ?",
                     &pool, err)) < 0 ||
            (r = mark_ranges(world, subnet_id,
                             "SELECT a.number, a.last, 3 FROM address a JOIN subnet s ON s.vpc = a.vpc AND"
                             " a.number BETWEEN s.first AND s.last WHERE s.id = ?",
                             &pool, err)) < 0 ||
            (r = mark_ranges(world, subnet_id, "SELECT number, number, 3 FROM taken WHERE subnet = ?", &pool,
                             err)) < 0)
                return r;
        memset(pool.use, WORLD_USE_RESERVED, WORLD_RESERVED_ADDRESSES - 1);
        pool.use[pool.size - 1] = WORLD_USE_RESERVED;
        *ret = pool;
        return 0;
}

unsigned world_pool_count_free(const struct world_pool *pool)
{
        unsigned n = 0;

        for (uint32_t at = 0; at < pool->size; at++)
                n += pool->use[at] < WORLD_USE_TAKEN;
        return n;
}

unsigned world_pool_count_in_block(const struct world_pool *pool, uint32_t at, enum world_use use)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < WORLD_PREFIX_ADDRESSES; i++)
                n += pool->use[at + i] == use;
        return n;
}

int world_count_free(struct world *world, const char *subnet_id, unsigned *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct world_pool pool;
        int r;

        r = world_pool_read(world, subnet_id, arena, &pool, err);
        if (r == 0)
                *ret = world_pool_count_free(&pool);
        return r;
}

uint64_t world_next_random(struct world *world)
{
        uint64_t *x = &world->options.seed;

        if (*x == 0)
                *x = 1;
        *x ^= *x >> 12;
        *x ^= *x << 25;
        *x ^= *x >> 27;
        return *x * UINT64_C(0x2545f4914f6cdd1d);
}

static uint32_t first_candidate(struct world *world, const struct world_pool *pool)
{
        if (world->options.random_allocation)
                return (uint32_t)(world_next_random(world) % pool->size);
        return world->options.reuse_at_once ? 0 : pool->last_given + 1;
}

/* Single addresses: not from reservations, which are there to be kept free of them. */
static int choose_addresses(struct world *world, struct world_pool *pool, size_t n, struct prefix *ret,
                            struct err *err)
{
        size_t n_free = 0;

        for (uint32_t at = 0; at < pool->size; at++)
                n_free += pool->use[at] == WORLD_USE_FREE;
        if (n > n_free)
                return world_refuse(
                        world, err, "InsufficientFreeAddressesInSubnet",
                        "The specified subnet does not have enough free addresses to satisfy the request.");
        for (size_t i = 0; i < n; i++) {
                uint32_t at = first_candidate(world, pool) % pool->size;

                while (pool->use[at] != WORLD_USE_FREE)
                        at = (at + 1) % pool->size;
                pool->use[at] = WORLD_USE_TAKEN;
                pool->last_given = at;
                ret[i] = prefix_host(ip_from_u32(pool->first + at));
        }
        return 0;
}

/* A block that is whole and free in this way, at or after a place; the distance of its first address, or -1. */
static int64_t find_block(const struct world_pool *pool, uint32_t from, enum world_use use)
{
        uint32_t n_blocks = pool->size / WORLD_PREFIX_ADDRESSES;

        for (uint32_t i = 0; i < n_blocks; i++) {
                uint32_t at = (from % n_blocks + i) % n_blocks * WORLD_PREFIX_ADDRESSES;

                if (world_pool_count_in_block(pool, at, use) == WORLD_PREFIX_ADDRESSES)
                        return at;
        }
        return -1;
}

/*
 * Prefixes: from reservations made for them first. Too few addresses at all and too few whole blocks are two refusals (AWS's
 * support, as quoted in https://github.com/cilium/cilium/pull/31016).
 */
static int choose_prefixes(struct world *world, struct world_pool *pool, size_t n, struct prefix *ret,
                           struct err *err)
{
        if (n * WORLD_PREFIX_ADDRESSES > world_pool_count_free(pool))
                return world_refuse(world, err, "InvalidParameterValue",
                                    "There aren't sufficient free Ipv4 addresses or prefixes");
        for (size_t i = 0; i < n; i++) {
                uint32_t from = world->options.random_allocation ? (uint32_t)world_next_random(world) : 0;
                int64_t at = find_block(pool, from, WORLD_USE_FREE_FOR_PREFIXES);

                if (at < 0)
                        at = find_block(pool, from, WORLD_USE_FREE);
                if (at < 0)
                        return world_refuse(world, err, "InsufficientCidrBlocks",
                                            "The specified subnet does not have enough free cidr blocks to"
                                            " satisfy the request.");
                memset(&pool->use[at], WORLD_USE_TAKEN, WORLD_PREFIX_ADDRESSES);
                ret[i] = (struct prefix){ip_from_u32(pool->first + (uint32_t)at), WORLD_PREFIX_BITS};
        }
        return 0;
}

/* Named ones are not chosen as well. Whether somebody has them already is seen when they are given. */
static int take_named(struct world *world, struct world_pool *pool, struct prefix cidr, struct err *err)
{
        bool single = cidr.bits == ip_max_bits(cidr.ip);
        uint32_t at = cidr.ip.family == AF_INET ? ip_to_u32(cidr.ip) - pool->first : UINT32_MAX,
                 n = single ? 1 : WORLD_PREFIX_ADDRESSES;

        if (!single && (cidr.bits != WORLD_PREFIX_BITS || !prefix_is_network(cidr)))
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Prefix %s is invalid: an IPv4 prefix is an aligned /%d",
                                    PREFIX_TEXT(cidr), WORLD_PREFIX_BITS);
        if (at >= pool->size)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Address %s does not fall within the subnet's address range",
                                    single ? IP_TEXT(cidr.ip) : PREFIX_TEXT(cidr));
        for (uint32_t i = 0; i < n; i++)
                if (pool->use[at + i] == WORLD_USE_RESERVED)
                        return world_refuse(world, err, "InvalidParameterValue",
                                            "Address %s is in subnet's reserved address range",
                                            single ? IP_TEXT(cidr.ip) : PREFIX_TEXT(cidr));
        memset(&pool->use[at], WORLD_USE_TAKEN, n);
        return 0;
}

int world_choose_ipv4(struct world *world, const char *subnet_id, const struct world_asked *requested,
                      struct arena *arena, struct prefix **ret, size_t *ret_n, struct err *err)
{
        size_t n = requested->n_cidrs + requested->n_addresses + requested->n_prefixes;
        struct prefix *chosen = ARENA_ARRAY(arena, struct prefix, n);
        struct world_pool pool;
        int r;

        r = world_pool_read(world, subnet_id, arena, &pool, err);
        for (size_t i = 0; r == 0 && i < requested->n_cidrs; i++) {
                r = take_named(world, &pool, requested->cidrs[i], err);
                chosen[i] = requested->cidrs[i];
        }
        if (r < 0 ||
            (r = choose_addresses(world, &pool, requested->n_addresses, chosen + requested->n_cidrs, err)) <
                    0 ||
            (r = choose_prefixes(world, &pool, requested->n_prefixes,
                                 chosen + requested->n_cidrs + requested->n_addresses, err)) < 0)
                return r;
        *ret = chosen;
        *ret_n = n;
        return DB_RUN(world->db, err, "UPDATE subnet SET last_given = ? WHERE id = ?",
                      DB_NUMBER(pool.first + pool.last_given), DB_TEXT(subnet_id));
}
