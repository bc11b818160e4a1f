// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <poll.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/link.h>

#include "lease.h"
#include "name.h"

int lease_connect(const struct call *call, int timeout_ms, struct ipam_client **ret, struct err *err)
{
        if (ipam_client_connect(call->settings.socket, timeout_ms, ret, err) == 0)
                return 0;
        return err_wrap(
                err,
                "cannot reach ipamd at %s (start ipamd on this node, or correct \"socket\" in the network "
                "configuration)",
                call->settings.socket);
}

int lease_check_lengths(struct call *call, struct err *err)
{
        static_assert((int)IPAM_CONTAINER_ID_BYTES_MAX < (int)LINK_ALIAS_BYTES, "the id fits a link's alias");
        const struct {
                const char *name, *value;
                size_t max;
        } values[] = {
                {"CNI_CONTAINERID", call->args.container_id, IPAM_CONTAINER_ID_BYTES_MAX},
                {"CNI_NETNS", call->args.netns, IPAM_NETNS_BYTES_MAX},
                {"K8S_POD_NAMESPACE", call->pod.namespace, IPAM_POD_NAME_BYTES_MAX},
                {"K8S_POD_NAME", call->pod.name, IPAM_POD_NAME_BYTES_MAX},
                {"K8S_POD_UID", call->pod.uid, IPAM_POD_UID_BYTES_MAX},
        };

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                if (strlen(values[i].value) <= values[i].max)
                        continue;
                err_set(err, ERR_INVALID, "%s '%.32s...' is longer than %zu bytes", values[i].name,
                        values[i].value, values[i].max);
                return call_fail(call, CNI_CODE_ENVIRONMENT, err);
        }
        return 0;
}

static const char *or_null(const char *text)
{
        return *text ? text : NULL;
}

static int ask(struct call *call, struct ipam_client *ipam, const char *host_ifname, bool address_only,
               struct ipam_add_reply *ret, struct err *err)
{
        const struct ipam_add_request request = {
                .network = call->conf.name,
                .container_id = call->args.container_id,
                .ifname = call->args.ifname,
                .netns = call->args.netns,
                .host_ifname = host_ifname,
                .pod_namespace = or_null(call->pod.namespace),
                .pod_name = or_null(call->pod.name),
                .pod_uid = or_null(call->pod.uid),
                .timeout_ms = call->settings.timeout_ms,
                .address_only = address_only,
        };
        int r;

        r = ipam_add(ipam, &request, ret, err);
        if (r == 0)
                return 0;
        err_wrap(err, "ask ipamd for an address");
        return r == -ERR_NOT_FOUND ? call_fail(call, CNI_CODE_TRY_AGAIN, err) : r;
}

int lease_ask(struct call *call, struct ipam_client *ipam, const char *host_ifname,
              struct ipam_add_reply *ret, struct err *err)
{
        return ask(call, ipam, host_ifname, false, ret, err);
}

int lease_ask_alone(struct call *call, struct ipam_client *ipam, const char *bridge,
                    struct ipam_add_reply *ret, struct err *err)
{
        return ask(call, ipam, bridge, true, ret, err);
}

/* One that is starting makes its socket anew: whatever is wrong with that meanwhile may be right a moment later. */
static int reconnect(const struct call *call, struct ipam_client **ipam, struct err *err)
{
        int64_t deadline_ms = clock_boottime_ms() + RPC_TIMEOUT_MS;

        *ipam = ipam_client_free(*ipam);
        while (lease_connect(call, RPC_TIMEOUT_MS, ipam, err) < 0) {
                if (clock_boottime_ms() >= deadline_ms)
                        return -err->code;
                poll(NULL, 0, RECONNECT_PAUSE_MS);
        }
        return 0;
}

/* Not an answer: the connection ended instead. */
static bool is_cut_off(const struct ipam_client *ipam, int r)
{
        return r == -ERR_AGAIN && ipam_client_error(ipam)->id == IPAM_ERROR_NONE;
}

int lease_confirm(struct call *call, struct ipam_client **ipam, struct ip address, int64_t wire_us,
                  struct err *err)
{
        const struct ipam_confirm_request request = {
                .network = call->conf.name,
                .container_id = call->args.container_id,
                .ifname = call->args.ifname,
                .address = address,
                .wire_us = wire_us,
        };
        int r = ipam_confirm(*ipam, &request, err);

        if (is_cut_off(*ipam, r)) {
                r = reconnect(call, ipam, err);
                if (r == 0)
                        r = ipam_confirm(*ipam, &request, err);
        }
        if (r == 0)
                return 0;
        err_wrap(err, "confirm the lease of %s", IP_TEXT(address));
        return call_fail(call, CNI_CODE_TRY_AGAIN, err);
}

/* What the pod's link is called; NULL where somebody else wires the pod. */
static const char *link_of(const struct call *call, char buffer[static LINK_NAME_BYTES])
{
        if (call->conf.delegated)
                return NULL;
        host_link_name(call->settings.veth_prefix, &call->pod, call->args.container_id, call->args.ifname,
                       buffer);
        return buffer;
}

int lease_check(struct call *call, struct ip *ret_address, struct err *err)
{
        _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
        char link[LINK_NAME_BYTES];
        const struct ipam_check_request request = {.network = call->conf.name,
                                                   .container_id = call->args.container_id,
                                                   .ifname = call->args.ifname,
                                                   .host_ifname = link_of(call, link)};
        struct ipam_check_reply reply = {0};
        int r;

        if (lease_connect(call, RPC_TIMEOUT_MS, &ipam, err) < 0)
                return call_fail(call, CNI_CODE_TRY_AGAIN, err);
        r = ipam_check(ipam, &request, &reply, err);
        if (r == -ERR_NOT_FOUND)
                return call_fail(call, CNI_CODE_CHECK, err);
        if (r < 0)
                return err_wrap(err, "ask ipamd for the lease");
        if (strcmp(reply.state ?: "", "wired") != 0) {
                err_set(err, ERR_INVALID, "the lease of %s is %s, not wired", IP_TEXT(reply.address),
                        reply.state ?: "odd");
                return call_fail(call, CNI_CODE_CHECK, err);
        }
        *ret_address = reply.address;
        return 0;
}

int lease_release(const struct call *call, int64_t wire_us, struct ip *ret_address, struct err *err)
{
        _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
        char link[LINK_NAME_BYTES];
        const struct ipam_del_request request = {.network = call->conf.name,
                                                 .container_id = call->args.container_id,
                                                 .ifname = call->args.ifname,
                                                 .host_ifname = link_of(call, link),
                                                 .wire_us = wire_us};
        struct ipam_del_reply reply;
        int r;

        r = lease_connect(call, RPC_TIMEOUT_MS, &ipam, err);
        if (r == 0)
                r = ipam_del(ipam, &request, &reply, err);
        if (r == 0 && ret_address)
                *ret_address = reply.released ? reply.address : IP_NONE;
        return r;
}
