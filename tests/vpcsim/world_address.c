// SPDX-License-Identifier: Apache-2.0
/* IPv4 addresses and prefixes: whose they become, and no longer are. Which ones are free is world_pool.c's. */
#include <string.h>

#include <vpcwire/clock.h>

#include "fabric.h"
#include "world_pool.h"

static uint32_t last_of(struct prefix cidr)
{
        return ip_to_u32(cidr.ip) + (cidr.bits == 32 ? 0 : WORLD_PREFIX_ADDRESSES - 1);
}

/* "10.0.1.7", and "10.0.1.16/28" for a prefix. */
static const char *text_of(struct prefix cidr, char text[static PREFIX_TEXT_BYTES])
{
        return cidr.bits == 32 ? ip_format(cidr.ip, text) : prefix_format(cidr, text);
}
#define CIDR_TEXT(cidr) text_of((cidr), (char[PREFIX_TEXT_BYTES]){0})

/* Whether an ENI has some of it, or somebody else. */
static int is_in_use(struct world *world, const char *eni_id, struct prefix cidr, int64_t *ret,
                     struct err *err)
{
        int64_t first = ip_to_u32(cidr.ip), last = last_of(cidr);

        return DB_READ_NUMBER(
                world->db, ret, err,
                "SELECT EXISTS (SELECT 1 FROM address a JOIN eni e ON e.vpc = a.vpc WHERE e.id = ? AND"
                " a.number <= ? AND a.last >= ?) OR EXISTS (SELECT 1 FROM taken t JOIN eni e ON e.subnet ="
                " t.subnet WHERE e.id = ? AND t.number BETWEEN ? AND ?)",
                DB_TEXT(eni_id), DB_NUMBER(last), DB_NUMBER(first), DB_TEXT(eni_id), DB_NUMBER(first),
                DB_NUMBER(last));
}

int world_give_ipv4(struct world *world, const char *eni_id, struct prefix cidr, bool primary,
                    struct err *err)
{
        int64_t in_use;
        int r;

        r = is_in_use(world, eni_id, cidr, &in_use, err);
        if (r < 0)
                return r;
        if (in_use)
                return world_refuse(world, err, "InvalidParameterValue", "Address %s is in use.",
                                    CIDR_TEXT(cidr));
        return DB_RUN(world->db, err,
                      "INSERT INTO address (vpc, number, last, ip, eni, is_primary, imds_ms)"
                      " SELECT vpc, ?, ?, ?, id, ?, ? FROM eni WHERE id = ?",
                      DB_NUMBER(ip_to_u32(cidr.ip)), DB_NUMBER(last_of(cidr)), DB_TEXT(CIDR_TEXT(cidr)),
                      DB_NUMBER(primary), DB_NUMBER(clock_boottime_ms() + world->options.imds_lag_ms),
                      DB_TEXT(eni_id));
}

size_t world_list_delivered(const struct world_eni *eni, struct arena *arena, struct ip **ret)
{
        struct ip *addresses =
                ARENA_ARRAY(arena, struct ip, eni->n_addresses + eni->n_prefixes * WORLD_PREFIX_ADDRESSES);
        size_t n = 0;

        for (size_t i = 0; i < eni->n_addresses; i++)
                addresses[n++] = eni->addresses[i].ip;
        for (size_t i = 0; i < eni->n_prefixes; i++)
                for (uint32_t j = 0; j < WORLD_PREFIX_ADDRESSES; j++)
                        addresses[n++] = prefix_nth(eni->prefixes[i], j);
        *ret = addresses;
        return n;
}

int world_tell_addresses(struct world *world, const char *eni_id, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct world_eni eni;
        struct ip *addresses;
        bool has_link;
        size_t n;
        int r;

        r = world_has_link(world, eni_id, &has_link, err);
        if (r < 0 || !has_link || !world->fabric)
                return r;
        r = world_load_eni(world, eni_id, false, arena, &eni, err);
        if (r < 0)
                return r;
        n = world_list_delivered(&eni, arena, &addresses);
        return fabric_set_addresses(world->fabric, eni_id, addresses, n, err);
}

int world_check_limit(struct world *world, const struct world_eni *eni, size_t n, const char *what,
                      struct err *err)
{
        int64_t limit = WORLD_ENI_MAX_ADDRESSES;
        int r;

        if (eni->attachment) {
                r = DB_READ_NUMBER(world->db, &limit, err, "SELECT ipv4_per_eni FROM instance WHERE id = ?",
                                   DB_TEXT(eni->attachment->instance_id));
                if (r < 0)
                        return r;
        }
        if (n > (size_t)limit)
                return world_refuse(world, err, "PrivateIpAddressLimitExceeded",
                                    "Number of %s addresses will exceed limit.", what);
        return 0;
}

/*
 * An address that another ENI has is left alone, unless it may be taken over and is not that one's primary. *ret_loser is
 * the ENI that lost it, NULL for an address that was free.
 */
static int take_over(struct world *world, const struct world_eni *eni, struct prefix cidr, bool allowed,
                     struct arena *arena, const char **ret_loser, struct err *err)
{
        const struct db_value who[] = {DB_TEXT(eni->vpc_id), DB_NUMBER(ip_to_u32(cidr.ip)),
                                       DB_NUMBER(last_of(cidr))};
        int64_t fixed;
        const char *owner;
        int r;

        r = db_read_text(world->db, arena, &owner,
                         "SELECT eni FROM address WHERE vpc = ? AND number = ? AND last = ?", who,
                         ARRAY_SIZE(who), err);
        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r;
        r = db_read_number(
                world->db, &fixed,
                "SELECT is_primary OR last > number FROM address WHERE vpc = ? AND number = ? AND last = ?",
                who, ARRAY_SIZE(who), err);
        if (r < 0)
                return r;
        if (!allowed || fixed || strcmp(owner, eni->id) == 0)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "[%s] is assigned but move is not allowed.", CIDR_TEXT(cidr));
        *ret_loser = owner;
        return db_run(world->db, "DELETE FROM address WHERE vpc = ? AND number = ? AND last = ?", who,
                      ARRAY_SIZE(who), err);
}

/* The rows of all new addresses first, the fabric after: what is refused half-way has told it nothing. */
static int give_all(struct world *world, const struct world_eni *eni, const struct prefix *cidrs, size_t n,
                    bool allow_reassignment, struct arena *arena, struct err *err)
{
        const char **losers = ARENA_ARRAY(arena, const char *, n);
        int r;

        for (size_t i = 0; i < n; i++)
                if ((r = take_over(world, eni, cidrs[i], allow_reassignment, arena, &losers[i], err)) < 0 ||
                    (r = world_give_ipv4(world, eni->id, cidrs[i], false, err)) < 0)
                        return r;
        for (size_t i = 0; i < n; i++)
                if (losers[i] && (r = world_tell_addresses(world, losers[i], err)) < 0)
                        return r;
        return world_tell_addresses(world, eni->id, err);
}

int world_assign_ipv4(struct world *world, const struct world_assign *request, struct arena *arena,
                      struct prefix **ret, size_t *ret_n, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        const struct world_asked *requested = &request->requested;
        size_t n = requested->n_cidrs + requested->n_addresses + requested->n_prefixes;
        struct prefix *cidrs;
        struct world_eni eni;
        int r;

        if ((r = world_exists(world, WORLD_ENI, request->eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = world_load_eni(world, request->eni_id, false, arena, &eni, err)) < 0 ||
            (r = world_check_limit(world, &eni, eni.n_addresses + eni.n_prefixes + n, "private", err)) < 0 ||
            (r = world_choose_ipv4(world, eni.subnet_id, requested, arena, &cidrs, &n, err)) < 0 ||
            (r = give_all(world, &eni, cidrs, n, request->allow_reassignment, arena, err)) < 0 ||
            (r = db_commit(&transaction, err)) < 0)
                return r;
        *ret = cidrs;
        *ret_n = n;
        return 0;
}

static int take_away(struct world *world, const char *eni_id, struct prefix cidr, struct err *err)
{
        int64_t primary;
        int r;

        r = DB_READ_NUMBER(world->db, &primary, err,
                           "SELECT is_primary FROM address WHERE eni = ? AND ip = ?", DB_TEXT(eni_id),
                           DB_TEXT(CIDR_TEXT(cidr)));
        if (r == -ERR_NOT_FOUND)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Some of the specified addresses are not assigned to interface %s",
                                    eni_id);
        if (r < 0)
                return r;
        if (primary)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "The primary IP address of an interface cannot be unassigned.");
        return DB_RUN(world->db, err, "DELETE FROM address WHERE eni = ? AND ip = ?", DB_TEXT(eni_id),
                      DB_TEXT(CIDR_TEXT(cidr)));
}

int world_unassign_ipv4(struct world *world, const char *eni_id, const struct prefix *cidrs, size_t n,
                        struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int r;

        if ((r = world_exists(world, WORLD_ENI, eni_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = take_away(world, eni_id, cidrs[i], err);
                if (r < 0)
                        return r;
        }
        r = world_tell_addresses(world, eni_id, err);
        if (r < 0)
                return r;
        return db_commit(&transaction, err);
}
