// SPDX-License-Identifier: Apache-2.0
/* Addresses: which ones are free, and whose they become. */
#include <string.h>

#include <vpcwire/clock.h>

#include "fabric.h"
#include "world_private.h"

/* The addresses of a subnet, by their distance from its first: taken or not. */
struct pool {
        uint32_t first, size; /* of the whole subnet */
        uint32_t last_given;  /* distance; 0: none yet */
        bool *taken;
        size_t n_free;
};

static bool is_reserved(const struct pool *pool, uint32_t at)
{
        return at < WORLD_RESERVED_ADDRESSES - 1 || at == pool->size - 1;
}

static int read_range(struct world *world, const char *subnet_id, struct pool *ret, struct err *err)
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

static int read_pool(struct world *world, const char *subnet_id, struct arena *arena, struct pool *ret,
                     struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        struct pool pool = {0};
        size_t n_taken = 0;
        int r;

        if ((r = read_range(world, subnet_id, &pool, err)) < 0 ||
            (r = DB_PREPARE(world->db, &statement, err,
                            "SELECT a.number FROM address a JOIN subnet s ON s.vpc = a.vpc AND a.number"
                            " BETWEEN s.first AND s.last WHERE s.id = ?",
                            DB_TEXT(subnet_id))) < 0)
                return r;
        pool.taken = ARENA_ARRAY(arena, bool, pool.size);
        while ((r = db_next(statement, err)) > 0) {
                pool.taken[(uint32_t)sqlite3_column_int64(statement, 0) - pool.first] = true;
                n_taken++;
        }
        if (r < 0)
                return r;
        pool.n_free = pool.size - WORLD_RESERVED_ADDRESSES - n_taken;
        *ret = pool;
        return 0;
}

int world_count_free(struct world *world, const char *subnet_id, unsigned *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct pool pool;
        int r;

        r = read_pool(world, subnet_id, arena, &pool, err);
        if (r < 0)
                return r;
        *ret = (unsigned)pool.n_free;
        return 0;
}

/* xorshift64*: the same seed gives the same addresses in each run. */
static uint64_t next_random(struct world *world)
{
        uint64_t *x = &world->options.seed;

        if (*x == 0)
                *x = 1;
        *x ^= *x >> 12;
        *x ^= *x << 25;
        *x ^= *x >> 27;
        return *x * UINT64_C(0x2545f4914f6cdd1d);
}

static uint32_t first_candidate(struct world *world, const struct pool *pool)
{
        if (world->options.random_allocation)
                return (uint32_t)(next_random(world) % pool->size);
        return world->options.reuse_at_once ? 0 : pool->last_given + 1;
}

int world_choose_addresses(struct world *world, const char *subnet_id, size_t n, struct arena *arena,
                           struct ip **ret, struct err *err)
{
        struct pool pool;
        struct ip *chosen;
        int r;

        r = read_pool(world, subnet_id, arena, &pool, err);
        if (r < 0)
                return r;
        if (n > pool.n_free)
                return world_refuse(
                        world, err, "InsufficientFreeAddressesInSubnet",
                        "The specified subnet does not have enough free addresses to satisfy the request.");
        chosen = ARENA_ARRAY(arena, struct ip, n);
        for (size_t i = 0; i < n; i++) {
                uint32_t at = first_candidate(world, &pool) % pool.size;

                while (pool.taken[at] || is_reserved(&pool, at))
                        at = (at + 1) % pool.size;
                pool.taken[at] = true;
                pool.last_given = at;
                chosen[i] = ip_from_u32(pool.first + at);
        }
        *ret = chosen;
        return DB_RUN(world->db, err, "UPDATE subnet SET last_given = ? WHERE id = ?",
                      DB_NUMBER(pool.first + pool.last_given), DB_TEXT(subnet_id));
}

int world_check_addresses(struct world *world, const char *subnet_id, const struct ip *addresses, size_t n,
                          struct err *err)
{
        struct pool pool = {0};
        int r;

        r = read_range(world, subnet_id, &pool, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                uint32_t at =
                        addresses[i].family == AF_INET ? ip_to_u32(addresses[i]) - pool.first : UINT32_MAX;

                if (at >= pool.size)
                        return world_refuse(world, err, "InvalidParameterValue",
                                            "Address %s does not fall within the subnet's address range",
                                            IP_TEXT(addresses[i]));
                if (is_reserved(&pool, at))
                        return world_refuse(world, err, "InvalidParameterValue",
                                            "Address %s is in subnet's reserved address range",
                                            IP_TEXT(addresses[i]));
        }
        return 0;
}

int world_give_address(struct world *world, const char *eni_id, struct ip address, bool primary,
                       struct err *err)
{
        int r;

        r = DB_RUN(world->db, err,
                   "INSERT INTO address (vpc, number, ip, eni, is_primary, imds_ms)"
                   " SELECT vpc, ?, ?, id, ?, ? FROM eni WHERE id = ?",
                   DB_NUMBER(ip_to_u32(address)), DB_TEXT(IP_TEXT(address)), DB_NUMBER(primary),
                   DB_NUMBER(clock_boottime_ms() + world->options.imds_lag_ms), DB_TEXT(eni_id));
        if (r == -ERR_EXISTS)
                return world_refuse(world, err, "InvalidParameterValue", "Address %s is in use.",
                                    IP_TEXT(address));
        return r;
}

int world_tell_addresses(struct world *world, const char *eni_id, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct world_eni eni;
        struct ip *addresses;
        int64_t has_link;
        int r;

        r = DB_READ_NUMBER(world->db, &has_link, err,
                           "SELECT count(*) FROM attachment WHERE eni = ? AND has_link", DB_TEXT(eni_id));
        if (r < 0 || !has_link || !world->fabric)
                return r;
        r = world_load_eni(world, eni_id, false, arena, &eni, err);
        if (r < 0)
                return r;
        addresses = ARENA_ARRAY(arena, struct ip, eni.n_addresses);
        for (size_t i = 0; i < eni.n_addresses; i++)
                addresses[i] = eni.addresses[i].ip;
        return fabric_set_addresses(world->fabric, eni_id, addresses, eni.n_addresses, err);
}

/* How many addresses the ENI may have: what its instance takes, or the most that any takes. */
static int check_limit(struct world *world, const struct world_eni *eni, size_t more, struct err *err)
{
        int64_t limit = WORLD_ENI_MAX_ADDRESSES;
        int r;

        if (eni->attachment) {
                r = DB_READ_NUMBER(world->db, &limit, err, "SELECT ipv4_per_eni FROM instance WHERE id = ?",
                                   DB_TEXT(eni->attachment->instance_id));
                if (r < 0)
                        return r;
        }
        if (eni->n_addresses + more > (size_t)limit)
                return world_refuse(world, err, "PrivateIpAddressLimitExceeded",
                                    "Number of private addresses will exceed limit.");
        return 0;
}

/*
 * An address that another ENI has is left alone, unless it may be taken over and is not that one's primary. *ret_loser is
 * the ENI that lost it, NULL for an address that was free.
 */
static int take_over(struct world *world, const struct world_eni *eni, struct ip address, bool allowed,
                     struct arena *arena, const char **ret_loser, struct err *err)
{
        int64_t primary;
        const char *owner;
        int r;

        r = DB_READ_TEXT(world->db, arena, &owner, err,
                         "SELECT eni FROM address WHERE vpc = ? AND number = ?", DB_TEXT(eni->vpc_id),
                         DB_NUMBER(ip_to_u32(address)));
        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r;
        r = DB_READ_NUMBER(world->db, &primary, err,
                           "SELECT is_primary FROM address WHERE vpc = ? AND number = ?",
                           DB_TEXT(eni->vpc_id), DB_NUMBER(ip_to_u32(address)));
        if (r < 0)
                return r;
        if (!allowed || primary || strcmp(owner, eni->id) == 0)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "[%s] is assigned but move is not allowed.", IP_TEXT(address));
        *ret_loser = owner;
        return DB_RUN(world->db, err, "DELETE FROM address WHERE vpc = ? AND number = ?",
                      DB_TEXT(eni->vpc_id), DB_NUMBER(ip_to_u32(address)));
}

/* The rows of all new addresses first, the fabric after: what is refused half-way has told it nothing. */
static int give_all(struct world *world, const struct world_eni *eni, const struct ip *addresses, size_t n,
                    bool allow_reassignment, struct arena *arena, struct err *err)
{
        const char **losers = ARENA_ARRAY(arena, const char *, n);
        int r;

        for (size_t i = 0; i < n; i++)
                if ((r = take_over(world, eni, addresses[i], allow_reassignment, arena, &losers[i], err)) <
                            0 ||
                    (r = world_give_address(world, eni->id, addresses[i], false, err)) < 0)
                        return r;
        for (size_t i = 0; i < n; i++)
                if (losers[i] && (r = world_tell_addresses(world, losers[i], err)) < 0)
                        return r;
        return world_tell_addresses(world, eni->id, err);
}

int world_assign_addresses(struct world *world, const struct world_assign *request, struct arena *arena,
                           struct ip **ret, size_t *ret_n, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        size_t n = request->n_addresses ?: request->count;
        struct ip *addresses = NULL;
        struct world_eni eni;
        int r;

        if ((r = world_exists(world, WORLD_ENI, request->eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = world_load_eni(world, request->eni_id, false, arena, &eni, err)) < 0 ||
            (r = check_limit(world, &eni, n, err)) < 0)
                return r;
        if (request->n_addresses > 0) {
                addresses = ARENA_ARRAY(arena, struct ip, n);
                memcpy(addresses, request->addresses, n * sizeof(*addresses));
                r = world_check_addresses(world, eni.subnet_id, addresses, n, err);
        } else {
                r = world_choose_addresses(world, eni.subnet_id, n, arena, &addresses, err);
        }
        if (r < 0 || (r = give_all(world, &eni, addresses, n, request->allow_reassignment, arena, err)) < 0 ||
            (r = db_commit(&transaction, err)) < 0)
                return r;
        *ret = addresses;
        *ret_n = n;
        return 0;
}

int world_unassign_addresses(struct world *world, const char *eni_id, const struct ip *addresses, size_t n,
                             struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int64_t primary;
        int r;

        if ((r = world_exists(world, WORLD_ENI, eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = DB_READ_NUMBER(world->db, &primary, err,
                                   "SELECT is_primary FROM address WHERE eni = ? AND ip = ?", DB_TEXT(eni_id),
                                   DB_TEXT(IP_TEXT(addresses[i])));
                if (r == -ERR_NOT_FOUND)
                        return world_refuse(
                                world, err, "InvalidParameterValue",
                                "Some of the specified addresses are not assigned to interface %s", eni_id);
                if (r < 0)
                        return r;
                if (primary)
                        return world_refuse(world, err, "InvalidParameterValue",
                                            "The primary IP address of an interface cannot be unassigned.");
                r = DB_RUN(world->db, err, "DELETE FROM address WHERE eni = ? AND ip = ?", DB_TEXT(eni_id),
                           DB_TEXT(IP_TEXT(addresses[i])));
                if (r < 0)
                        return r;
        }
        r = world_tell_addresses(world, eni_id, err);
        if (r < 0)
                return r;
        return db_commit(&transaction, err);
}
