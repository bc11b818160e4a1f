// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/ipam_client.h>
#include <vpcwire/link.h>
#include <vpcwire/log.h>

#include "verbs.h"
#include "wire.h"

/* An ADD under way. */
struct add {
        struct call *call;
        struct wire *wire;
        struct ipam_client *ipam;
        struct wiring wiring;
        enum wire_state state; /* of CNI_IFNAME, before we began */
        int64_t wire_us;       /* how long the wiring took */
        bool wired;            /* our link is there, so undoing takes it away */
};

static void add_done(struct add *add)
{
        wire_free(add->wire);
        ipam_client_free(add->ipam);
}

/* What the daemon and the alias of a link cannot hold. DEL does not ask: nothing of that length was ever wired. */
static int check_lengths(struct call *call, struct err *err)
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

/* Everything that can be refused before anybody is asked for anything. */
static int begin(struct add *add, struct err *err)
{
        _cleanup_close_ int netns_fd = -1;
        struct call *call = add->call;
        int r;

        r = call_parse_own(call, err);
        if (r == 0)
                r = check_lengths(call, err);
        if (r == 0)
                r = verb_open_netns(call, &netns_fd, err);
        if (r < 0)
                return r;
        add->wiring = (struct wiring){.container_id = call->args.container_id, .netns = call->args.netns};
        snprintf(add->wiring.ifname, sizeof(add->wiring.ifname), "%s", call->args.ifname);
        host_link_name(call->settings.veth_prefix, &call->pod, call->args.container_id, call->args.ifname,
                       add->wiring.host_ifname);
        if (wire_open(netns_fd, &add->wire, err) < 0 ||
            wire_find(add->wire, &add->wiring, &add->state, err) < 0)
                return call_fail(call, CNI_CODE_WIRING, err);
        if (add->state == WIRE_FOREIGN) {
                err_set(err, ERR_EXISTS, "interface %s exists already in %.128s", add->wiring.ifname,
                        call->args.netns);
                return call_fail(call, CNI_CODE_INTERFACE_EXISTS, err);
        }
        return 0;
}

static const char *or_null(const char *text)
{
        return *text ? text : NULL;
}

/* An answer that is "not now", or that the lease was taken away while we waited for it, is worth another try. */
static int lease_address(struct add *add, struct ipam_add_reply *ret, struct err *err)
{
        struct call *call = add->call;
        const struct ipam_add_request request = {
                .network = call->conf.name,
                .container_id = call->args.container_id,
                .ifname = call->args.ifname,
                .netns = call->args.netns,
                .host_ifname = add->wiring.host_ifname,
                .pod_namespace = or_null(call->pod.namespace),
                .pod_name = or_null(call->pod.name),
                .pod_uid = or_null(call->pod.uid),
                .timeout_ms = call->settings.timeout_ms,
        };
        int r;

        r = ipam_add(add->ipam, &request, ret, err);
        if (r == 0)
                return 0;
        err_wrap(err, "ask ipamd for an address");
        return r == -ERR_NOT_FOUND ? call_fail(call, CNI_CODE_TRY_AGAIN, err) : r;
}

static int take_reply(struct add *add, const struct ipam_add_reply *reply, struct err *err)
{
        const struct settings *settings = &add->call->settings;

        if (reply->address.family != AF_INET || reply->gateway.family != AF_INET)
                return err_set(err, ERR_UNSUPPORTED,
                               "ipamd gave the address %s and the gateway %s; only IPv4 is wired",
                               IP_TEXT(reply->address), IP_TEXT(reply->gateway));
        add->wiring.address = reply->address;
        add->wiring.gateway = reply->gateway;
        add->wiring.mtu = settings->mtu;
        if (!settings->mtu && reply->mtu >= NETCONF_MTU_MIN && reply->mtu <= NETCONF_MTU_MAX)
                add->wiring.mtu = (unsigned)reply->mtu;
        return 0;
}

/* A wire of an earlier ADD for the same container and interface is kept if it stands as it should. */
static int wire_pod(struct add *add, struct err *err)
{
        struct wiring standing = add->wiring;

        add->wired = add->state == WIRE_OURS;
        if (add->wired && wire_check(add->wire, &standing, NULL) == 0) {
                add->wiring = standing;
                return 0;
        }
        if ((add->wired && wire_unmake(add->wire, &add->wiring, err) < 0) ||
            wire_make(add->wire, &add->wiring, err) < 0)
                return call_fail(add->call, CNI_CODE_WIRING, err);
        add->wired = true;
        return 0;
}

static int confirm(struct add *add, struct err *err)
{
        const struct call *call = add->call;
        const struct ipam_confirm_request request = {
                .network = call->conf.name,
                .container_id = call->args.container_id,
                .ifname = call->args.ifname,
                .address = add->wiring.address,
                .wire_us = add->wire_us,
        };

        if (ipam_confirm(add->ipam, &request, err) == 0)
                return 0;
        err_wrap(err, "confirm the lease of %s", IP_TEXT(add->wiring.address));
        return call_fail(add->call, CNI_CODE_TRY_AGAIN, err);
}

/* The link first: an address is free only when nothing uses it any more. What cannot be undone is told beside the cause. */
static void undo(struct add *add)
{
        struct err err;

        if (add->wired && wire_unmake(add->wire, &add->wiring, &err) < 0)
                log_error("link stays behind", LOG_STR("link", add->wiring.host_ifname), LOG_ERR(&err));
        else if (verb_release(add->call, 0, &err) < 0)
                log_warn("lease stays until ipamd sees that its link is gone",
                         LOG_STR("container", add->call->args.container_id), LOG_ERR(&err));
}

int verb_add(struct call *call, json_t **ret_result, struct err *err)
{
        _cleanup_(add_done) struct add add = {.call = call};
        struct ipam_add_reply reply = {0};
        int64_t began_us;
        int r;

        r = begin(&add, err);
        if (r < 0)
                return r;
        if (verb_connect(call, RPC_TIMEOUT_MS, &add.ipam, err) < 0)
                return call_fail(call, CNI_CODE_TRY_AGAIN, err);
        r = lease_address(&add, &reply, err);
        if (r < 0)
                return r;
        began_us = clock_boottime_us();
        r = take_reply(&add, &reply, err);
        if (r == 0)
                r = wire_pod(&add, err);
        add.wire_us = clock_boottime_us() - began_us;
        if (r == 0)
                r = confirm(&add, err);
        if (r < 0) {
                undo(&add);
                return r;
        }
        *ret_result = result_new(call->version, &add.wiring, call->conf.prev_result);
        return 0;
}
