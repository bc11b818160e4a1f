// SPDX-License-Identifier: Apache-2.0
/*
 * What a new lease gets: a name for its host link, and an address, the best one or that which it asks for. Where what is
 * asked for cannot be had, a text says who has it.
 */
#include <stdio.h>
#include <string.h>

#include "store/stmt.h"

enum { CONTAINER_ID_SHOWN = 12, MS_PER_S = 1000 };

/* "default/web", or the container where the pod has no name. */
static const char *describe(const char *pod_namespace, const char *pod_name, const char *container_id,
                            struct arena *arena)
{
        if (*pod_name)
                return arena_printf(arena, "pod %s/%s", pod_namespace, pod_name);
        return arena_printf(arena, "container %.*s", CONTAINER_ID_SHOWN, container_id);
}

/* ---- the host link ---- */

/* Who has a name. The row's statement must be over before the next one begins, so all of it is copied. */
struct holder {
        const char *network, *container_id, *ifname;
        const char *pod_namespace, *pod_name, *pod_uid;
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
                *ret = (struct holder){.network = stmt_text(s, 0, arena),
                                       .container_id = stmt_text(s, 1, arena),
                                       .ifname = stmt_text(s, 2, arena),
                                       .pod_namespace = stmt_text(s, 3, arena),
                                       .pod_name = stmt_text(s, 4, arena),
                                       .pod_uid = stmt_text(s, 5, arena)};
        return r;
}

/* An older sandbox of the pod. With another uid it is another pod, which had the name before and still runs. */
static bool is_same_pod(const struct holder *holder, const struct store_lease *wanted)
{
        const char *name = wanted->pod_name ?: "", *uid = wanted->pod_uid ?: "";

        return *name && strcmp(holder->pod_name, name) == 0 &&
               strcmp(holder->pod_namespace, wanted->pod_namespace ?: "") == 0 &&
               strcmp(holder->ifname, wanted->key.ifname) == 0 &&
               (!*uid || !*holder->pod_uid || strcmp(holder->pod_uid, uid) == 0);
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

int store_choose_host_link(struct store *store, const struct store_lease *wanted, bool may_take_over,
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
                                    describe(first.pod_namespace, first.pod_name, first.container_id, arena),
                                    wanted->n_spare_host_ifnames
                                            ? ", and all spare names are taken, too"
                                            : ", and the CNI plugin is too old to use another name: update "
                                              "the plugin on this node");
        return 0;
}

/* ---- the address ---- */

static const char *why_not(const char *state, const char *eni, int64_t cools_ms, const char *owner,
                           struct arena *arena)
{
        if (strcmp(state, "leased") == 0 || strcmp(state, "lost") == 0)
                return arena_printf(arena, "%s has it", owner);
        if (strcmp(state, "cooling") == 0)
                return arena_printf(arena, "it was released a short while ago, and is free again in %lld s",
                                    (long long)(cools_ms + MS_PER_S - 1) / MS_PER_S);
        if (strcmp(state, "free") == 0)
                return arena_printf(arena, "its ENI %s gives out nothing now", eni);
        return arena_printf(arena, "it is %s", state);
}

/* The address is one of ours and not free: *ret says why. 0: it is none of ours. */
static int explain_ours(struct store *store, struct ip address, int64_t now_ms, struct arena *arena,
                        const char **ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        const char *owner;
        int r = stmt_start(store,
                           "SELECT a.state, e.eni_id, a.cooling_until_ms, l.pod_namespace, l.pod_name,"
                           " l.container_id FROM addresses a JOIN enis e ON e.key = a.eni"
                           " LEFT JOIN leases l ON l.address = a.address WHERE a.address = ?1",
                           VALUES(SQL_IP(address)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r <= 0)
                return r;
        owner = describe(stmt_text(s, 3, arena), stmt_text(s, 4, arena), stmt_text(s, 5, arena), arena);
        *ret = why_not(stmt_peek(s, 0), stmt_text(s, 1, arena), stmt_int(s, 2) - now_ms, owner, arena);
        return 1;
}

static int is_free(struct store *store, struct ip address, int64_t now_ms, struct arena *arena,
                   const char **ret_refusal, struct err *err)
{
        const char *why = "no ENI of this node has it for pods";
        int64_t found = 0;
        int r = stmt_number(store, "SELECT 1 FROM (" STORE_FREE_ADDRESSES " AND a.address = ?1)",
                            VALUES(SQL_IP(address)), &found, err);

        if (r != 0)
                return r;
        r = explain_ours(store, address, now_ms, arena, &why, err);
        *ret_refusal = arena_printf(arena, "%s was asked for: %s", IP_TEXT(address), why);
        return r < 0 ? r : 0;
}

/* The policy. 1: *ret is the address, 0: none is free. */
static int pick_address(struct store *store, char ret[static IP_TEXT_BYTES], struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, STORE_PICK_ADDRESS, NO_VALUES, &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r > 0)
                stmt_copy(s, 0, ret, IP_TEXT_BYTES);
        return r;
}

int store_find_free(struct store *store, const struct store_lease *wanted, int64_t now_ms,
                    struct arena *arena, char ret[static IP_TEXT_BYTES], enum lease_result *ret_result,
                    const char **ret_refusal, struct err *err)
{
        int r = store_thaw(store, now_ms, err);

        if (r < 0)
                return r;
        if (!ip_is_set(wanted->address)) {
                *ret_result = LEASE_NONE_FREE;
                return pick_address(store, ret, err);
        }
        *ret_result = LEASE_REFUSED;
        snprintf(ret, IP_TEXT_BYTES, "%s", IP_TEXT(wanted->address));
        return is_free(store, wanted->address, now_ms, arena, ret_refusal, err);
}
