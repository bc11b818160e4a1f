// SPDX-License-Identifier: Apache-2.0
#include "serve/status.h"

/* The primary ENI is attached by definition: once its addresses were routed, the node can have pods. */
static bool is_set_up(const struct store_eni *enis, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (enis[i].primary && enis[i].state == ENI_READY)
                        return true;
        return false;
}

int status_facts(struct serve *serve, int64_t now_ms, struct arena *arena, struct reason_facts *ret,
                 struct err *err)
{
        struct reason_facts facts = {
                .max_enis = serve->node.max_enis,
                .instance_type = serve->node.node.instance_type,
                .now_ms = now_ms,
        };
        struct store_blocked *blocked;
        struct store_eni *enis;
        size_t n_enis;

        if (store_counts(serve->options.store, now_ms, &facts.counts, err) < 0 ||
            store_blocked(serve->options.store, arena, &blocked, &facts.n_blocked, err) < 0 ||
            store_enis(serve->options.store, now_ms, arena, &enis, &n_enis, err) < 0)
                return -ERR_INTERNAL;
        facts.blocked = blocked;
        facts.set_up = is_set_up(enis, n_enis);
        *ret = facts;
        return 0;
}
