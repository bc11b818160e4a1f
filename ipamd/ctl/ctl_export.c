// SPDX-License-Identifier: Apache-2.0
/* ipamctl export: the way back. The leases as aws-vpc-cni's checkpoint, and its routes and rules beside ours. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/rtnetlink.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>

#include "ctl/ctl.h"
#include "ctl/leased.h"

#define TARGET "aws-vpc-cni"

enum {
        NS_IN_A_MS = 1000000,
        FILE_MODE = 0600,
        PRIORITY_TO_POD = 512, /* aws-vpc-cni's two rules per pod */
        PRIORITY_FROM_POD = 1536,
        TABLE_MAIN = RT_TABLE_MAIN,
        TABLE_PODS = 512,
        SETTLE_MS = 30 * 1000, /* for ADDs that are under way, and pods that are not looked at yet */
        POLL_NS = 250 * 1000 * 1000,
};

/* Running pods: what is reserved only has no link, and aws-vpc-cni would drop it. */
static bool is_running(const struct ipam_lease *lease)
{
        return lease->state == IPAM_LEASE_STATE_WIRED;
}

/* A pod that outlived our books is known by its link only; these are the names that aws-vpc-cni calls all by. */
static json_t *row_of(const struct ipam_lease *lease)
{
        bool named = *lease->network;

        return json_pack("{s:s, s:s, s:s, s:s, s:I, s:{s:s, s:s, s:i}}", "networkName",
                         named ? lease->network : "aws-cni", "containerID", lease->container_id, "ifName",
                         named ? lease->ifname : "eth0", "ipv4", IP_TEXT(lease->addresses[0].address),
                         "allocationTimestamp", (json_int_t)lease->since_ms * NS_IN_A_MS, "metadata",
                         "k8sPodNamespace", lease->pod_namespace ?: "", "k8sPodName", lease->pod_name ?: "",
                         "interfacesCount", 1);
}

/*
 * A pod of aws-vpc-cni that is not ours yet, or never will be (a second address): it is as aws-vpc-cni made it, and so it goes
 * back.
 */
static bool is_theirs(const struct ipam_import *import)
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

static char *checkpoint_of(const struct ipam_list_reply *list)
{
        _cleanup_json_ json_t *rows = json_array(), *root = NULL;

        for (size_t i = 0; i < list->n_leases; i++) {
                if (is_running(&list->leases[i]))
                        json_array_append_new(rows, row_of(&list->leases[i]));
        }
        for (size_t i = 0; i < list->n_imports; i++) {
                if (is_theirs(&list->imports[i]))
                        json_array_append_new(rows, row_of_import(&list->imports[i]));
        }
        root = json_pack("{s:s, s:O}", "version", "vpc-cni-ipam/1", "allocations", rows);
        return json_dumps(root, JSON_COMPACT);
}

/* The route table of the lease's ENI, as both daemons number them; 0 for the primary one, which has none of its own. */
static uint32_t table_of(const struct ipam_list_reply *list, const struct ipam_lease *lease)
{
        for (size_t i = 0; i < list->n_enis; i++) {
                const struct ipam_eni *eni = &list->enis[i];

                if (!eni->eni_id || strcmp(eni->eni_id, lease->addresses[0].eni_id) != 0)
                        continue;
                if (eni->network_card)
                        return (uint32_t)(10000 + 100 * eni->network_card + eni->device_index);
                return eni->device_index ? (uint32_t)eni->device_index + 1 : 0;
        }
        return 0;
}

/* Without a protocol of ours, so that our daemon leaves them alone; there already is fine. */
static int write_pod(struct netlink *nl, const struct ipam_list_reply *list, const struct ipam_lease *lease,
                     const struct link_info *link, struct err *err)
{
        const struct prefix pod = prefix_host(lease->addresses[0].address);
        struct route_info route = {
                .dst = pod, .table = TABLE_MAIN, .protocol = RTPROT_BOOT, .scope = RT_SCOPE_LINK};
        struct rule_info to = {.family = AF_INET,
                               .priority = PRIORITY_TO_POD,
                               .table = TABLE_MAIN,
                               .dst = pod,
                               .protocol = RTPROT_BOOT};
        struct rule_info from = {.family = AF_INET,
                                 .priority = PRIORITY_FROM_POD,
                                 .table = table_of(list, lease),
                                 .src = pod,
                                 .protocol = RTPROT_BOOT};

        if (!link)
                return err_set(err, ERR_NOT_FOUND, "no link of the host is its; it was called %s",
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

static int find_pods(struct netlink *nl, struct arena *arena, const struct ipam_list_reply *list,
                     struct pod_found **ret, struct err *err)
{
        struct pod_evidence kernel = {.table = TABLE_PODS};
        const struct route_filter filter = {.family = AF_INET, .table = TABLE_PODS};
        struct route_info *routes;
        struct link_info *links;

        if (route_dump(nl, arena, &filter, &routes, &kernel.n_routes, err) < 0 ||
            link_dump(nl, arena, &links, &kernel.n_links, err) < 0)
                return -(int)err->code;
        kernel.routes = routes;
        kernel.links = links;
        *ret = leased_match(arena, list, &kernel);
        return 0;
}

static int write_host(const struct ipam_list_reply *list, struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct pod_found *found = NULL;

        if (netlink_open(-1, &nl, err) < 0 || find_pods(nl, arena, list, &found, err) < 0)
                return -(int)err->code;
        assert(found);
        for (size_t i = 0; i < list->n_leases; i++) {
                const struct ipam_lease *lease = &list->leases[i];

                /* Without a link here the pod is wired by another plugin, which made its own route. */
                if (is_running(lease) && lease->host_ifname && *lease->host_ifname &&
                    write_pod(nl, list, lease, found[i].link, err) < 0)
                        return err_wrap(err, "pod %s/%s", lease->pod_namespace ?: "", lease->pod_name ?: "");
        }
        return 0;
}

/* To a file: its pods are to be aws-vpc-cni's, so the host's network is made ready for it, too. */
static int export_to(const char *path, const struct ipam_list_reply *list, const char *text, struct err *err)
{
        _cleanup_free_ char *line = xasprintf("%s\n", text);

        if (write_host(list, err) < 0)
                return err_wrap(err, "write aws-vpc-cni's routes and rules");
        return file_replace(path, line, strlen(line), FILE_MODE, err);
}

static int hold(struct ipam_client *client, bool on, struct err *err)
{
        struct ipam_handover_reply reply;

        if (ipam_handover(client, &(struct ipam_handover_request){.hold = on}, &reply, err) < 0)
                return err_wrap(err, on ? "have no new pods served" : "have new pods served again");
        return 0;
}

/* The address of a pod that is being wired, or that outlived our books and is not looked at yet; IP_NONE: there is none. */
static struct ip find_unsettled(const struct ipam_list_reply *list)
{
        for (size_t i = 0; i < list->n_leases; i++) {
                if (list->leases[i].state == IPAM_LEASE_STATE_RESERVED)
                        return list->leases[i].addresses[0].address;
        }
        for (size_t i = 0; i < list->n_imports; i++) {
                if (list->imports[i].verdict == IPAM_IMPORT_VERDICT_PENDING && !is_theirs(&list->imports[i]))
                        return list->imports[i].address;
        }
        return IP_NONE;
}

/* The books once it is settled who runs: what runs and is not in the file would be given away. */
static int list_settled(struct ipam_client *client, struct ipam_list_reply *ret, struct err *err)
{
        int64_t deadline_ms = clock_boottime_ms() + SETTLE_MS;
        struct ip unsettled;

        for (;;) {
                if (ipam_list(client, ret, err) < 0)
                        return -(int)err->code;
                unsettled = find_unsettled(ret);
                if (!ip_is_set(unsettled))
                        return 0;
                if (clock_boottime_ms() >= deadline_ms)
                        return err_set(
                                err, ERR_AGAIN,
                                "for %d s now a pod has been getting %s, or is to be looked at with it; "
                                "see `ipamctl pods` and `ipamctl imports`, and try again",
                                SETTLE_MS / 1000, IP_TEXT(unsettled));
                nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        }
}

/* New pods wait from here on, whatever becomes of the rest: an older file may be there, which does not know of them. */
static int hand_over(struct ctl *ctl, struct ipam_client *client, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        struct ipam_list_reply list;

        if (hold(client, true, err) < 0)
                return -(int)err->code;
        if (list_settled(client, &list, err) == 0) {
                text = checkpoint_of(&list);
                if (export_to(ctl->output, &list, text, err) == 0)
                        return 0;
        }
        return err_wrap(
                err, "not exported, and new pods wait until it is, or `ipamctl --cancel export " TARGET "`");
}

static int show(struct ctl *ctl, struct ipam_client *client, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        struct ipam_list_reply list;

        if (ipam_list(client, &list, err) < 0)
                return -(int)err->code;
        text = checkpoint_of(&list);
        fprintf(ctl->out, "%s\n", text);
        return 0;
}

enum ctl_exit ctl_export(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        struct err err;
        int e;

        if (!ctl->argument || strcmp(ctl->argument, TARGET) != 0) {
                fprintf(ctl->complaints, "ipamctl: export knows " TARGET ", not '%s'\n", ctl->argument ?: "");
                return CTL_USAGE;
        }
        if (ctl->cancel && ctl->output) {
                fprintf(ctl->complaints, "ipamctl: export takes --cancel or --output %s, not both\n",
                        ctl->output);
                return CTL_USAGE;
        }
        if (ctl_connect(ctl, &client) < 0)
                return CTL_NO;
        if (ctl->cancel)
                e = hold(client, false, &err);
        else
                e = ctl->output ? hand_over(ctl, client, &err) : show(ctl, client, &err);
        return e < 0 ? ctl_complain(ctl, &err) : CTL_OK;
}
