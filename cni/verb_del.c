// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/clock.h>
#include <vpcwire/log.h>
#include <vpcwire/netlink.h>
#include <vpcwire/pod_name.h>

#include "lease.h"
#include "verbs.h"
#include "wire.h"

static int remove_link(struct call *call, struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *host = NULL;
        char name[LINK_NAME_BYTES];
        const struct pod_link_owner pod = {.pod_namespace = call->pod.namespace,
                                           .pod_name = call->pod.name,
                                           .container_id = call->args.container_id,
                                           .ifname = call->args.ifname};
        const struct pod_name named = {.namespace = pod.pod_namespace, .name = pod.pod_name};
        const struct wire_owner owner = {.host_ifname = name,
                                         .container_id = call->args.container_id,
                                         .ifname = call->args.ifname,
                                         .pod = &pod,
                                         .unnamed = !pod_name_is_known(&named)};
        int r;

        host_link_name(call->settings.veth_prefix, &call->pod, call->args.container_id, call->args.ifname,
                       name);
        r = netlink_open(-1, &host, err);
        return r < 0 ? r : wire_remove_host_link(host, &owner, call->host_ifname, err);
}

/*
 * CNI_NETNS is not looked at: it may be "", gone, or anything else, and taking the host's end away takes the pod's end with it.
 * A daemon that is down, or cannot do it, is no reason to fail: it releases a lease when it sees that the link is gone.
 */
int verb_del(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        int64_t began_us = clock_boottime_us();
        struct err ignored;
        int r;

        call_parse_own_lenient(call);
        r = remove_link(call, err);
        if (r < 0)
                return r;
        if (lease_release(call, clock_boottime_us() - began_us, NULL, &ignored) < 0)
                log_warn("lease not released; ipamd reclaims it when its link is gone",
                         LOG_STR("container", call->args.container_id), LOG_ERR(&ignored));
        return 0;
}
