// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "serve/lease.h"

struct ipam_error lease_not_found(const struct store_lease_key *key)
{
        struct ipam_error error = {.id = IPAM_ERROR_LEASE_NOT_FOUND};

        snprintf(error.network, sizeof(error.network), "%s", key->network);
        snprintf(error.container_id, sizeof(error.container_id), "%s", key->container_id);
        snprintf(error.ifname, sizeof(error.ifname), "%s", key->ifname);
        return error;
}

void lease_end_add(const struct serve *serve, const struct ipam_add_request *request, const char *result,
                   const char *reason, struct ip address, int64_t since_ms)
{
        metrics_add(serve->options.metrics, METRIC_REQUESTS, LABELS("add", result), 1);
        log_info("add", LOG_STR("result", reason ?: result), LOG_STR("address", IP_TEXT(address)),
                 LOG_STR("namespace", request->pod_namespace), LOG_STR("pod", request->pod_name),
                 LOG_STR("container", request->container_id), LOG_STR("ifname", request->ifname),
                 LOG_INT("ms", clock_boottime_ms() - since_ms));
}

void lease_wake(struct serve *serve)
{
        if (serve->options.wake)
                serve->options.wake(serve->options.wake_data);
}

int lease_try(struct serve *serve, const struct ipam_add_request *request, int64_t now_ms,
              struct arena *arena, enum lease_result *ret_result, struct store_lease *ret, struct err *err)
{
        struct store_lease wanted = {
                .key = LEASE_KEY(request),
                .host_ifname = request->host_ifname ?: "",
                .netns = request->netns ?: "",
                .pod_namespace = request->pod_namespace ?: "",
                .pod_name = request->pod_name ?: "",
                .pod_uid = request->pod_uid ?: "",
                .address_only = request->address_only,
        };
        int r;

        wanted.key.host_ifname = request->address_only ? NULL : request->host_ifname;
        r = store_lease_add(serve->options.store, &wanted, now_ms, arena, ret_result, ret, err);

        if (r == 0 && *ret_result == LEASE_GIVEN)
                lease_wake(serve);
        return r;
}

/* The node's own address in the lease's subnet: its first one where that is in it, else that of the lease's ENI. */
static struct ip node_address_beside(const struct serve *serve, const struct store_lease *lease)
{
        const struct ip primary = serve->node.node.primary_address;
        struct prefix subnet;

        if (ip_is_set(primary) && prefix_parse(lease->subnet_cidr, &subnet, NULL) == 0 &&
            prefix_contains(subnet, primary))
                return primary;
        return lease->eni_address;
}

struct ipam_add_reply lease_add_reply(const struct serve *serve, const struct store_lease *lease, bool reused)
{
        struct ipam_add_reply reply = {
                .address = lease->address,
                .eni_id = lease->eni_id,
                .device_index = lease->device_index,
                .mtu = serve->settings.mtu,
                .reused = reused,
                .subnet = *lease->subnet_cidr ? lease->subnet_cidr : NULL,
                .node_address = node_address_beside(serve, lease),
        };

        ip_parse(IPAM_GATEWAY, &reply.gateway, NULL);
        return reply;
}
