// SPDX-License-Identifier: Apache-2.0
#include "rpc/reason.h"

#include <assert.h>
#include <string.h>

#include <vpcwire/ipam.h>
#include <vpcwire/mem.h>

#include "model/words.h"
#include "rpc/room.h"

static_assert(REASON_BYTES == IPAM_REASON_BYTES_MAX + 1, "as on the wire");

/* The remedy is worth more than what else there is to say: its place is kept. */
struct sentence {
        char *text;
        size_t kept;
};

/* A clause that has no room is left out as a whole. */
static void add(struct sentence *sentence, const char *clause)
{
        size_t used = strlen(sentence->text), length = strlen(clause);
        const char *separator = used ? "; " : "";

        if (used + strlen(separator) + length + sentence->kept >= REASON_BYTES)
                return;
        memcpy(sentence->text + used, separator, strlen(separator));
        memcpy(sentence->text + used + strlen(separator), clause, length + 1);
}

/* The counts say it already; or it says only that a call is delayed, which has a clause of its own. */
static bool is_said_otherwise(const struct pool_facts *facts, const struct condition *condition)
{
        if (condition->kind != CONDITION_GROW)
                return false;
        if (condition->cause == CAUSE_ENI_LIMIT || condition->cause == CAUSE_POD_LIMIT)
                return room_at_limit(facts);
        if (room_is_of_a_call(condition))
                return room_stopped_by(facts) != condition;
        return condition->cause == CAUSE_COOLING;
}

struct said {
        const char *clauses[REASON_BLOCKED_MAX];
        size_t n;
};

/* One thing stops several calls at times: a full subnet both new ENIs and more addresses. What reads the same is said once. */
static void say(struct said *said, const struct pool_facts *facts, const struct condition *condition,
                struct arena *arena, struct sentence *sentence)
{
        const struct condition_words words = condition_words(condition, arena);

        for (size_t i = 0; i < said->n; i++)
                if (strcmp(said->clauses[i], words.what) == 0)
                        return;
        if (said->n == REASON_BLOCKED_MAX)
                return;
        said->clauses[said->n++] = words.what;
        add(sentence, room_tried_text(facts, condition, words.what, arena));
}

static void add_coming(const struct pool_facts *facts, struct arena *arena, struct sentence *sentence)
{
        const struct store_counts *counts = &facts->counts;
        unsigned coming = counts->preparing + counts->unready;

        if (counts->cooling)
                add(sentence, room_cooling_text(facts, arena));
        if (coming)
                add(sentence, arena_printf(arena, "%u being prepared", coming));
        if (counts->waiting > 1)
                add(sentence, arena_printf(arena, "%u pods wait", counts->waiting));
}

static const char *head_text(const struct pool_facts *facts, struct arena *arena)
{
        if (facts->unwritable)
                return facts->unwritable;
        if (!facts->set_up)
                return "the node's network is not set up yet";
        if (facts->counts.total == 0)
                return "no free address: the node has no addresses yet";
        return arena_printf(arena, "no free address: %s", room_counts_text(facts, arena));
}

/* Of the first condition that has one; else the room's own. */
static const char *remedy_of(const struct pool_facts *facts, struct arena *arena)
{
        struct room room;

        for (size_t i = 0; i < facts->n_blocked; i++) {
                const struct condition *condition = &facts->blocked[i];
                const char *remedy = condition_words(condition, arena).remedy;

                if (remedy && !facts_is_over(facts, condition) && !is_said_otherwise(facts, condition))
                        return remedy;
        }
        room_of(facts, arena, &room);
        return room.remedy;
}

void reason_no_address(const struct pool_facts *facts, char ret[static REASON_BYTES])
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *remedy = remedy_of(facts, arena);
        const char *fix = remedy ? arena_printf(arena, "fix: %s", remedy) : NULL;
        struct sentence sentence = {.text = ret, .kept = fix ? strlen("; ") + strlen(fix) : 0};
        struct said said = {0};

        ret[0] = '\0';
        add(&sentence, head_text(facts, arena));
        for (size_t i = 0; i < facts->n_blocked; i++) {
                const struct condition *condition = &facts->blocked[i];

                if (!facts_is_over(facts, condition) && !is_said_otherwise(facts, condition))
                        say(&said, facts, condition, arena, &sentence);
        }
        add_coming(facts, arena, &sentence);
        sentence.kept = 0;
        if (fix)
                add(&sentence, fix);
        /* Else "next try in 21m" reads as "no pod for 21 minutes". */
        if (said.n && facts->set_up && !facts->unwritable)
                add(&sentence, "an address that another pod releases is used at once");
}
