// SPDX-License-Identifier: Apache-2.0
#include "rpc/reason.h"

#include <assert.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/ipam.h>
#include <vpcwire/mem.h>

#include "model/words.h"
#include "rpc/room.h"

static_assert(REASON_BYTES == IPAM_REASON_BYTES_MAX + 1, "as on the wire");

/* A clause that has no room is left out as a whole. */
static void add(char *text, const char *clause)
{
        size_t used = strlen(text), length = strlen(clause);
        const char *separator = used ? "; " : "";

        if (used + strlen(separator) + length >= REASON_BYTES)
                return;
        memcpy(text + used, separator, strlen(separator));
        memcpy(text + used + strlen(separator), clause, length + 1);
}

/* The counts say it already; or it says only that a call is put off, which has a clause of its own. */
static bool is_said_otherwise(const struct pool_facts *facts, const struct condition *condition)
{
        bool full = facts->limit && facts->counts.leased + facts->counts.lost >= facts->limit;

        if (condition->kind != CONDITION_GROW)
                return false;
        if (condition->cause == CAUSE_ENI_LIMIT || condition->cause == CAUSE_POD_LIMIT)
                return full;
        if (condition->cause == CAUSE_ASSIGN_BLOCKED || condition->cause == CAUSE_CREATE_BLOCKED ||
            condition->cause == CAUSE_NODE_UNKNOWN)
                return room_stopped_by(facts) != condition;
        return condition->cause == CAUSE_COOLING;
}

struct said {
        const char *clauses[REASON_BLOCKED_MAX];
        size_t n;
        const char *remedy; /* the first that there is */
};

/* One thing stops several calls at times: a full subnet both new ENIs and more addresses. What reads the same is said once. */
static void say(struct said *said, const struct pool_facts *facts, const struct condition *condition,
                struct arena *arena, char *text)
{
        const struct condition_words words = condition_words(condition, arena);
        char span[CLOCK_SPAN_BYTES];

        for (size_t i = 0; i < said->n; i++)
                if (strcmp(said->clauses[i], words.what) == 0)
                        return;
        if (said->n == REASON_BLOCKED_MAX)
                return;
        said->clauses[said->n++] = words.what;
        if (!said->remedy)
                said->remedy = words.remedy;
        add(text, condition->attempts
                          ? arena_printf(arena, "%s, next try in %s", words.what,
                                         clock_until_format(condition->retry_at_ms - facts->now_ms, span))
                          : words.what);
}

static void add_coming(const struct pool_facts *facts, struct arena *arena, char *text)
{
        const struct store_counts *counts = &facts->counts;
        unsigned coming = counts->preparing + counts->unready;
        char span[CLOCK_SPAN_BYTES];

        if (counts->cooling)
                add(text, arena_printf(arena, "%u cooling, next free in %s", counts->cooling,
                                       clock_until_format(counts->next_cooled_ms - facts->now_ms, span)));
        if (coming)
                add(text, arena_printf(arena, "%u being prepared", coming));
        if (counts->waiting > 1)
                add(text, arena_printf(arena, "%u requests wait", counts->waiting));
}

static void add_remedy(const struct pool_facts *facts, const struct said *said, struct arena *arena,
                       char *text)
{
        const char *remedy = said->remedy;
        struct room room;

        if (!remedy) {
                room_of(facts, arena, &room);
                remedy = room.remedy;
        }
        if (remedy)
                add(text, arena_printf(arena, "fix: %s", remedy));
}

void reason_no_address(const struct pool_facts *facts, char ret[static REASON_BYTES])
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct said said = {0};

        ret[0] = '\0';
        if (facts->unwritable)
                add(ret, facts->unwritable);
        else if (!facts->set_up)
                add(ret, "the node's network is not set up yet");
        else if (facts->counts.total == 0)
                add(ret, "no free address: the node has none yet");
        else
                add(ret, arena_printf(arena, "no free address: %s", room_counts_text(facts, arena)));
        for (size_t i = 0; i < facts->n_blocked; i++) {
                const struct condition *condition = &facts->blocked[i];

                if (!facts_is_over(facts, condition) && !is_said_otherwise(facts, condition))
                        say(&said, facts, condition, arena, ret);
        }
        add_coming(facts, arena, ret);
        add_remedy(facts, &said, arena, ret);
        /* Else "next try in 21m" reads as "no pod for 21 minutes". */
        if (said.n && facts->set_up && !facts->unwritable)
                add(ret, "an address that a pod frees is given at once");
}
