// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <vpcwire/clock.h>
#include <vpcwire/dataplane.h>
#include <vpcwire/log.h>
#include <vpcwire/pod_link.h>

#include "rpc/lease.h"

struct ipam_error lease_not_found(const struct lease_key *key)
{
        struct ipam_error error = {.id = IPAM_ERROR_LEASE_NOT_FOUND};

        snprintf(error.network, sizeof(error.network), "%s", key->network);
        snprintf(error.container_id, sizeof(error.container_id), "%s", key->container_id);
        snprintf(error.ifname, sizeof(error.ifname), "%s", key->ifname);
        return error;
}

struct ipam_error lease_refused(const struct lease *lease)
{
        struct ipam_error error = {.id = IPAM_ERROR_NO_ADDRESS};

        snprintf(error.reason, sizeof(error.reason), "%s", lease->refusal);
        return error;
}

/* The pod has no address, and nobody took the request back. */
static bool is_failure(enum request_result result)
{
        return result == REQUEST_NO_ADDRESS || result == REQUEST_REFUSED || result == REQUEST_INVALID ||
               result == REQUEST_FAILED;
}

void lease_end_add(const struct rpc *rpc, const struct ipam_add_request *request, enum request_result result,
                   const char *reason, struct ip address, int64_t since_ms)
{
        metrics_add(rpc->options.metrics, METRIC_REQUESTS,
                    LABELS(request_verb_to_string(REQUEST_ADD), request_result_to_string(result)), 1);
        log_at(is_failure(result) ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "add",
               LOG_STR("result", request_result_to_string(result)), LOG_STR("reason", reason),
               LOG_STR("address", ip_is_set(address) ? IP_TEXT(address) : ""),
               LOG_STR("namespace", request->pod_namespace), LOG_STR("pod", request->pod_name),
               LOG_STR("container", request->container_id), LOG_STR("ifname", request->ifname),
               LOG_INT("ms", clock_boottime_ms() - since_ms));
}

void lease_wake(struct rpc *rpc)
{
        if (rpc->options.wake)
                rpc->options.wake(rpc->options.wake_data);
}

/* What the link is called where its own name is another pod's; none for a plugin that does not listen to it. */
static size_t list_spare_names(const struct ipam_add_request *request, struct arena *arena,
                               const char *const **ret)
{
        const struct pod_link_owner owner = {.pod_namespace = request->pod_namespace,
                                             .pod_name = request->pod_name,
                                             .container_id = request->container_id,
                                             .ifname = request->ifname};
        const char **names;
        char prefix[POD_LINK_PREFIX_MAX + 1], name[POD_LINK_NAME_BYTES];

        if (!request->host_ifname_may_differ || request->address_only || !request->host_ifname ||
            !pod_link_has_form(request->host_ifname))
                return 0;
        pod_link_prefix(request->host_ifname, prefix);
        names = ARENA_ARRAY(arena, const char *, POD_LINK_SPARES);
        for (unsigned i = 0; i < POD_LINK_SPARES; i++) {
                pod_link_name(prefix, &owner, i + 1, name);
                names[i] = arena_strdup(arena, name);
        }
        *ret = names;
        return POD_LINK_SPARES;
}

int lease_try(struct rpc *rpc, const struct ipam_add_request *request, int64_t now_ms, struct arena *arena,
              enum lease_result *ret_result, struct lease *ret, struct err *err)
{
        struct lease wanted = {
                .key = LEASE_KEY(request),
                .host_ifname = request->host_ifname ?: "",
                .netns = request->netns ?: "",
                .pod_namespace = request->pod_namespace ?: "",
                .pod_name = request->pod_name ?: "",
                .pod_uid = request->pod_uid ?: "",
                .address_only = request->address_only,
                .address = request->address,
        };
        int r;

        wanted.n_spare_host_ifnames = list_spare_names(request, arena, &wanted.spare_host_ifnames);
        wanted.key.host_ifname = request->address_only ? NULL : request->host_ifname;
        r = store_lease_add(rpc->options.store, &wanted, now_ms, arena, ret_result, ret, err);

        if (r == 0 && *ret_result == LEASE_GIVEN)
                lease_wake(rpc);
        return r;
}

struct stored_node lease_node(const struct rpc *rpc)
{
        return (struct stored_node){rpc->settings.mtu, rpc->node.node.primary_address};
}

struct ipam_lease_address *lease_addresses(const struct rpc *rpc, const struct lease *lease,
                                           struct arena *arena, size_t *ret_n)
{
        const struct stored_node node = lease_node(rpc);

        return stored_lease_addresses(&node, lease, arena, ret_n);
}

struct ipam_add_reply lease_add_reply(const struct rpc *rpc, const struct lease *lease, bool reused,
                                      struct arena *arena)
{
        struct ipam_add_reply reply = {
                .reused = reused,
                .host_ifname = lease->address_only || !*lease->host_ifname ? NULL : lease->host_ifname,
        };

        reply.addresses = lease_addresses(rpc, lease, arena, &reply.n_addresses);
        return reply;
}
