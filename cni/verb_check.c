// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/ipam_client.h>

#include "lease.h"
#include "verbs.h"
#include "wire.h"

/* What the link is called tells the daemon which lease is meant, where it found its leases by their links. */
static int open_wire(struct call *call, struct wire **ret, struct wiring *wiring, struct err *err)
{
        _cleanup_close_ int netns_fd = -1;
        enum wire_state state;
        int r = verb_open_netns(call, &netns_fd, err);

        if (r < 0)
                return r;
        *wiring = (struct wiring){.container_id = call->args.container_id, .netns = call->args.netns};
        snprintf(wiring->ifname, sizeof(wiring->ifname), "%s", call->args.ifname);
        if (ip_parse(DATAPLANE_GATEWAY, &wiring->gateway, err) < 0 || wire_open(netns_fd, ret, err) < 0 ||
            wire_find(*ret, wiring, &state, err) < 0)
                return -(int)err->code;
        if (state == WIRE_OURS)
                snprintf(call->host_ifname, sizeof(call->host_ifname), "%s", wiring->host_ifname);
        return 0;
}

int verb_check(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        _cleanup_(wire_freep) struct wire *wire = NULL;
        struct wiring wiring = {0};
        int r = call_parse_own_check(call, err);

        if (r == 0)
                r = open_wire(call, &wire, &wiring, err);
        if (r == 0)
                r = lease_check(call, &wiring.address, err);
        if (r < 0)
                return r;
        r = result_check_address(call->conf.prev_result, call->args.ifname, call->args.netns, wiring.address,
                                 err);
        if (r < 0)
                return call_fail(call, r == -ERR_INVALID ? CNI_CODE_CONFIG : CNI_CODE_CHECK, err);
        return wire_check(wire, &wiring, err) < 0 ? call_fail(call, CNI_CODE_CHECK, err) : 0;
}
