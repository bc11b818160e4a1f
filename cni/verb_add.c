// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/ipam_client.h>
#include <vpcwire/log.h>

#include "lease.h"
#include "older_link.h"
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

/* Everything that can be refused before anybody is asked for anything. */
static int begin(struct add *add, struct err *err)
{
        _cleanup_close_ int netns_fd = -1;
        struct call *call = add->call;
        int r;

        r = call_parse_own_add(call, err);
        if (r == 0)
                r = lease_check_lengths(call, err);
        if (r == 0)
                r = verb_open_netns(call, &netns_fd, err);
        if (r < 0)
                return r;
        add->wiring = (struct wiring){.container_id = call->args.container_id,
                                      .netns = call->args.netns,
                                      .mac = call->requested.mac};
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

static int take_reply(struct add *add, const struct ipam_add_reply *reply, struct err *err)
{
        const struct settings *settings = &add->call->settings;
        const struct ipam_lease_address *given = &reply->addresses[0];

        if (lease_check_given(add->call, reply, err) < 0)
                return -(int)err->code;
        if (given->address.family != AF_INET || given->gateway.family != AF_INET)
                return err_set(err, ERR_UNSUPPORTED,
                               "ipamd gave the address %s and the gateway %s; only IPv4 is wired",
                               IP_TEXT(given->address), IP_TEXT(given->gateway));
        if (reply->host_ifname) {
                if (link_check_name(reply->host_ifname, err) < 0)
                        return err_wrap(err, "ipamd's answer");
                snprintf(add->wiring.host_ifname, sizeof(add->wiring.host_ifname), "%s", reply->host_ifname);
        }
        add->wiring.address = given->address;
        add->wiring.gateway = given->gateway;
        add->wiring.mtu = settings->mtu;
        if (!settings->mtu && given->mtu >= NETCONF_MTU_MIN && given->mtu <= NETCONF_MTU_MAX)
                add->wiring.mtu = (unsigned)given->mtu;
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
        if (add->wired && wire_unmake(add->wire, &add->wiring, err) < 0)
                return call_fail(add->call, CNI_CODE_WIRING, err);
        add->wired = false;
        if (older_link_remove(add->call, add->ipam, add->wire, &add->wiring, err) < 0 ||
            wire_make(add->wire, &add->wiring, err) < 0)
                return call_fail(add->call, CNI_CODE_WIRING, err);
        add->wired = true;
        return 0;
}

/* The link first: an address is free only when nothing uses it any more. What cannot be undone is reported beside the cause. */
static void undo(struct add *add)
{
        struct err err;

        if (add->wired && wire_unmake(add->wire, &add->wiring, &err) < 0)
                log_error("undo failed: the host link is left", LOG_STR("link", add->wiring.host_ifname),
                          LOG_ERR(&err));
        else if (lease_release(add->call, 0, NULL, &err) < 0)
                log_warn("lease not released; ipamd reclaims it when its link is gone",
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
        r = lease_ask(call, &(struct lease_ask){.host_ifname = add.wiring.host_ifname}, &add.ipam, &reply,
                      err);
        if (r < 0)
                return r;
        began_us = clock_boottime_us();
        r = take_reply(&add, &reply, err);
        if (r == 0)
                r = wire_pod(&add, err);
        add.wire_us = clock_boottime_us() - began_us;
        if (r == 0)
                r = lease_confirm(call, &add.ipam, &reply, add.wire_us, err);
        if (r < 0) {
                undo(&add);
                return r;
        }
        *ret_result = result_new(call->version, &add.wiring, call->conf.prev_result);
        result_set_dns(*ret_result, call->conf.dns);
        return 0;
}
