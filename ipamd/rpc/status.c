// SPDX-License-Identifier: Apache-2.0
#include "rpc/status.h"

/* Written for the sake of writing. */
#define FACT_WRITTEN "written-ms"

/* The primary ENI is attached by definition: once its addresses were routed, the node can have pods. */
static bool is_set_up(const struct eni *enis, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (enis[i].primary && enis[i].state == ENI_READY)
                        return true;
        return false;
}

/* As aws-vpc-cni computes it: the places for ENIs less those that others' have, times the addresses of each. */
static void set_limit(const struct rpc *rpc, const struct eni *enis, size_t n_enis, struct pool_facts *facts)
{
        const struct pool_targets *targets = &rpc->settings.targets;
        int64_t places = rpc->node.max_enis, limit;

        facts->limited_by = POOL_LIMIT_TYPE;
        if (targets->max_eni && targets->max_eni < places) {
                facts->limited_by = POOL_LIMIT_MAX_ENI;
                places = facts->limit_value = targets->max_eni;
        }
        for (size_t i = 0; i < n_enis && places > 0; i++)
                places -= !enis[i].managed;
        limit = places * rpc->node.addresses_per_eni;
        if (limit && targets->max_pods && targets->max_pods < limit) {
                facts->limited_by = POOL_LIMIT_MAX_PODS;
                limit = facts->limit_value = targets->max_pods;
        }
        /* A limit that was lowered takes nothing away that is there. */
        facts->limit = limit && facts->counts.total > limit ? facts->counts.total : (unsigned)limit;
}

static void split(struct arena *arena, const struct condition *all, size_t n, struct pool_facts *facts)
{
        struct condition *blocked = ARENA_ARRAY(arena, struct condition, n);
        struct condition *warnings = ARENA_ARRAY(arena, struct condition, n);

        for (size_t i = 0; i < n; i++) {
                if (condition_class(all[i].kind) == CONDITION_CLASS_WARNING)
                        warnings[facts->n_warnings++] = all[i];
                else
                        blocked[facts->n_blocked++] = all[i];
        }
        facts->blocked = blocked;
        facts->warnings = warnings;
}

/* A full disk takes no lease; it stands until a write succeeds, because nobody sends ADDs to a node that is not ready. */
static const char *why_unwritable(struct rpc *rpc, int64_t now_ms, struct arena *arena)
{
        struct err err;

        if (!rpc->database_in_doubt)
                return NULL;
        if (store_fact_set(rpc->options.store, FACT_WRITTEN, arena_printf(arena, "%lld", (long long)now_ms),
                           &err) < 0)
                return arena_strdup(arena, err.msg);
        rpc->database_in_doubt = false;
        return NULL;
}

static int64_t read_looked_ms(const struct rpc_options *options, int64_t now_ms)
{
        return options->looked_ms ? options->looked_ms(options->looked_data) : now_ms;
}

int status_facts(struct rpc *rpc, int64_t now_ms, struct arena *arena, struct pool_facts *ret,
                 struct err *err)
{
        struct pool_facts facts = {
                .instance_type = rpc->node.node.instance_type,
                .now_ms = now_ms,
                /* before the conditions, which may only be newer */
                .looked_ms = read_looked_ms(&rpc->options, now_ms),
        };
        struct condition *conditions;
        struct eni *enis;
        size_t n_enis, n_conditions;

        if (store_counts(rpc->options.store, now_ms, &facts.counts, err) < 0 ||
            store_conditions(rpc->options.store, arena, &conditions, &n_conditions, err) < 0 ||
            store_enis(rpc->options.store, now_ms, arena, &enis, &n_enis, err) < 0)
                return -ERR_INTERNAL;
        split(arena, conditions, n_conditions, &facts);
        set_limit(rpc, enis, n_enis, &facts);
        facts.set_up = is_set_up(enis, n_enis);
        facts.unwritable = why_unwritable(rpc, now_ms, arena);
        *ret = facts;
        return 0;
}
