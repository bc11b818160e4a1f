// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/ipam.h>

#include "rpc/reason.h"

enum { SECOND_MS = 1000 };

static void add(char *text, const char *format, ...) _printf_(2, 3);
static void add(char *text, const char *format, ...)
{
        size_t used = strlen(text);
        va_list args;

        va_start(args, format);
        vsnprintf(text + used, REASON_BYTES - used, format, args);
        va_end(args);
}

/* Rounded up: "in 0 s" would be a lie. */
static long long seconds_until(int64_t at_ms, int64_t now_ms)
{
        return at_ms <= now_ms ? 1 : (long long)((at_ms - now_ms + SECOND_MS - 1) / SECOND_MS);
}

static bool is_over(const struct reason_facts *facts, size_t i)
{
        return facts->blocked[i].retry_at_ms <= facts->now_ms;
}

static bool is_planners(const struct reason_facts *facts, size_t i)
{
        return facts->blocked[i].kind == CONDITION_GROW;
}

/* Then it names the limit, and what cools down. */
static bool planner_speaks(const struct reason_facts *facts)
{
        for (size_t i = 0; i < facts->n_blocked; i++) {
                if (is_planners(facts, i) && !is_over(facts, i))
                        return true;
        }
        return false;
}

static void add_limit(const struct reason_facts *facts, char *text)
{
        bool known = facts->instance_type && facts->instance_type[0];

        if (!planner_speaks(facts))
                add(text, ", the most that %s%s can have", known ? "a " : "",
                    known ? facts->instance_type : "this node");
        else if (known)
                add(text, " of this %s", facts->instance_type);
}

static void add_counts(const struct reason_facts *facts, char *text)
{
        const struct store_counts *counts = &facts->counts;

        if (counts->total == 0)
                add(text, "no free address: the node has none yet");
        else
                add(text, "no free address: %u of %u leased", counts->leased, counts->total);
        if (counts->enis)
                add(text, " on %u ENI%s", counts->enis, counts->enis == 1 ? "" : "s");
        if (facts->max_enis && counts->enis >= facts->max_enis)
                add_limit(facts, text);
}

/* One thing stops several calls at times: a full subnet both new ENIs and more addresses. What reads the same is said once. */
static bool said_before(const struct reason_facts *facts, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (!is_over(facts, i) && strcmp(facts->blocked[i].message, facts->blocked[n].message) == 0)
                        return true;
        }
        return false;
}

static void add_cooling(const struct reason_facts *facts, char *text)
{
        const struct store_counts *counts = &facts->counts;
        long long next_s = seconds_until(counts->next_cooled_ms, facts->now_ms);

        if (counts->cooling && planner_speaks(facts))
                add(text, "; one that cools down is free in %lld s", next_s);
        else if (counts->cooling)
                add(text, "; %u address%s cooling, next free in %lld s", counts->cooling,
                    counts->cooling == 1 ? "" : "es", next_s);
}

void reason_no_address(const struct reason_facts *facts, char ret[static REASON_BYTES])
{
        const struct store_counts *counts = &facts->counts;
        size_t shown = 0;

        ret[0] = '\0';
        if (facts->unwritable)
                add(ret, "%s", facts->unwritable);
        else if (!facts->set_up)
                add(ret, "the node's network is not set up yet");
        else
                add_counts(facts, ret);
        for (size_t i = 0; i < facts->n_blocked && shown < REASON_BLOCKED_MAX; i++) {
                if (is_over(facts, i) || said_before(facts, i))
                        continue;
                add(ret, "; %s", facts->blocked[i].message);
                if (facts->blocked[i].attempts)
                        add(ret, " (next attempt in %lld s)",
                            seconds_until(facts->blocked[i].retry_at_ms, facts->now_ms));
                shown++;
        }
        /* Else "next attempt in 1290 s" reads as "no pod for 21 minutes". */
        if (shown && facts->set_up && !facts->unwritable)
                add(ret, "; an address that a pod frees is given at once");
        add_cooling(facts, ret);
        if (counts->preparing + counts->unready)
                add(ret, "; %u being prepared", counts->preparing + counts->unready);
        if (counts->waiting > 1)
                add(ret, "; %u requests wait", counts->waiting);
}
