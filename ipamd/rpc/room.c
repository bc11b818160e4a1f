// SPDX-License-Identifier: Apache-2.0
#include "rpc/room.h"

#include <vpcwire/clock.h>

#include "model/words.h"
#include "rpc/wire.h"

static unsigned in_use(const struct pool_facts *facts)
{
        return facts->counts.leased + facts->counts.lost;
}

bool room_at_limit(const struct pool_facts *facts)
{
        return facts->limit && in_use(facts) >= facts->limit;
}

static const char *limit_text(const struct pool_facts *facts, struct arena *arena)
{
        switch (facts->limited_by) {
        case POOL_LIMIT_MAX_ENI: return arena_printf(arena, "the limit of MAX_ENI=%u", facts->limit_value);
        case POOL_LIMIT_MAX_PODS:
                return arena_printf(arena, "the limit of VPCWIRE_MAX_PODS=%u", facts->limit_value);
        case POOL_LIMIT_TYPE: break;
        }
        return arena_printf(arena, "%s's limit", facts->instance_type ?: "this instance type");
}

const char *room_counts_text(const struct pool_facts *facts, struct arena *arena)
{
        unsigned n = in_use(facts);

        if (room_at_limit(facts))
                return arena_printf(arena, "%u of %u in use, %s", n, facts->limit, limit_text(facts, arena));
        if (facts->limit)
                return arena_printf(arena, "%u of at most %u in use", n, facts->limit);
        return arena_printf(arena, "%u in use", n);
}

static const struct condition *find_kind(const struct pool_facts *facts, enum condition_kind kind)
{
        for (size_t i = 0; i < facts->n_blocked; i++)
                if (facts->blocked[i].kind == kind && !facts_is_over(facts, &facts->blocked[i]))
                        return &facts->blocked[i];
        return NULL;
}

/* The calls that addresses come by, the likeliest first. */
static const enum condition_kind calls[] = {CONDITION_ASSIGN,   CONDITION_CREATE, CONDITION_ATTACH,
                                            CONDITION_RECREATE, CONDITION_MARK,   CONDITION_RESYNC};

static const struct condition *find_call(const struct pool_facts *facts)
{
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                const struct condition *condition = find_kind(facts, calls[i]);

                if (condition)
                        return condition;
        }
        return NULL;
}

/* The planner's own word ends when the call's time has come; the call's stands while it is tried again. */
static const struct condition *find_tried_again(const struct pool_facts *facts)
{
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                for (size_t k = 0; k < facts->n_blocked; k++) {
                        const struct condition *condition = &facts->blocked[k];

                        if (condition->kind == calls[i] && facts_is_due(facts, condition) &&
                            !facts_is_over(facts, condition))
                                return condition;
                }
        return NULL;
}

bool room_is_of_a_call(const struct condition *planner)
{
        return planner->cause == CAUSE_ASSIGN_BLOCKED || planner->cause == CAUSE_CREATE_BLOCKED ||
               planner->cause == CAUSE_NODE_UNKNOWN;
}

const struct condition *room_stopped_by(const struct pool_facts *facts)
{
        const struct condition *planner = find_kind(facts, CONDITION_GROW);

        if (!planner)
                return find_kind(facts, CONDITION_RESYNC)
                               ?: find_kind(facts, CONDITION_STEP_PLAN) ?: find_tried_again(facts);
        if (room_is_of_a_call(planner))
                return find_call(facts) ?: planner;
        if (planner->cause == CAUSE_UNDER_WAY || planner->cause == CAUSE_COOLING ||
            planner->cause == CAUSE_ENI_LEAVING)
                return NULL; /* it passes by itself */
        return planner;
}

const char *room_tried_text(const struct pool_facts *facts, const struct condition *condition,
                            const char *what, struct arena *arena)
{
        char span[CLOCK_SPAN_BYTES];

        if (!condition->attempts)
                return what;
        if (facts_is_due(facts, condition))
                return arena_printf(arena, "%s, retrying now", what);
        return arena_printf(arena, "%s, next try in %s", what,
                            clock_until_format(condition->retry_at_ms - facts->now_ms, span));
}

const char *room_cooling_text(const struct pool_facts *facts, struct arena *arena)
{
        char span[CLOCK_SPAN_BYTES];

        if (!facts->counts.cooling)
                return NULL;
        return arena_printf(arena, "%u cooling, next free in %s", facts->counts.cooling,
                            clock_until_format(facts->counts.next_cooled_ms - facts->now_ms, span));
}

static const char *coming_text(const struct pool_facts *facts, struct arena *arena)
{
        unsigned coming = facts->counts.preparing + facts->counts.unready;

        if (coming)
                return arena_printf(arena, "%u being prepared", coming);
        return room_cooling_text(facts, arena) ?: "more are assigned when a pod needs one";
}

/* What has no remedy passes by itself, and throttling most of the time. */
static bool passes(const struct condition *by, const struct condition_words *words)
{
        return !words->remedy || by->cause == CAUSE_THROTTLED;
}

static void set_stopped(const struct pool_facts *facts, const struct condition *by, struct arena *arena,
                        struct room *ret)
{
        const struct condition_words words = condition_words(by, arena);
        bool soon = passes(by, &words);

        ret->state = soon ? IPAM_ROOM_STATE_SOON : IPAM_ROOM_STATE_NONE;
        ret->cause = wire_cause(by->cause);
        ret->remedy = words.remedy;
        ret->summary =
                arena_printf(arena, "%s, %s; %s", soon ? "soon" : "none", room_counts_text(facts, arena),
                             room_tried_text(facts, by, words.what, arena));
}

static void set_at_limit(const struct pool_facts *facts, struct arena *arena, struct room *ret)
{
        const struct condition limit = {.kind = CONDITION_GROW,
                                        .object = "",
                                        .cause = facts->limited_by == POOL_LIMIT_MAX_PODS ? CAUSE_POD_LIMIT
                                                                                          : CAUSE_ENI_LIMIT,
                                        .message = ""};

        ret->state = IPAM_ROOM_STATE_NONE;
        ret->cause = wire_cause(limit.cause);
        ret->remedy = condition_words(&limit, arena).remedy;
        ret->summary = arena_printf(arena, "none, %s", room_counts_text(facts, arena));
}

void room_of(const struct pool_facts *facts, struct arena *arena, struct room *ret)
{
        const struct store_counts *counts = &facts->counts;
        const struct condition *stopped_by = room_stopped_by(facts);

        *ret = (struct room){.state = IPAM_ROOM_STATE_SOON};
        if (facts->unwritable) {
                ret->state = IPAM_ROOM_STATE_NONE;
                ret->summary = arena_printf(arena, "none, %s", facts->unwritable);
        } else if (!facts->set_up) {
                ret->summary = "soon, the node's network is not set up yet";
        } else if (counts->free) {
                ret->state = IPAM_ROOM_STATE_AVAILABLE;
                ret->summary =
                        arena_printf(arena, "%u free, %s", counts->free, room_counts_text(facts, arena));
        } else if (room_at_limit(facts)) {
                set_at_limit(facts, arena, ret);
        } else if (!counts->cooling && !counts->preparing && !counts->unready && stopped_by) {
                set_stopped(facts, stopped_by, arena, ret);
        } else {
                ret->summary = arena_printf(arena, "soon, %s; %s", room_counts_text(facts, arena),
                                            coming_text(facts, arena));
        }
}
