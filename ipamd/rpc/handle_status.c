// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "model/egress.h"
#include "model/words.h"
#include "rpc/handlers.h"
#include "rpc/handover.h"
#include "rpc/lease.h"
#include "rpc/reason.h"
#include "rpc/room.h"
#include "rpc/server.h"
#include "rpc/status.h"
#include "rpc/stored.h"
#include "rpc/wire.h"
#include "store/subnets.h"

static void add_blocked(struct ipam_status_reply *status, const struct pool_facts *facts, struct arena *arena)
{
        int64_t wall_minus_boot_ms = clock_wall_minus_boottime_ms();

        status->blocked = ARENA_ARRAY(arena, struct ipam_blocked, facts->n_blocked);
        for (size_t i = 0; i < facts->n_blocked; i++) {
                const struct condition *blocked = &facts->blocked[i];
                const struct condition_words words = condition_words(blocked, arena);

                if (facts_is_over(facts, blocked))
                        continue;
                status->blocked[status->n_blocked++] = (struct ipam_blocked){
                        .action = condition_kind_to_string(blocked->kind),
                        .subject = blocked->object,
                        .reason = words.what,
                        .until_ms = blocked->attempts ? blocked->retry_at_ms + wall_minus_boot_ms : 0,
                        .kind = wire_kind(blocked->kind),
                        .cause = wire_cause(blocked->cause),
                        .remedy = words.remedy,
                        .detail = words.detail,
                };
        }
}

static void add_warnings(struct ipam_status_reply *status, const struct rpc *rpc,
                         const struct pool_facts *facts, struct arena *arena)
{
        const struct rpc_settings *settings = &rpc->settings;

        status->warnings =
                ARENA_ARRAY(arena, struct ipam_warning, 1 + facts->n_warnings + settings->n_warnings);
        if (rpc->held_since_wall_ms)
                status->warnings[status->n_warnings++] =
                        (struct ipam_warning){.subject = "new pods", .reason = handover_reason(rpc, arena)};
        for (size_t i = 0; i < facts->n_warnings; i++) {
                const struct condition *warning = &facts->warnings[i];
                const struct condition_words words = condition_words(warning, arena);

                if (!facts_is_over(facts, warning))
                        status->warnings[status->n_warnings++] =
                                (struct ipam_warning){.subject = warning->object,
                                                      .reason = words.what,
                                                      .kind = wire_kind(warning->kind),
                                                      .cause = wire_cause(warning->cause),
                                                      .remedy = words.remedy};
        }
        for (size_t i = 0; i < settings->n_warnings; i++)
                status->warnings[status->n_warnings++] = settings->warnings[i];
}

/* For people alone: that it cannot be read fails nothing else. */
static void add_subnets(struct ipam_status_reply *status, struct store *store, struct arena *arena)
{
        const struct subnet_count *counts;
        struct err err;
        size_t n;

        if (store_subnets(store, arena, &counts, &n, &err) < 0) {
                log_warn("free addresses of the subnets not read", LOG_ERR(&err));
                return;
        }
        status->subnets = ARENA_ARRAY(arena, struct ipam_subnet, n);
        status->n_subnets = n;
        for (size_t i = 0; i < n; i++)
                status->subnets[i] = (struct ipam_subnet){.subnet_id = counts[i].id,
                                                          .cidr = counts[i].cidr,
                                                          .available = counts[i].available,
                                                          .seen_at_ms = counts[i].seen_wall_ms};
}

/*
 * Ready means that the daemon can serve. A full pool is a state of the node that no restart and no rollout mends; and runtimes
 * make a NotReady node of one that is not ready, whose pods are evicted in the end. Room is a question of its own.
 */
static bool is_ready(const struct pool_facts *facts)
{
        return facts->set_up && !facts->unwritable;
}

static bool is_short(const struct pool_facts *facts)
{
        return is_ready(facts) && facts->counts.waiting && facts->counts.free == 0;
}

bool rpc_is_ready(struct rpc *rpc)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct pool_facts facts;

        return status_facts(rpc, clock_boottime_ms(), arena, &facts, NULL) == 0 && is_ready(&facts);
}

static void add_health(struct ipam_status_reply *status, const struct rpc *rpc,
                       const struct pool_facts *facts, struct arena *arena)
{
        char *reason = arena_alloc(arena, REASON_BYTES, 1);
        struct room room;

        reason_no_address(facts, reason);
        status->set_up = facts->set_up;
        status->ready = is_ready(facts);
        if (!status->ready)
                status->reason = reason;
        if (is_short(facts))
                status->waiting_reason = reason;
        room_of(facts, arena, &room);
        status->room = room.state;
        status->room_summary = room.summary;
        status->room_cause = room.cause;
        status->room_remedy = room.remedy;
        status->addresses_limit = facts->limit;
        if (facts->counts.lost)
                status->impaired_reason =
                        arena_printf(arena, "%u running pod%s addresses that EC2 no longer assigns here",
                                     facts->counts.lost, facts->counts.lost == 1 ? " has" : "s have");
        if (facts->counts.cut_off)
                status->impaired_reason = arena_printf(
                        arena, "%u running pod%s no network: the link of %s ENI is gone from the node",
                        facts->counts.cut_off, facts->counts.cut_off == 1 ? " has" : "s have",
                        facts->counts.cut_off == 1 ? "its" : "their");
        if (rpc->impaired)
                status->impaired_reason = rpc->impaired;
        status->impaired = status->impaired_reason;
}

/* On the wire the number says whether there is one. */
static struct ipam_targets targets_of(const struct rpc_settings *settings)
{
        const struct pool_targets *targets = &settings->targets;

        return (struct ipam_targets){.warm_eni = targets->warm_eni,
                                     .warm_ip = targets->has_warm_ip ? (int64_t)targets->warm_ip : -1,
                                     .minimum_ip =
                                             targets->has_minimum_ip ? (int64_t)targets->minimum_ip : -1,
                                     .max_eni = targets->max_eni ? (int64_t)targets->max_eni : -1,
                                     .max_pods = targets->max_pods ? (int64_t)targets->max_pods : -1,
                                     .cooldown_ms = settings->cooldown_ms};
}

int rpc_status(struct rpc *rpc, struct arena *arena, struct ipam_status_reply *ret, struct err *err)
{
        struct pool_facts facts;

        if (status_facts(rpc, clock_boottime_ms(), arena, &facts, err) < 0)
                return -ERR_INTERNAL;
        *ret = (struct ipam_status_reply){
                .version = rpc->options.version,
                .booted_ms = rpc->booted_wall_ms,
                .started_ms = rpc->started_wall_ms,
                .node = rpc->node.node,
                .pool = stored_pool(&facts.counts),
                .targets = targets_of(&rpc->settings),
                .enis = facts.counts.enis,
                .max_enis = rpc->node.max_enis,
                .addresses_per_eni = rpc->node.addresses_per_eni,
                .connmark = rpc->settings.egress ? rpc->settings.egress->mark : 0,
        };
        ret->node.name = rpc->settings.node_name;
        add_blocked(ret, &facts, arena);
        add_health(ret, rpc, &facts, arena);
        add_warnings(ret, rpc, &facts, arena);
        add_subnets(ret, rpc->options.store, arena);
        return 0;
}

int handle_status(struct method_call *call, const void *request _unused_, void *reply, struct err *err)
{
        return rpc_status(call->rpc, call->arena, reply, err);
}

static const char *or_null(const char *text)
{
        return text && text[0] ? text : NULL;
}

/* On the wall clock, as peers read it. */
void rpc_list_waiting(const struct rpc *rpc, struct arena *arena, struct ipam_list_reply *list)
{
        int64_t wall_minus_boot_ms = clock_wall_minus_boottime_ms();

        list->waiting = ARENA_ARRAY(arena, struct ipam_waiting, rpc->n_parked);
        for (const struct parked *p = rpc->parked_first; p && list->n_waiting < IPAM_WAITING_MAX; p = p->next)
                list->waiting[list->n_waiting++] = (struct ipam_waiting){
                        .network = p->request.network,
                        .container_id = p->request.container_id,
                        .ifname = p->request.ifname,
                        .pod_namespace = or_null(p->request.pod_namespace),
                        .pod_name = or_null(p->request.pod_name),
                        .since_ms = p->since_ms + wall_minus_boot_ms,
                        .deadline_ms = p->deadline_ms + wall_minus_boot_ms,
                };
}

int handle_list(struct method_call *call, const void *request _unused_, void *reply, struct err *err)
{
        const struct stored_node node = lease_node(call->rpc);

        if (stored_list(call->rpc->options.store, &node, call->now_ms, call->arena, reply, err) < 0)
                return -ERR_INTERNAL;
        rpc_list_waiting(call->rpc, call->arena, reply);
        return 0;
}
