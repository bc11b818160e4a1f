// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/link.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>

#include "delegated.h"
#include "host_route.h"
#include "lease.h"
#include "wire.h"

/* In every subnet of a VPC: the network's address plus one (Amazon VPC User Guide, subnet sizing). */
enum { VPC_ROUTER = 1 };

/* What the bridge plugin calls its bridge where the configuration does not say. */
#define BRIDGE_DEFAULT "cni0"

static bool gateway_is_on_host(const char *type)
{
        static const char *const types[] = {"bridge", "ptp"};

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                if (strcmp(types[i], type) == 0)
                        return true;
        }
        return false;
}

/* Debian's and upstream's bridge puts the gateway's address on its bridge only when it is told to. */
static bool is_gateway_bridge(const struct call *call)
{
        return strcmp(call->conf.type, "bridge") == 0 &&
               (json_is_true(json_object_get(call->conf.root, "isGateway")) ||
                json_is_true(json_object_get(call->conf.root, "isDefaultGateway")));
}

/*
 * A bridge joins the pods of one node, not the subnet: nobody on it answers ARP for the rest. The subnet's two halves go
 * before the connected route, and lead to the gateway.
 */
static json_t *new_bridge_routes(struct prefix subnet, struct ip gateway)
{
        const unsigned bits = subnet.bits + 1;
        const uint32_t half = UINT32_C(1) << (ip_max_bits(subnet.ip) - bits);
        const struct prefix low = {.ip = prefix_nth(subnet, 0), .bits = bits},
                            high = {.ip = prefix_nth(subnet, half), .bits = bits};
        json_t *routes = json_array();

        for (size_t i = 0; i < 2; i++)
                json_array_append_new(routes, json_pack("{ss ss}", "dst", PREFIX_TEXT(i ? high : low), "gw",
                                                        IP_TEXT(gateway)));
        json_array_append_new(routes, json_pack("{ss ss}", "dst", "0.0.0.0/0", "gw", IP_TEXT(gateway)));
        return routes;
}

static int take_reply(const struct call *call, const struct ipam_add_reply *reply, struct result_address *ret,
                      struct err *err)
{
        const struct ipam_lease_address *given = &reply->addresses[0];

        if (!ip_is_set(given->subnet.ip) || !ip_is_set(given->node_address))
                return err_set(
                        err, ERR_UNSUPPORTED,
                        "ipamd does not say which subnet %s is in: it is older than this plugin, update it",
                        IP_TEXT(given->address));
        *ret = (struct result_address){
                .address = {.ip = given->address, .bits = given->subnet.bits},
                .gateway = gateway_is_on_host(call->conf.type) ? given->node_address
                                                               : prefix_nth(given->subnet, VPC_ROUTER),
                .routes = call->settings.routes,
        };
        return 0;
}

static struct route_info host_route(struct ip address)
{
        return (struct route_info){
                .dst = prefix_host(address), .table = DATAPLANE_TABLE_PODS, .scope = RT_SCOPE_LINK};
}

static const char *bridge_name(const struct call *call)
{
        const char *name = json_string_value(json_object_get(call->conf.root, "bridge")) ?: "";

        return *name ? name : BRIDGE_DEFAULT;
}

/* The host's way to a pod on the bridge. */
static int find_bridge_route(const struct call *call, struct netlink *host, struct ip address,
                             struct route_info *ret, struct err *err)
{
        struct link_info bridge;

        if (link_get_by_name(host, bridge_name(call), &bridge, err) < 0)
                return err_wrap(err, "the bridge that leads to the pod");
        *ret = host_route(address);
        ret->oif = bridge.ifindex;
        return 0;
}

static int add_bridge_route(const struct call *call, struct netlink *host, struct ip address, struct err *err)
{
        struct route_info route;
        int r = find_bridge_route(call, host, address, &route, err);

        return r < 0 ? r : host_route_add(host, &route, err);
}

/*
 * A pod that we wired may have had the address before. Were its route still there, it would take this pod's packets. ptp
 * makes a host route; bridge makes the subnet's only, behind the one of the node's own interface, and so needs ours, which
 * the daemon keeps from here on. Its bridge is there before it asks for an address.
 */
static int set_host_route(const struct call *call, struct ip address, struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *host = NULL;
        const struct route_info left_over = host_route(address);

        if (netlink_open(-1, &host, err) < 0)
                return -(int)err->code;
        return is_gateway_bridge(call) ? add_bridge_route(call, host, address, err)
                                       : host_route_clear(host, &left_over, call->args.container_id, err);
}

static int lease_alone(struct call *call, struct ipam_client **ipam, struct result_address *ret,
                       struct err *err)
{
        const struct lease_ask what = {.host_ifname = is_gateway_bridge(call) ? bridge_name(call) : NULL,
                                       .address_only = true};
        struct ipam_add_reply reply = {0};
        struct err undo;
        int r;

        r = lease_ask(call, &what, ipam, &reply, err);
        if (r < 0)
                return r;
        r = lease_check_given(call, &reply, err);
        if (r == 0)
                r = take_reply(call, &reply, ret, err);
        if (r == 0)
                r = set_host_route(call, reply.addresses[0].address, err);
        if (r == 0)
                r = lease_confirm(call, ipam, &reply, 0, err);
        if (r < 0 && lease_release(call, 0, NULL, &undo) < 0)
                log_warn("lease not released; ipamd releases it when its confirmation is overdue",
                         LOG_STR("container", call->args.container_id), LOG_ERR(&undo));
        return r;
}

int delegated_add(struct call *call, json_t **ret_result, struct err *err)
{
        _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
        _cleanup_json_ json_t *routes = NULL;
        struct result_address address = {0};
        int r;

        r = call_parse_own_add(call, err);
        if (r == 0)
                r = lease_check_lengths(call, err);
        if (r < 0)
                return r;
        r = lease_alone(call, &ipam, &address, err);
        if (r < 0)
                return r;
        if (!address.routes && is_gateway_bridge(call)) {
                routes = new_bridge_routes(address.address, address.gateway);
                address.routes = routes;
        }
        *ret_result = result_new_address(call->version, &address);
        return 0;
}

/* What is left, ipamd finds: no lease wants it. Only the bridge's own: the address may have a new pod by now. */
static void remove_bridge_route(const struct call *call, struct ip address)
{
        _cleanup_(netlink_freep) struct netlink *host = NULL;
        struct route_info route;
        struct err err;

        if (netlink_open(-1, &host, &err) == 0 && find_bridge_route(call, host, address, &route, &err) == 0)
                (void)route_delete(host, &route, &err);
}

int delegated_del(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        struct ip address = IP_NONE;
        int r;

        call_parse_own_lenient(call);
        r = lease_release(call, 0, &address, err);
        if (r == 0 && ip_is_set(address) && is_gateway_bridge(call))
                remove_bridge_route(call, address);
        if (r >= 0 || r == -ERR_INVALID) /* a name that the daemon refuses never had a lease */
                return 0;
        if (!*call->conf.name) {
                log_warn("lease not released; GC or a reboot releases it", LOG_ERR(err));
                return 0; /* asking again would not help */
        }
        err_wrap(err, "release the address");
        return call_fail(call, CNI_CODE_TRY_AGAIN, err);
}

int delegated_check(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        struct ip address = IP_NONE;
        int r = call_parse_own_check(call, err);

        if (r == 0)
                r = lease_check(call, &address, err);
        if (r < 0)
                return r;
        return result_has_address(call->conf.prev_result, address, err) < 0
                       ? call_fail(call, CNI_CODE_CHECK, err)
                       : 0;
}
