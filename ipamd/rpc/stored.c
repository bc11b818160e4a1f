// SPDX-License-Identifier: Apache-2.0
#include "rpc/stored.h"

#include <vpcwire/clock.h>
#include <vpcwire/dataplane.h>

#include "rpc/wire.h"

static const char *or_null(const char *text)
{
        return text && text[0] ? text : NULL;
}

/* ---- Status ---- */

struct ipam_pool stored_pool(const struct store_counts *counts)
{
        return (struct ipam_pool){
                .total = counts->total,
                .leased = counts->leased,
                .free = counts->free,
                .cooling = counts->cooling,
                .preparing = (int64_t)counts->preparing + counts->unready,
                .leaving = counts->leaving,
                .lost = counts->lost,
                .waiting = counts->waiting,
        };
}

int stored_status(struct store *store, int64_t now_ms, struct arena *arena, struct ipam_status_reply *ret,
                  struct err *err)
{
        struct ipam_status_reply status = {.version = ""};
        struct store_counts counts;
        int r = store_counts(store, now_ms, &counts, err);

        if (r == 0)
                r = store_fact_get(store, STORE_FACT_INSTANCE, arena, &status.node.instance_id, err);
        if (r < 0)
                return r;
        status.pool = stored_pool(&counts);
        status.enis = counts.enis;
        *ret = status;
        return 0;
}

/* ---- List ---- */

/* The node's own address in the lease's subnet: its first one where that is in it, else that of the lease's ENI. */
static struct ip node_address_beside(const struct stored_node *node, const struct lease *lease)
{
        struct prefix subnet;

        if (ip_is_set(node->primary_address) && prefix_parse(lease->subnet_cidr, &subnet, NULL) == 0 &&
            prefix_contains(subnet, node->primary_address))
                return node->primary_address;
        return lease->eni_address;
}

struct ipam_lease_address *stored_lease_addresses(const struct stored_node *node, const struct lease *lease,
                                                  struct arena *arena, size_t *ret_n)
{
        struct ipam_lease_address *address = ARENA_NEW(arena, struct ipam_lease_address);

        *address = (struct ipam_lease_address){
                .address = lease->address,
                .eni_id = lease->eni_id,
                .device_index = lease->device_index,
                .network_card = lease->network_card,
                .mtu = node->mtu,
                .node_address = node_address_beside(node, lease),
        };
        ip_parse(DATAPLANE_GATEWAY, &address->gateway, NULL);
        prefix_parse(lease->subnet_cidr, &address->subnet, NULL); /* "" where it is not known */
        *ret_n = 1;
        return address;
}

static int list_enis(struct store *store, int64_t now_ms, struct arena *arena, struct ipam_list_reply *list,
                     struct err *err)
{
        struct eni *enis;
        size_t n;

        if (store_enis(store, now_ms, arena, &enis, &n, err) < 0)
                return -ERR_INTERNAL;
        list->enis = ARENA_ARRAY(arena, struct ipam_eni, n);
        list->n_enis = n;
        for (size_t i = 0; i < n; i++)
                list->enis[i] = (struct ipam_eni){
                        .eni_id = or_null(enis[i].eni_id),
                        .device_index = enis[i].device_index,
                        .network_card = enis[i].network_card,
                        .route_table = enis[i].route_table,
                        .state = wire_eni_state(enis[i].state),
                        .mac = mac_equal(enis[i].mac, (struct mac){0})
                                       ? NULL
                                       : arena_strdup(arena, MAC_TEXT(enis[i].mac)),
                        .subnet_id = or_null(enis[i].subnet_id),
                        .primary = enis[i].primary,
                        .primary_address = enis[i].primary_address,
                        .total = enis[i].total,
                        .leased = enis[i].leased,
                        .free = enis[i].free,
                        .cooling = enis[i].cooling,
                };
        return 0;
}

static int list_leases(struct store *store, const struct stored_node *node, struct arena *arena,
                       struct ipam_list_reply *list, struct err *err)
{
        struct lease *leases;
        size_t n;

        if (store_leases(store, NULL, arena, &leases, &n, err) < 0)
                return -ERR_INTERNAL;
        list->leases = ARENA_ARRAY(arena, struct ipam_lease, n);
        list->n_leases = n;
        for (size_t i = 0; i < n; i++) {
                list->leases[i] = (struct ipam_lease){
                        .network = leases[i].key.network,
                        .container_id = leases[i].key.container_id,
                        .ifname = leases[i].key.ifname,
                        .host_ifname = or_null(leases[i].host_ifname),
                        .netns = or_null(leases[i].netns),
                        .pod_namespace = or_null(leases[i].pod_namespace),
                        .pod_name = or_null(leases[i].pod_name),
                        .pod_uid = or_null(leases[i].pod_uid),
                        .state = leases[i].lost ? IPAM_LEASE_STATE_LOST : wire_lease_state(leases[i].state),
                        .since_ms = leases[i].since_wall_ms,
                        .address_only = leases[i].address_only,
                };
                list->leases[i].addresses =
                        stored_lease_addresses(node, &leases[i], arena, &list->leases[i].n_addresses);
        }
        return 0;
}

static int list_imports(struct store *store, struct arena *arena, struct ipam_list_reply *list,
                        struct err *err)
{
        struct import *imports;
        size_t n;

        if (store_imports(store, arena, &imports, &n, err) < 0)
                return -ERR_INTERNAL;
        list->imports = ARENA_ARRAY(arena, struct ipam_import, n);
        list->n_imports = n;
        for (size_t i = 0; i < n; i++)
                list->imports[i] = (struct ipam_import){
                        .address = imports[i].address,
                        .network = imports[i].key.network,
                        .container_id = imports[i].key.container_id,
                        .ifname = imports[i].key.ifname,
                        .pod_namespace = or_null(imports[i].pod_namespace),
                        .pod_name = or_null(imports[i].pod_name),
                        .verdict = wire_import_verdict(imports[i].verdict),
                        .reason = or_null(imports[i].reason),
                        .since_ms = imports[i].since_wall_ms,
                };
        return 0;
}

int stored_list(struct store *store, const struct stored_node *node, int64_t now_ms, struct arena *arena,
                struct ipam_list_reply *ret, struct err *err)
{
        if (list_enis(store, now_ms, arena, ret, err) < 0 || list_leases(store, node, arena, ret, err) < 0 ||
            list_imports(store, arena, ret, err) < 0)
                return -ERR_INTERNAL;
        return 0;
}

/* ---- Events and Address ---- */

struct ipam_event stored_event(const struct store_event *event)
{
        return (struct ipam_event){
                .id = event->id,
                .at_ms = event->at_wall_ms,
                .kind = event->kind,
                .subject = event->subject,
                .text = event->text,
                .pod = or_null(event->pod),
                .container_id = or_null(event->container_id),
                .eni_id = or_null(event->eni_id),
                .lease_end = wire_lease_end(event->lease_end),
        };
}

int stored_events(struct store *store, const struct ipam_events_request *request, struct arena *arena,
                  struct ipam_events_reply *ret, struct err *err)
{
        const struct store_event_filter filter = {.before_id = request->before,
                                                  .since_wall_ms = request->since_ms,
                                                  .subject = request->subject,
                                                  .pod = request->pod};
        struct store_event *rows;
        size_t n;

        if (store_events_before(store, &filter, request->max ? (size_t)request->max : IPAM_EVENTS_MAX, arena,
                                &rows, &n, err) < 0)
                return -ERR_INTERNAL;
        ret->events = ARENA_ARRAY(arena, struct ipam_event, n);
        ret->n_events = n;
        for (size_t i = 0; i < n; i++)
                ret->events[i] = stored_event(&rows[i]);
        return 0;
}

int stored_address(struct store *store, const struct ipam_address_request *request, int64_t now_ms,
                   struct arena *arena, struct ipam_address_reply *ret, struct err *err)
{
        struct block_address address;
        int r = store_address_get(store, request->address, now_ms, arena, &address, err);

        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r; /* not known is an answer */
        *ret = (struct ipam_address_reply){
                .known = true,
                .state = wire_address_state(address.state),
                .eni_id = or_null(address.eni_id),
                .device_index = address.device_index,
                .until_ms = address.cooling_until_ms
                                    ? address.cooling_until_ms + clock_wall_minus_boottime_ms()
                                    : 0,
        };
        return 0;
}
