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

/* What is left of the time that the configuration gives an ADD; at least 1, for calls that must be tried once. */
static int left_ms(const struct call *call)
{
        int64_t left = call->began_ms + call->settings.timeout_ms - clock_boottime_ms();

        return left < 1 ? 1 : (int)left;
}

/* The daemon's answer, and be it that there is no address, must be here before we give up. */
static int answer_margin_ms(int left)
{
        return left / 4 < ANSWER_MARGIN_MS ? left / 4 + 1 : ANSWER_MARGIN_MS;
}

static int ask_once(struct call *call, const struct lease_ask *what, struct ipam_client **ipam,
                    struct ipam_add_reply *ret, struct err *err)
{
        int left = left_ms(call), margin = answer_margin_ms(left), r;
        const struct ipam_add_request request = {
                .network = call->conf.name,
                .container_id = call->args.container_id,
                .ifname = call->args.ifname,
                .netns = call->args.netns,
                .host_ifname = what->host_ifname,
                .pod_namespace = or_null(call->pod.namespace),
                .pod_name = or_null(call->pod.name),
                .pod_uid = or_null(call->pod.uid),
                .timeout_ms = left > margin ? left - margin : 1,
                .address_only = what->address_only,
                .host_ifname_may_differ = !what->address_only,
                .address = call->requested.address,
        };

        ipam_client_set_timeout(*ipam, margin);
        r = ipam_add(*ipam, &request, ret, err);
        ipam_client_set_timeout(*ipam, RPC_TIMEOUT_MS);
        return r < 0 ? err_wrap(err, "ask ipamd for an address") : 0;
}

/* The connection ended instead of an answer. */
static bool is_cut_off(const struct ipam_client *ipam, int r)
{
        return r == -ERR_AGAIN && ipam_client_error(ipam)->id == IPAM_ERROR_NONE;
}

/* Connects and asks. *ret_again: the daemon is away or on its way, and asking again is safe: the same key gets the same lease. */
static int try_to_ask(struct call *call, const struct lease_ask *what, struct ipam_client **ipam,
                      struct ipam_add_reply *ret, bool *ret_again, struct err *err)
{
        int r = lease_connect(call, left_ms(call), ipam, err);

        if (r < 0) {
                *ret_again = r == -ERR_AGAIN || r == -ERR_NOT_FOUND || r == -ERR_TIMEOUT;
                return call_fail(call, CNI_CODE_TRY_AGAIN, err);
        }
        r = ask_once(call, what, ipam, ret, err);
        *ret_again = r < 0 && (is_cut_off(*ipam, r) || ipam_client_error(*ipam)->id == IPAM_ERROR_NOT_READY);
        return r == -ERR_NOT_FOUND ? call_fail(call, CNI_CODE_TRY_AGAIN, err) : r;
}

static bool is_answered(const struct ipam_client *ipam)
{
        return ipam && ipam_client_error(ipam)->id != IPAM_ERROR_NONE;
}

/* The last try says only that nobody answered; what the daemon said before is why. */
static void add_earlier(const struct err *said, struct err *err)
{
        static const char before[] = "; before that";
        struct err last = *err;

        *err = *said;
        err->code = last.code;
        err->sys_errno = last.sys_errno;
        err_wrap(err, "%.*s%s", ERR_CONTEXT_MAX - (int)strlen(before), last.msg, before);
}

int lease_ask(struct call *call, const struct lease_ask *what, struct ipam_client **ipam,
              struct ipam_add_reply *ret, struct err *err)
{
        int pause_ms = RECONNECT_PAUSE_MS;
        struct err said = {0};
        bool again = false;
        int r;

        for (;;) {
                r = try_to_ask(call, what, ipam, ret, &again, err);
                if (r == 0)
                        return 0;
                if (is_answered(*ipam))
                        said = *err;
                else if (said.code)
                        add_earlier(&said, err);
                *ipam = ipam_client_free(*ipam);
                if (!again || left_ms(call) <= pause_ms + LAST_TRY_MS)
                        return r;
                poll(NULL, 0, pause_ms);
                pause_ms = pause_ms * 2 > RECONNECT_PAUSE_MAX_MS ? RECONNECT_PAUSE_MAX_MS : pause_ms * 2;
                call->code = CNI_CODE_NONE;
        }
}

int lease_check_given(const struct call *call, const struct ipam_add_reply *reply, struct err *err)
{
        struct ip address = reply->addresses[0].address;

        if (reply->n_addresses > 1)
                return err_set(err, ERR_UNSUPPORTED,
                               "ipamd gave %zu addresses; this plugin sets up a pod with one",
                               reply->n_addresses);
        if (!ip_is_set(call->requested.address) || ip_equal(call->requested.address, address))
                return 0;
        return err_set(err, ERR_UNSUPPORTED,
                       "%s was requested and ipamd gave %s: it is older than this plugin and ignores "
                       "requests, update it",
                       IP_TEXT(call->requested.address), IP_TEXT(address));
}

/* One that is starting makes its socket anew: whatever is wrong with that meanwhile may be right a moment later. */
static int reconnect(const struct call *call, struct ipam_client **ipam, struct err *err)
{
        int wait_ms = left_ms(call) > RPC_TIMEOUT_MS ? left_ms(call) : RPC_TIMEOUT_MS;
        int64_t deadline_ms = clock_boottime_ms() + wait_ms;

        *ipam = ipam_client_free(*ipam);
        while (lease_connect(call, RPC_TIMEOUT_MS, ipam, err) < 0) {
                if (clock_boottime_ms() >= deadline_ms)
                        return -err->code;
                poll(NULL, 0, RECONNECT_PAUSE_MS);
        }
        return 0;
}

int lease_confirm(struct call *call, struct ipam_client **ipam, const struct ipam_add_reply *given,
                  int64_t wire_us, struct err *err)
{
        struct ip address = given->addresses[0].address;
        const struct ipam_confirm_request request = {
                .network = call->conf.name,
                .container_id = call->args.container_id,
                .ifname = call->args.ifname,
                .addresses = &address,
                .n_addresses = 1,
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

/* What the pod's link is, or would be called; NULL where somebody else wires the pod. */
static const char *link_of(const struct call *call, char buffer[static LINK_NAME_BYTES])
{
        if (call->conf.delegated)
                return NULL;
        if (*call->host_ifname)
                return call->host_ifname;
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
        if (reply.state != IPAM_LEASE_STATE_WIRED) {
                err_set(err, ERR_INVALID, "the lease of %s is %s, not wired",
                        IP_TEXT(reply.addresses[0].address), ipam_lease_state_to_string(reply.state));
                return call_fail(call, CNI_CODE_CHECK, err);
        }
        *ret_address = reply.addresses[0].address;
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

        if (!*call->conf.name)
                return err_set(err, ERR_UNSUPPORTED, "the network's name is not known");
        r = lease_connect(call, RPC_TIMEOUT_MS, &ipam, err);
        if (r == 0)
                r = ipam_del(ipam, &request, &reply, err);
        if (r == 0 && ret_address)
                *ret_address = reply.released && reply.n_addresses ? reply.addresses[0] : IP_NONE;
        return r;
}
