// SPDX-License-Identifier: Apache-2.0
/* The main table is others': what is wrong with it for the primary ENI's pods is reported, and nothing of it is touched. */
#include <linux/rtnetlink.h>

#include <vpcwire/main_table.h>
#include <vpcwire/mem.h>

#include "node/sync_parts.h"

static const char *name_of(const struct sync *sync, unsigned ifindex)
{
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                if (sync->kernel.links[i].ifindex == ifindex)
                        return sync->kernel.links[i].name;
        }
        return "";
}

/* Pods of the view, and whoever has a host route by a veth: another daemon's pods stand in this table so. */
static struct ip *list_pods(const struct sync *sync, const struct route_info *routes, size_t n_routes,
                            size_t *ret_n)
{
        size_t n_pods;
        const struct ip *pods = sync_list_pods(sync, &n_pods);
        struct ip *list = ARENA_ARRAY(sync->arena, struct ip, n_pods + n_routes);

        for (size_t i = 0; i < n_pods; i++)
                list[i] = pods[i];
        for (size_t i = 0; i < n_routes; i++) {
                if (prefix_equal(routes[i].dst, prefix_host(routes[i].dst.ip)) &&
                    sync_leads_to_live_veth(sync, &routes[i]))
                        list[n_pods++] = routes[i].dst.ip;
        }
        *ret_n = n_pods;
        return list;
}

void sync_look_at_main(struct sync *sync)
{
        const struct route_filter filter = {.family = AF_INET, .table = RT_TABLE_MAIN};
        struct main_table table = {.primary_ifindex = sync->want.primary->ifindex,
                                   .vpc_cidrs = sync->view->vpc_cidrs,
                                   .n_vpc_cidrs = sync->view->n_vpc_cidrs};
        const struct route_info *flaws[MAIN_TABLE_FLAWS_MAX];
        struct node_report *report = &sync->report;
        struct route_info *routes;
        struct err failure;

        report->primary_ifname = sync->want.primary->name;
        if (route_dump(sync->node->nl, sync->arena, &filter, &routes, &table.n_routes, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        table.routes = routes;
        table.pods = list_pods(sync, routes, table.n_routes, &table.n_pods);
        report->n_strayed = main_table_flaws(&table, flaws, &report->no_default);
        report->strayed = ARENA_ARRAY(sync->arena, struct node_strayed, report->n_strayed);
        for (size_t i = 0; i < report->n_strayed; i++)
                report->strayed[i] = (struct node_strayed){
                        flaws[i]->dst.bits ? arena_strdup(sync->arena, PREFIX_TEXT(flaws[i]->dst))
                                           : "default",
                        name_of(sync, flaws[i]->oif)};
}
