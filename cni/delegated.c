// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>
#include <string.h>

#include <vpcwire/log.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>

#include "delegated.h"
#include "lease.h"
#include "wire.h"

/* In every subnet of a VPC: the network's address plus one (Amazon VPC User Guide, subnet sizing). */
enum { VPC_ROUTER = 1 };

static bool gateway_is_on_host(const char *type)
{
        static const char *const types[] = {"bridge", "ptp"};

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                if (strcmp(types[i], type) == 0)
                        return true;
        }
        return false;
}

static int take_reply(const struct call *call, const struct ipam_add_reply *reply, struct result_address *ret,
                      struct err *err)
{
        struct prefix subnet;

        if (!reply->subnet || !ip_is_set(reply->node_address))
                return err_set(err, ERR_UNSUPPORTED,
                               "ipamd does not say which subnet %s is in: it is older than this plugin",
                               IP_TEXT(reply->address));
        if (prefix_parse(reply->subnet, &subnet, err) < 0)
                return err_wrap(err, "ipamd's answer: subnet of %s", IP_TEXT(reply->address));
        *ret = (struct result_address){
                .address = {.ip = reply->address, .bits = subnet.bits},
                .gateway = gateway_is_on_host(call->conf.type) ? reply->node_address
                                                               : prefix_nth(subnet, VPC_ROUTER),
                .routes = call->settings.routes,
        };
        return 0;
}

/* A pod that we wired may have had the address before. Were its route still there, it would take this pod's packets. */
static int remove_stale_route(struct ip address, struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *host = NULL;
        const struct route_info route = {
                .dst = prefix_host(address), .table = PODS_TABLE, .scope = RT_SCOPE_LINK};
        int r;

        r = netlink_open(-1, &host, err);
        if (r == 0)
                r = route_delete(host, &route, err);
        return r == -ERR_NOT_FOUND ? 0 : r;
}

static int lease_alone(struct call *call, struct ipam_client *ipam, struct result_address *ret,
                       struct err *err)
{
        struct ipam_add_reply reply = {0};
        struct err undo;
        int r;

        r = lease_ask(call, ipam, NULL, &reply, err);
        if (r < 0)
                return r;
        r = take_reply(call, &reply, ret, err);
        if (r == 0)
                r = remove_stale_route(reply.address, err);
        if (r == 0)
                r = lease_confirm(call, ipam, reply.address, 0, err);
        if (r < 0 && lease_release(call, 0, &undo) < 0)
                log_warn("lease stays until ipamd gives up waiting for its confirmation",
                         LOG_STR("container", call->args.container_id), LOG_ERR(&undo));
        return r;
}

int delegated_add(struct call *call, json_t **ret_result, struct err *err)
{
        _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
        struct result_address address;
        int r;

        r = call_parse_own(call, err);
        if (r == 0)
                r = lease_check_lengths(call, err);
        if (r < 0)
                return r;
        if (lease_connect(call, RPC_TIMEOUT_MS, &ipam, err) < 0)
                return call_fail(call, CNI_CODE_TRY_AGAIN, err);
        r = lease_alone(call, ipam, &address, err);
        if (r == 0)
                *ret_result = result_new_address(call->version, &address);
        return r;
}

int delegated_del(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        int r;

        call_parse_own_lenient(call);
        r = lease_release(call, 0, err);
        if (r >= 0 || r == -ERR_INVALID) /* a name that the daemon refuses never had a lease */
                return 0;
        err_wrap(err, "give the address back");
        return call_fail(call, CNI_CODE_TRY_AGAIN, err);
}

int delegated_check(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        struct ip address = IP_NONE;
        int r;

        r = call_parse_own(call, err);
        if (r < 0)
                return r;
        if (!call->conf.prev_result) {
                err_set(err, ERR_INVALID, "prevResult is missing: CHECK needs the result of ADD");
                return call_fail(call, CNI_CODE_CONFIG, err);
        }
        r = lease_check(call, &address, err);
        if (r < 0)
                return r;
        return result_has_address(call->conf.prev_result, address, err) < 0
                       ? call_fail(call, CNI_CODE_CHECK, err)
                       : 0;
}
