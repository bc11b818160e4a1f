// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "rpc/handlers.h"
#include "rpc/handover.h"
#include "rpc/lease.h"
#include "rpc/parked.h"
#include "rpc/reply.h"
#include "rpc/wire.h"

/* Those who came before go first; only a key that has its lease already, comes back to it, or asks for one address, need not queue. */
static int must_queue(struct rpc *rpc, const struct ipam_add_request *request, struct arena *arena, bool *ret,
                      struct err *err)
{
        const struct lease_key key = LEASE_KEY(request);
        struct lease lease;
        int r;

        parked_serve(rpc);
        if (!rpc->parked_first || ip_is_set(request->address)) {
                *ret = false;
                return 0;
        }
        r = store_lease_get(rpc->options.store, &key, arena, &lease, err);
        if (r == -ERR_NOT_FOUND)
                r = store_lease_can_return(rpc->options.store, &key, err) ?: -ERR_NOT_FOUND;
        if (r < 0 && r != -ERR_NOT_FOUND)
                return r;
        *ret = r < 0;
        return 0;
}

/* It asks for what it cannot have: no wait helps. */
static void refuse_add(struct method_call *call, const struct ipam_add_request *add,
                       const struct lease *lease)
{
        const struct ipam_error error = lease_refused(lease);

        lease_end_add(call->rpc, add, REQUEST_REFUSED, error.reason, IP_NONE, call->now_ms);
        if (!call->oneway)
                reply_refuse(call->connection, &error);
        call->later = true;
}

int handle_add(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_add_request *add = request;
        enum lease_result result = LEASE_NONE_FREE;
        struct lease lease;
        bool queue;
        int refused = handover_refuses(call, add, err);

        if (refused)
                return refused < 0 ? -ERR_INTERNAL : 0;
        if (must_queue(call->rpc, add, call->arena, &queue, err) < 0)
                return -ERR_INTERNAL;
        if (!queue && lease_try(call->rpc, add, call->now_ms, call->arena, &result, &lease, err) < 0)
                return -ERR_INTERNAL;
        if (result == LEASE_REFUSED) {
                refuse_add(call, add, &lease);
                return 0;
        }
        if (result == LEASE_NONE_FREE) {
                if (parked_add(call->connection, call->arena, add, call->oneway, err) < 0)
                        return -ERR_INTERNAL;
                call->arena = NULL;
                call->later = true;
                lease_wake(call->rpc);
                return 0;
        }
        *(struct ipam_add_reply *)reply =
                lease_add_reply(call->rpc, &lease, result == LEASE_AGAIN, call->arena);
        latency_note(&call->rpc->latency, call->rpc->options.metrics, REQUEST_ADD, REQUEST_WAIT, 0);
        lease_end_add(call->rpc, add, result == LEASE_AGAIN ? REQUEST_AGAIN : REQUEST_SUCCESS, NULL,
                      lease.address, call->now_ms);
        return 0;
}

/* A lease has one address today; a list that names another one as well means another lease. */
static int check_addresses(const struct ip *addresses, size_t n, struct ip leased, struct err *err)
{
        for (size_t i = 0; i < n; i++)
                if (!ip_equal(addresses[i], leased))
                        return err_set(err, ERR_NOT_FOUND, "the lease has %s, not %s", IP_TEXT(leased),
                                       IP_TEXT(addresses[i]));
        return 0;
}

int handle_confirm(struct method_call *call, const void *request, void *reply _unused_, struct err *err)
{
        const struct ipam_confirm_request *confirm = request;
        const struct lease_key key = LEASE_KEY(confirm);
        struct ip address = confirm->addresses[0];
        int r = check_addresses(confirm->addresses, confirm->n_addresses, address, err);

        if (r == 0)
                r = store_lease_confirm(call->rpc->options.store, &key, address, err);
        if (r == -ERR_NOT_FOUND)
                call->error = lease_not_found(&key);
        else if (r == 0 && confirm->wire_us)
                latency_note(&call->rpc->latency, call->rpc->options.metrics, REQUEST_ADD, REQUEST_WIRE,
                             confirm->wire_us);
        return r;
}

int handle_del(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_del_request *del = request;
        struct lease_key key = LEASE_KEY(del);
        struct ipam_del_reply *ret = reply;
        struct ip *address = ARENA_NEW(call->arena, struct ip);
        int r;

        key.host_ifname = del->host_ifname;
        metrics_add(call->rpc->options.metrics, METRIC_AWSCNI_DEL_REQUESTS, LABELS(METRIC_POD_DELETED), 1);
        if (del->wire_us)
                latency_note(&call->rpc->latency, call->rpc->options.metrics, REQUEST_DEL, REQUEST_WIRE,
                             del->wire_us);
        parked_cancel(call->rpc, &key);
        r = store_lease_release(call->rpc->options.store, &key, LEASE_END_DEL, call->now_ms, &ret->released,
                                address, err);
        if (r < 0)
                return r;
        ret->addresses = address;
        ret->n_addresses = ret->released;
        log_info("del", LOG_STR("result", ret->released ? "released" : "unknown"),
                 LOG_STR("address", IP_TEXT(ret->released ? *address : IP_NONE)),
                 LOG_STR("container", key.container_id), LOG_STR("ifname", key.ifname),
                 LOG_INT("ms", clock_boottime_ms() - call->now_ms));
        parked_serve(call->rpc);
        lease_wake(call->rpc);
        return 0;
}

int handle_check(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_check_request *check = request;
        struct lease_key key = LEASE_KEY(check);
        struct ipam_check_reply *ret = reply;
        struct lease lease;
        int r;

        key.host_ifname = check->host_ifname;
        r = store_lease_get(call->rpc->options.store, &key, call->arena, &lease, err);

        if (r == 0)
                r = check_addresses(check->addresses, check->n_addresses, lease.address, err);
        if (r == -ERR_NOT_FOUND)
                call->error = lease_not_found(&key);
        if (r < 0)
                return r;
        ret->state = wire_lease_state(lease.state);
        ret->addresses = lease_addresses(call->rpc, &lease, call->arena, &ret->n_addresses);
        return 0;
}

static int compare_attachments(const void *a, const void *b)
{
        const struct ipam_attachment *left = a, *right = b;
        int order = strcmp(left->container_id, right->container_id);

        return order ? order : strcmp(left->ifname, right->ifname);
}

int handle_gc(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_gc_request *gc = request;
        struct ipam_gc_reply *ret = reply;
        struct ipam_attachment *alive = ARENA_ARRAY(call->arena, struct ipam_attachment, gc->n_attachments);
        struct lease *leases;
        size_t n;

        if (gc->n_attachments)
                memcpy(alive, gc->attachments, gc->n_attachments * sizeof(*alive));
        qsort(alive, gc->n_attachments, sizeof(*alive), compare_attachments);
        if (store_leases(call->rpc->options.store, gc->network, call->arena, &leases, &n, err) < 0)
                return -ERR_INTERNAL;
        ret->released = ARENA_ARRAY(call->arena, struct ipam_released, n);
        for (size_t i = 0; i < n; i++) {
                const struct ipam_attachment key = {leases[i].key.container_id, leases[i].key.ifname};
                struct ip *address;
                bool released;

                if (bsearch(&key, alive, gc->n_attachments, sizeof(key), compare_attachments))
                        continue;
                address = ARENA_NEW(call->arena, struct ip);
                if (store_lease_release(call->rpc->options.store, &leases[i].key, LEASE_END_GC, call->now_ms,
                                        &released, address, err) < 0)
                        return -ERR_INTERNAL;
                if (released)
                        ret->released[ret->n_released++] =
                                (struct ipam_released){key.container_id, key.ifname, address, 1};
        }
        if (ret->n_released) {
                log_info("gc", LOG_STR("network", gc->network), LOG_INT("released", ret->n_released));
                parked_serve(call->rpc);
                lease_wake(call->rpc);
        }
        return 0;
}
