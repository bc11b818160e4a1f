// SPDX-License-Identifier: Apache-2.0
#include "migrate/export.h"

#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/link.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>

#include "migrate/checkpoint.h"

/* Running pods: what is reserved only has no link, and aws-vpc-cni would drop it. */
static bool is_running(const struct ipam_lease *lease)
{
        return lease->state == IPAM_LEASE_STATE_WIRED;
}

/* A pod that outlived our database is known by its link only; these are the names that aws-vpc-cni calls all by. */
static json_t *row_of(const struct ipam_lease *lease)
{
        bool named = *lease->network;

        return json_pack("{s:s, s:s, s:s, s:s, s:I, s:{s:s, s:s, s:i}}", "networkName",
                         named ? lease->network : "aws-cni", "containerID", lease->container_id, "ifName",
                         named ? lease->ifname : "eth0", "ipv4", IP_TEXT(lease->addresses[0].address),
                         "allocationTimestamp", (json_int_t)lease->since_ms * CHECKPOINT_NS_IN_A_MS,
                         "metadata", "k8sPodNamespace", lease->pod_namespace ?: "", "k8sPodName",
                         lease->pod_name ?: "", "interfacesCount", 1);
}

bool export_is_theirs(const struct ipam_import *import)
{
        return import->verdict == IPAM_IMPORT_VERDICT_PENDING && *import->network;
}

static json_t *row_of_import(const struct ipam_import *import)
{
        return row_of(&(const struct ipam_lease){
                .network = import->network,
                .container_id = import->container_id,
                .ifname = import->ifname,
                .addresses = &(struct ipam_lease_address){.address = import->address},
                .n_addresses = 1,
                .since_ms = import->since_ms,
                .pod_namespace = import->pod_namespace,
                .pod_name = import->pod_name,
        });
}

char *export_checkpoint(const struct ipam_list_reply *list)
{
        _cleanup_json_ json_t *rows = json_array(), *root = NULL;

        for (size_t i = 0; i < list->n_leases; i++) {
                if (is_running(&list->leases[i]))
                        json_array_append_new(rows, row_of(&list->leases[i]));
        }
        for (size_t i = 0; i < list->n_imports; i++) {
                if (export_is_theirs(&list->imports[i]))
                        json_array_append_new(rows, row_of_import(&list->imports[i]));
        }
        root = json_pack("{s:s, s:O}", "version", CHECKPOINT_SCHEMA, "allocations", rows);
        return json_dumps(root, JSON_COMPACT);
}

/* The route table of the lease's ENI (a daemon that does not say it has the usual one); 0: the primary one has none of its own. */
static uint32_t table_of(const struct ipam_list_reply *list, const struct ipam_lease *lease)
{
        for (size_t i = 0; i < list->n_enis; i++) {
                const struct ipam_eni *eni = &list->enis[i];

                if (!eni->eni_id || strcmp(eni->eni_id, lease->addresses[0].eni_id) != 0)
                        continue;
                if (eni->primary)
                        return 0;
                return (uint32_t)eni->route_table
                               ?: dataplane_eni_table((unsigned)eni->device_index,
                                                      (unsigned)eni->network_card);
        }
        return 0;
}

/* Without a protocol of ours, so that our daemon leaves them alone; there already is fine. */
static int write_pod(struct netlink *nl, const struct ipam_list_reply *list, const struct ipam_lease *lease,
                     const struct link_info *link, struct err *err)
{
        const struct prefix pod = prefix_host(lease->addresses[0].address);
        struct route_info route = {
                .dst = pod, .table = RT_TABLE_MAIN, .protocol = RTPROT_BOOT, .scope = RT_SCOPE_LINK};
        struct rule_info to = {.family = AF_INET,
                               .priority = AWS_CNI_PRIORITY_TO_POD,
                               .table = RT_TABLE_MAIN,
                               .dst = pod,
                               .protocol = RTPROT_BOOT};
        struct rule_info from = {.family = AF_INET,
                                 .priority = AWS_CNI_PRIORITY_FROM_POD,
                                 .table = table_of(list, lease),
                                 .src = pod,
                                 .protocol = RTPROT_BOOT};

        if (!link)
                return err_set(err, ERR_NOT_FOUND, "its host link is missing; its name was %s",
                               lease->host_ifname);
        route.oif = link->ifindex;
        if (route_replace(nl, &route, err) < 0)
                return -(int)err->code;
        (void)rule_delete(nl, &to, NULL); /* an earlier export's: the kernel takes equal ones twice */
        (void)rule_delete(nl, &from, NULL);
        if (rule_add(nl, &to, err) < 0 || (from.table && rule_add(nl, &from, err) < 0))
                return -(int)err->code;
        return 0;
}

int export_routes(struct netlink *nl, const struct ipam_list_reply *list, const struct ipam_lease *lease,
                  const struct link_info *link, struct err *err)
{
        /* Without a link here the pod is wired by another plugin, which made its own route. */
        if (!is_running(lease) || !lease->host_ifname || !*lease->host_ifname)
                return 0;
        if (write_pod(nl, list, lease, link, err) < 0)
                return err_wrap(err, "pod %s/%s", lease->pod_namespace ?: "", lease->pod_name ?: "");
        return 0;
}
