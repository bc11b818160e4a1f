// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/network_view.h"

#include <string.h>

#include <vpcwire/mem.h>

static int parse_cidrs(struct cidrs *ret, const char *const *texts, size_t n, struct err *err)
{
        *ret = (struct cidrs){0};
        for (size_t i = 0; i < n && i < CIDRS_MAX; i++) {
                if (prefix_parse(texts[i], &ret->list[ret->n++], err) < 0)
                        return -(int)err->code;
        }
        return 0;
}

static enum snat_ports ports_of(enum ipam_snat_ports ports)
{
        switch (ports) {
        case IPAM_SNAT_PORTS_HASHRANDOM: return SNAT_PORTS_HASH;
        case IPAM_SNAT_PORTS_NONE: return SNAT_PORTS_KEEP;
        case IPAM_SNAT_PORTS_PRNG:
        case IPAM_SNAT_PORTS_UNSET:
        case IPAM_SNAT_PORTS_UNKNOWN:
        case _IPAM_SNAT_PORTS_MAX: break;
        }
        return SNAT_PORTS_PRNG;
}

static int add_settings(struct arena *arena, const struct ipam_network_reply *network, struct node_view *view,
                        struct err *err)
{
        struct egress *egress = ARENA_ARRAY(arena, struct egress, 1);
        struct cidrs *vpc = ARENA_ARRAY(arena, struct cidrs, 1);

        egress->external_snat = network->external_snat;
        egress->node_ports = network->node_ports;
        egress->snat_ports = ports_of(network->snat_ports);
        egress->mark = (uint32_t)network->connmark;
        if (parse_cidrs(&egress->exempt, network->exempt, network->n_exempt, err) < 0 ||
            parse_cidrs(&egress->external_services, network->external_services, network->n_external_services,
                        err) < 0 ||
            parse_cidrs(vpc, network->vpc_cidrs, network->n_vpc_cidrs, err) < 0)
                return -(int)err->code;
        view->veth_prefix = network->veth_prefix;
        view->mtu = (unsigned)network->mtu;
        view->block_imds = network->block_imds;
        view->egress = egress;
        view->vpc_cidrs = vpc->list;
        view->n_vpc_cidrs = vpc->n;
        return 0;
}

static int add_addresses(const struct ipam_network_eni *eni, int64_t key, struct node_address *list,
                         size_t *n, struct err *err)
{
        for (size_t i = 0; i < eni->n_addresses; i++) {
                struct node_address *address = &list[*n];

                *address = (struct node_address){.eni_key = key};
                if (prefix_parse(eni->addresses[i], &address->prefix, err) < 0)
                        return -(int)err->code;
                ++*n;
        }
        return 0;
}

/* A daemon that does not say what it numbered them with has numbered them by their places. */
static struct node_eni eni_of(const struct ipam_network_eni *eni, int64_t key)
{
        const unsigned device = (unsigned)eni->device_index, card = (unsigned)eni->network_card;

        return (struct node_eni){.key = key,
                                 .primary = device == 0 && card == 0,
                                 .mark_index = (unsigned)eni->mark_index ?: device,
                                 .route_table =
                                         (unsigned)eni->route_table ?: dataplane_eni_table(device, card),
                                 .address = eni->address,
                                 .subnet = eni->subnet};
}

static int add_enis(struct arena *arena, const struct ipam_network_reply *network, struct node_view *view,
                    struct err *err)
{
        struct node_eni *enis = ARENA_ARRAY(arena, struct node_eni, network->n_enis);
        struct node_address *addresses;
        size_t n = 0;

        for (size_t i = 0; i < network->n_enis; i++)
                n += network->enis[i].n_addresses;
        addresses = ARENA_ARRAY(arena, struct node_address, n);
        for (size_t i = 0; i < network->n_enis; i++) {
                const struct ipam_network_eni *eni = &network->enis[i];

                enis[i] = eni_of(eni, (int64_t)i);
                if (mac_parse(eni->mac, &enis[i].mac, err) < 0 ||
                    add_addresses(eni, enis[i].key, addresses, &view->n_addresses, err) < 0)
                        return -(int)err->code;
        }
        view->enis = enis;
        view->n_enis = network->n_enis;
        view->addresses = addresses;
        return 0;
}

/* A pod whose lease is not known yet keeps what it has in the kernel: its import knows its link. */
static void add_pods(struct arena *arena, const struct ipam_list_reply *list, struct node_view *view)
{
        struct pod_sought *pods = ARENA_ARRAY(arena, struct pod_sought, list->n_leases + list->n_imports);
        struct ip *unwired = ARENA_ARRAY(arena, struct ip, list->n_leases);

        for (size_t i = 0; i < list->n_leases; i++) {
                const struct ipam_lease *lease = &list->leases[i];
                const char *host_ifname = lease->host_ifname ?: "";

                if (lease->address_only && !*host_ifname)
                        unwired[view->n_unwired++] = lease->addresses[0].address;
                else
                        pods[view->n_pods++] = (struct pod_sought){
                                .ip = lease->addresses[0].address,
                                .host_ifname = host_ifname,
                                .container_id = lease->address_only ? NULL : lease->container_id};
        }
        for (size_t i = 0; i < list->n_imports; i++) {
                const struct ipam_import *import = &list->imports[i];

                if (import->verdict == IPAM_IMPORT_VERDICT_PENDING && !*import->network)
                        pods[view->n_pods++] = (struct pod_sought){.ip = import->address,
                                                                   .host_ifname = import->ifname,
                                                                   .container_id = import->container_id};
        }
        view->pods = pods;
        view->unwired = unwired;
}

int network_view_make(struct arena *arena, const struct ipam_network_reply *network,
                      const struct ipam_list_reply *list, struct node_view *ret, struct err *err)
{
        *ret = (struct node_view){0};
        if (add_settings(arena, network, ret, err) < 0 || add_enis(arena, network, ret, err) < 0)
                return err_wrap(err, "the host network that the daemon wants");
        add_pods(arena, list, ret);
        return 0;
}
