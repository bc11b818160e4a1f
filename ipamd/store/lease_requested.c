// SPDX-License-Identifier: Apache-2.0
/*
 * What a new lease gets: a name for its host link, and addresses, the best ones or that which it asks for. Where what is
 * asked for cannot be had, a text says who has it.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/pod_name.h>

#include "store/pick.h"

enum { CONTAINER_ID_SHOWN = 12, MS_PER_S = 1000 };

/* "pod default/web", or the container where the pod has no name. */
static const char *describe(const struct pod_name *pod, const char *container_id, struct arena *arena)
{
        const char *text = pod_name_text(pod, arena);

        if (text)
                return arena_printf(arena, "pod %s", text);
        return arena_printf(arena, "container %.*s", CONTAINER_ID_SHOWN, container_id);
}

/* ---- the host link ---- */

/* Who has a name. The row's statement must be over before the next one begins, so all of it is copied. */
struct holder {
        const char *network, *container_id, *ifname;
        struct pod_name pod;
};

/* 1: *ret has it; 0: nobody has. */
static int find_holder(struct store *store, const char *host_ifname, struct arena *arena, struct holder *ret,
                       struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(
                store,
                "SELECT network, container_id, ifname, pod_namespace, pod_name, pod_uid FROM leases"
                " WHERE host_ifname = ?1 AND host_ifname <> '' AND address_only = 0",
                VALUES(SQL_TEXT(host_ifname)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r > 0)
                *ret = (struct holder){
                        .network = stmt_text(s, 0, arena),
                        .container_id = stmt_text(s, 1, arena),
                        .ifname = stmt_text(s, 2, arena),
                        .pod = {stmt_text(s, 3, arena), stmt_text(s, 4, arena), stmt_text(s, 5, arena)}};
        return r;
}

/* An older sandbox of the pod. */
static bool is_same_pod(const struct holder *holder, const struct lease *wanted)
{
        const struct pod_name pod = {wanted->pod_namespace, wanted->pod_name, wanted->pod_uid};

        return pod_name_is_same(&holder->pod, &pod) && strcmp(holder->ifname, wanted->key.ifname) == 0;
}

static int take_over(struct store *store, const struct holder *holder, struct err *err)
{
        return stmt_run(
                store,
                "UPDATE leases SET host_ifname = '' WHERE network = ?1 AND container_id = ?2"
                " AND ifname = ?3",
                VALUES(SQL_TEXT(holder->network), SQL_TEXT(holder->container_id), SQL_TEXT(holder->ifname)),
                err);
}

int store_choose_host_link(struct store *store, const struct lease *wanted, bool may_take_over,
                           struct arena *arena, const char **ret, const char **ret_refusal, struct err *err)
{
        struct holder first = {0}, holder;
        int r = find_holder(store, wanted->host_ifname, arena, &first, err);
        const char *name = wanted->host_ifname;

        if (r > 0 && may_take_over && is_same_pod(&first, wanted))
                r = take_over(store, &first, err);
        for (size_t i = 0; i < wanted->n_spare_host_ifnames && r > 0; i++) {
                name = wanted->spare_host_ifnames[i];
                r = find_holder(store, name, arena, &holder, err);
        }
        if (r < 0)
                return r;
        if (r == 0) {
                *ret = arena_strdup(arena, name);
                return 1;
        }
        *ret_refusal = arena_printf(arena, "the host link %s belongs to %s%s", wanted->host_ifname,
                                    describe(&first.pod, first.container_id, arena),
                                    wanted->n_spare_host_ifnames
                                            ? ", and all spare names are in use"
                                            : ", and the CNI plugin is too old to use another name: update "
                                              "the plugin on this node");
        return 0;
}

/* ---- the address ---- */

static const char *why_not(const struct block_address *address, int64_t now_ms, const char *owner,
                           struct arena *arena)
{
        switch (address->state) {
        case ADDRESS_LEASED:
        case ADDRESS_LOST: return arena_printf(arena, "%s has it", owner);
        case ADDRESS_COOLING:
                return arena_printf(arena, "it was released a short while ago, and is free again in %lld s",
                                    (long long)(address->cooling_until_ms - now_ms + MS_PER_S - 1) /
                                            MS_PER_S);
        case ADDRESS_FREE:
                return arena_printf(arena, "pods get no addresses of its ENI %s now", address->eni_id);
        case ADDRESS_PREPARING:
        case ADDRESS_LEAVING:
        case _ADDRESS_STATE_MAX: break;
        }
        return arena_printf(arena, "it is %s", address_state_to_string(address->state));
}

static int find_owner(struct store *store, struct ip address, struct arena *arena, const char **ret,
                      struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store,
                           "SELECT l.pod_namespace, l.pod_name, l.container_id FROM addresses a"
                           " JOIN leases l ON l.key = a.lease WHERE a.hex = ?1",
                           VALUES(SQL_HEX(address)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r > 0)
                *ret = describe(&(struct pod_name){.namespace = stmt_text(s, 0, arena),
                                                   .name = stmt_text(s, 1, arena)},
                                stmt_text(s, 2, arena), arena);
        return r < 0 ? r : 0;
}

/* Why an address that is asked for is not free. */
static int explain(struct store *store, struct ip ip, int64_t now_ms, struct arena *arena, const char **ret,
                   struct err *err)
{
        const char *why = "it is not an address for pods on this node's ENIs", *owner = "";
        struct block_address address;
        int r = store_address_get(store, ip, now_ms, arena, &address, err);

        if (r == 0)
                r = find_owner(store, ip, arena, &owner, err);
        if (r == 0)
                why = why_not(&address, now_ms, owner, arena);
        if (r < 0 && r != -ERR_NOT_FOUND)
                return r;
        *ret = arena_printf(arena, "%s was requested: %s", IP_TEXT(ip), why);
        return 0;
}

/* The family's bit in lease.families, in the order in which a lease has its addresses. */
static const struct {
        unsigned bit, family;
} families[STORE_FAMILIES_MAX] = {{LEASE_IPV4, 4}, {LEASE_IPV6, 6}};

/* Its own first, which may be what it asks for; `chosen`: that and no other. */
static int pick(struct store *store, const struct lease *wanted, unsigned family, bool chosen,
                struct picked *ret, bool *ret_own, struct err *err)
{
        struct ip address = chosen ? wanted->address : IP_NONE;
        int r = pick_own(store, &wanted->key, family, address, ret, err);

        *ret_own = r > 0;
        if (r != 0)
                return r;
        return chosen ? pick_this(store, address, ret, err) : pick_address(store, family, ret, err);
}

int store_lease_can_return(struct store *store, const struct lease_key *key, struct err *err)
{
        struct picked own;

        return pick_own(store, key, families[0].family, IP_NONE, &own, err);
}

int store_find_free(struct store *store, const struct lease *wanted, int64_t now_ms, struct arena *arena,
                    struct picked ret[static STORE_FAMILIES_MAX], size_t *ret_n,
                    enum lease_result *ret_result, const char **ret_refusal, struct err *err)
{
        bool own[STORE_FAMILIES_MAX] = {false};
        unsigned chosen = ip_is_set(wanted->address) ? sql_family(wanted->address) : 0;
        unsigned bits = wanted->families || chosen ? wanted->families : LEASE_IPV4;
        int r = pick_sweep(store, now_ms, err);

        *ret_n = 0;
        for (size_t i = 0; i < ARRAY_SIZE(families) && r >= 0; i++) {
                bool is_chosen = families[i].family == chosen;

                if (!(bits & families[i].bit) && !is_chosen)
                        continue;
                r = pick(store, wanted, families[i].family, is_chosen, &ret[*ret_n], &own[*ret_n], err);
                if (r == 0) {
                        *ret_result = is_chosen ? LEASE_REFUSED : LEASE_NONE_FREE;
                        return is_chosen ? explain(store, wanted->address, now_ms, arena, ret_refusal, err)
                                         : 0;
                }
                ++*ret_n;
        }
        for (size_t i = 0; i < *ret_n && r >= 0; i++)
                r = own[i] ? pick_end_cooldown(store, ret[i].address, now_ms, err) : 0;
        return r < 0 ? r : 1;
}
