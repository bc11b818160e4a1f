// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses of pods, or for pods, that are the host's own besides: cloud-init and its like put all of an ENI's addresses on a
 * link, an administrator uses one as a floating address. What is for such an address ends here, whatever the pods' table
 * says. A pod's is taken off an ENI's link: there it can be for nothing else. All others are the host's, and are reported; so is
 * an address without a lease that the pods' table leads to a veth: some pod uses it.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <vpcwire/mem.h>
#include <vpcwire/sysctl.h>

#include "node/sync_parts.h"

struct occupation {
        struct sync *sync;
        struct ip *pool, *pods; /* sorted */
        size_t n_pool, n_pods;
};

static int by_ip(const void *a, const void *b)
{
        return ip_compare(*(const struct ip *)a, *(const struct ip *)b);
}

static bool has_ip(const struct ip *sorted, size_t n, struct ip ip)
{
        return n && bsearch(&ip, sorted, n, sizeof(ip), by_ip);
}

static struct ip *sort(struct ip *list, size_t n)
{
        if (n)
                qsort(list, n, sizeof(*list), by_ip);
        return list;
}

struct ip *sync_list_pods(const struct sync *sync, size_t *ret_n)
{
        const struct node_view *view = sync->view;
        struct ip *list = ARENA_ARRAY(sync->arena, struct ip, view->n_pods + view->n_unwired);
        size_t n = 0;

        for (size_t i = 0; i < view->n_pods; i++)
                list[n++] = view->pods[i].ip;
        for (size_t i = 0; i < view->n_unwired; i++)
                list[n++] = view->unwired[i];
        *ret_n = n;
        return sort(list, n);
}

static const char *link_name(const struct sync *sync, unsigned ifindex)
{
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                if (sync->kernel.links[i].ifindex == ifindex)
                        return sync->kernel.links[i].name;
        }
        return "";
}

static void note(struct sync *sync, struct node_occupied occupied, unsigned ifindex)
{
        struct node_report *report = &sync->report;

        occupied.ifname = link_name(sync, ifindex);
        GROW(sync->occupied, report->n_occupied, sync->occupied_capacity);
        sync->occupied[report->n_occupied++] = occupied;
}

static bool link_is_an_enis(const struct sync *sync, unsigned ifindex)
{
        for (size_t i = 0; i < sync->want.n_enis; i++) {
                if (sync->want.enis[i].link && sync->want.enis[i].link->ifindex == ifindex)
                        return true;
        }
        return false;
}

static bool promotes(const struct sync *sync, unsigned ifindex)
{
        const char *const links[] = {"all", link_name(sync, ifindex)};
        char value[SYSCTL_VALUE_BYTES];

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                const char *key = arena_printf(sync->arena, "net.ipv4.conf.%s.promote_secondaries", links[i]);

                if (sysctl_read(key, value, NULL) == 0 && strcmp(value, "1") == 0)
                        return true;
        }
        return false;
}

/* The first address of a subnet takes those after it with it, perhaps the node's own, unless the kernel promotes them. */
static bool takes_others_along(const struct sync *sync, const struct ifaddr *seen, size_t n, size_t which)
{
        for (size_t i = 0; i < n && !(seen[which].flags & IFA_F_SECONDARY); i++) {
                if (i != which && seen[i].ifindex == seen[which].ifindex && seen[i].flags & IFA_F_SECONDARY &&
                    prefix_equal(prefix_network(seen[i].prefix), prefix_network(seen[which].prefix)))
                        return !promotes(sync, seen[which].ifindex);
        }
        return false;
}

void sync_take_off(struct sync *sync, const struct ifaddr *seen, size_t n)
{
        size_t n_pods;
        const struct ip *pods = sync_list_pods(sync, &n_pods);

        for (size_t i = 0; i < n; i++) {
                char text[PREFIX_TEXT_BYTES];
                struct err failure;
                int r;

                if (!link_is_an_enis(sync, seen[i].ifindex) || !has_ip(pods, n_pods, seen[i].prefix.ip) ||
                    takes_others_along(sync, seen, n, i))
                        continue;
                if (sync_only_notes(sync,
                                    (struct node_difference){.object = NODE_ADDRESS,
                                                             .kind = NODE_EXTRA,
                                                             .text = prefix_format(seen[i].prefix, text),
                                                             .ifindex = seen[i].ifindex}))
                        continue;
                r = ifaddr_delete(sync->node->nl, &seen[i], &failure);
                if (r < 0 && r != -ERR_NOT_FOUND)
                        sync_fail_link(sync, seen[i].ifindex, &failure);
                if (r < 0)
                        continue;
                sync->report.repaired.addresses++;
                note(sync,
                     (struct node_occupied){
                             .ip = seen[i].prefix.ip, .local = true, .of_pod = true, .removed = true},
                     seen[i].ifindex);
        }
}

static void note_local(const struct occupation *o, struct ip ip, unsigned ifindex)
{
        note(o->sync,
             (struct node_occupied){.ip = ip, .local = true, .of_pod = has_ip(o->pods, o->n_pods, ip)},
             ifindex);
}

/* One address, or a whole range ("ip route add local ..."). */
static void look_at_local(const struct occupation *o, const struct route_info *route)
{
        if (route->type != RTN_LOCAL)
                return;
        if (prefix_equal(route->dst, prefix_host(route->dst.ip))) {
                if (has_ip(o->pool, o->n_pool, route->dst.ip))
                        note_local(o, route->dst.ip, route->oif);
                return;
        }
        for (size_t i = 0; i < o->n_pool; i++) {
                if (prefix_contains(route->dst, o->pool[i]))
                        note_local(o, o->pool[i], route->oif);
        }
}

/* Of nobody's lease, and yet some pod's: the database has lost it, or another's route was left here. */
static void look_at_routes(const struct occupation *o)
{
        struct sync *sync = o->sync;

        for (size_t i = 0; i < sync->kernel.n_routes; i++) {
                const struct route_info *route = &sync->kernel.routes[i];

                if (!has_ip(o->pool, o->n_pool, route->dst.ip) || has_ip(o->pods, o->n_pods, route->dst.ip) ||
                    !sync_leads_to_live_veth(sync, route))
                        continue;
                note(sync, (struct node_occupied){.ip = route->dst.ip}, route->oif);
        }
}

void sync_find_occupied(struct sync *sync)
{
        const struct route_filter filter = {.family = AF_INET, .table = RT_TABLE_LOCAL};
        struct occupation o = {.sync = sync};
        struct route_info *routes;
        struct err failure;
        size_t n;

        o.pods = sync_list_pods(sync, &o.n_pods);
        o.pool = ARENA_ARRAY(sync->arena, struct ip, sync->view->n_addresses);
        for (size_t i = 0; i < sync->view->n_addresses; i++)
                o.pool[o.n_pool++] = sync->view->addresses[i].prefix.ip;
        sort(o.pool, o.n_pool);
        if (route_dump(sync->node->nl, sync->arena, &filter, &routes, &n, &failure) < 0)
                sync_fail_node(sync, &failure);
        else
                for (size_t i = 0; i < n; i++)
                        look_at_local(&o, &routes[i]);
        look_at_routes(&o);
        if (sync->report.n_occupied) {
                sync->report.occupied =
                        ARENA_ARRAY(sync->arena, struct node_occupied, sync->report.n_occupied);
                memcpy(sync->report.occupied, sync->occupied,
                       sync->report.n_occupied * sizeof(*sync->occupied));
        }
}
