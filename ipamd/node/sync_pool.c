// SPDX-License-Identifier: Apache-2.0
/*
 * What the pool's addresses alone change: elements of our nftables' sets. Each ADD may bring one, while the plugin waits for the
 * kernel's lock of all links: so no links are read here. What the last whole sync saw of the ENIs' links still holds, or the
 * monitor has begun another one.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>

#include "node/sync.h"
#include "node/sync_parts.h"

static void forget(struct node_enis *enis)
{
        arena_free(enis->arena);
        *enis = (struct node_enis){0};
}

static void remember_addresses(struct node_enis *enis, const struct pod_evidence *kernel, unsigned ifindex)
{
        for (size_t i = 0; i < kernel->n_addresses; i++) {
                if (kernel->addresses[i].ifindex == ifindex)
                        enis->addresses[enis->n_addresses++] = kernel->addresses[i];
        }
}

void sync_remember_enis(struct sync *sync, bool succeeded)
{
        struct node_enis *enis = &sync->node->enis;

        forget(enis);
        for (size_t i = 0; i < sync->report.n_enis; i++)
                succeeded &= sync->report.enis[i].state == NODE_ENI_ROUTED;
        if (!succeeded)
                return;
        enis->arena = arena_new();
        enis->links = ARENA_ARRAY(enis->arena, struct link_info, sync->want.n_enis);
        enis->addresses = ARENA_ARRAY(enis->arena, struct ifaddr, sync->kernel.n_addresses);
        for (size_t i = 0; i < sync->want.n_enis; i++) {
                enis->links[enis->n_links++] = *sync->want.enis[i].link;
                remember_addresses(enis, &sync->kernel, sync->want.enis[i].link->ifindex);
        }
}

/* Those that came: nobody can have a lease of one yet. */
static struct prefix *list_new(const struct sync *sync, size_t *ret_n)
{
        const struct node_view *view = sync->view;
        const struct node_nft_content *applied = &sync->node->nft_tables[NODE_NFT_IP].applied;
        struct prefix *list = ARENA_ARRAY(sync->arena, struct prefix, view->n_addresses);
        size_t n = 0;

        for (size_t i = 0; i < view->n_addresses; i++) {
                if (!node_nft_set_has(&applied->sets[NODE_NFT_SET_PODS], view->addresses[i].prefix))
                        list[n++] = prefix_network(view->addresses[i].prefix);
        }
        *ret_n = n;
        return list;
}

static bool overlap(struct prefix a, struct prefix b)
{
        return prefix_contains(a, b.ip) || prefix_contains(b, a.ip);
}

/* A route of these tables leads to somebody on this host. */
static bool are_taken(struct sync *sync, const struct prefix *list, size_t n)
{
        static const uint32_t tables[] = {RT_TABLE_LOCAL, DATAPLANE_TABLE_PODS};
        bool taken = false;

        for (size_t i = 0; i < ARRAY_SIZE(tables) && !taken; i++) {
                const struct route_filter filter = {.family = AF_INET, .table = tables[i]};
                struct route_info *routes;
                size_t n_routes;

                if (route_dump(sync->node->nl, sync->arena, &filter, &routes, &n_routes, NULL) < 0)
                        return true;
                for (size_t j = 0; j < n_routes * n; j++)
                        taken |= overlap(routes[j / n].dst, list[j % n]);
        }
        return taken;
}

bool node_sync_pool(struct node *node, struct arena *arena, const struct node_view *view,
                    struct node_report *ret)
{
        struct node_view pool = *view;
        struct sync sync = {.node = node,
                            .arena = arena,
                            .view = &pool,
                            .kernel = {.links = node->enis.links,
                                       .n_links = node->enis.n_links,
                                       .addresses = node->enis.addresses,
                                       .n_addresses = node->enis.n_addresses}};
        struct prefix *fresh;
        size_t n_fresh;

        pool.n_pods = 0; /* nothing of theirs is in nftables */
        if (!node->enis.arena || !node->nft_tables[NODE_NFT_IP].applied.text ||
            node_want_make(arena, &pool, &sync.kernel, &sync.want, NULL) < 0 || !sync.want.primary)
                return false;
        sync_begin_report(&sync);
        for (size_t i = 0; i < sync.report.n_enis; i++) {
                if (sync.report.enis[i].state != NODE_ENI_ROUTED)
                        return false;
        }
        fresh = list_new(&sync, &n_fresh);
        if ((n_fresh && are_taken(&sync, fresh, n_fresh)) || !sync_nft_elements(&sync))
                return false;
        *ret = sync.report;
        return true;
}
