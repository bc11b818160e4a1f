// SPDX-License-Identifier: Apache-2.0
/* Network: what the host's network is made from. What comes of it is node/want.h's, for whoever links that. */
#include <vpcwire/mem.h>

#include "model/egress.h"
#include "rpc/handlers.h"
#include "store/blocks.h"
#include "store/enis.h"

static const char **list_cidrs(struct arena *arena, const struct prefix *cidrs, size_t n)
{
        const char **texts = ARENA_ARRAY(arena, const char *, n);

        for (size_t i = 0; i < n; i++)
                texts[i] = arena_strdup(arena, PREFIX_TEXT(cidrs[i]));
        return texts;
}

static const char **list_blocks(struct arena *arena, const struct eni *eni, const struct block *blocks,
                                size_t n, size_t *ret_n)
{
        const char **texts = ARENA_ARRAY(arena, const char *, n);
        size_t n_texts = 0;

        for (size_t i = 0; i < n; i++) {
                if (blocks[i].eni_key == eni->key)
                        texts[n_texts++] = arena_strdup(arena, PREFIX_TEXT(blocks[i].prefix));
        }
        *ret_n = n_texts;
        return texts;
}

static int list_enis(struct method_call *call, struct ipam_network_reply *network, struct err *err)
{
        struct store *store = call->rpc->options.store;
        struct block *blocks;
        struct eni *enis;
        size_t n_blocks, n;

        if (store_enis(store, call->now_ms, call->arena, &enis, &n, err) < 0 ||
            store_blocks(store, call->arena, &blocks, &n_blocks, err) < 0)
                return -ERR_INTERNAL;
        network->enis = ARENA_ARRAY(call->arena, struct ipam_network_eni, n);
        for (size_t i = 0; i < n; i++) {
                struct ipam_network_eni *eni = &network->enis[network->n_enis];

                if (!eni_is_configured(&enis[i]))
                        continue;
                *eni = (struct ipam_network_eni){.eni_id = enis[i].eni_id,
                                                 .device_index = enis[i].device_index,
                                                 .network_card = enis[i].network_card,
                                                 .mark_index = enis[i].mark_index,
                                                 .route_table = enis[i].route_table,
                                                 .mac = arena_strdup(call->arena, MAC_TEXT(enis[i].mac)),
                                                 .address = enis[i].primary_address,
                                                 .subnet = enis[i].subnet_cidr};
                eni->addresses = list_blocks(call->arena, &enis[i], blocks, n_blocks, &eni->n_addresses);
                network->n_enis++;
        }
        return 0;
}

int handle_network(struct method_call *call, const void *request _unused_, void *reply, struct err *err)
{
        static const enum ipam_snat_ports ports[] = {
                [SNAT_PORTS_PRNG] = IPAM_SNAT_PORTS_PRNG,
                [SNAT_PORTS_HASH] = IPAM_SNAT_PORTS_HASHRANDOM,
                [SNAT_PORTS_KEEP] = IPAM_SNAT_PORTS_NONE,
        };
        const struct rpc_options *options = &call->rpc->options;
        const struct rpc_settings *settings = &call->rpc->settings;
        const struct egress *egress = settings->egress;
        struct ipam_network_reply network = {
                .veth_prefix = settings->veth_prefix,
                .mtu = settings->eni_mtu,
                .external_snat = egress->external_snat,
                .node_ports = egress->node_ports,
                .snat_ports = ports[egress->snat_ports],
                .connmark = egress->mark,
                .exempt = list_cidrs(call->arena, egress->exempt.list, egress->exempt.n),
                .n_exempt = egress->exempt.n,
                .external_services =
                        list_cidrs(call->arena, egress->external_services.list, egress->external_services.n),
                .n_external_services = egress->external_services.n,
                .block_imds = settings->block_imds,
        };
        const struct prefix *vpc_cidrs = NULL;

        if (options->vpc_cidrs && options->vpc_cidrs(options->vpc_cidrs_data, call->arena, &vpc_cidrs,
                                                     &network.n_vpc_cidrs, err) < 0)
                return -ERR_INTERNAL;
        network.vpc_cidrs = list_cidrs(call->arena, vpc_cidrs, network.n_vpc_cidrs);
        if (list_enis(call, &network, err) < 0)
                return -ERR_INTERNAL;
        *(struct ipam_network_reply *)reply = network;
        return 0;
}
