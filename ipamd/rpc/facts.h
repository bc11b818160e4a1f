// SPDX-License-Identifier: Apache-2.0
/* What Status and refusals are made of. */
#ifndef IPAMD_RPC_FACTS_H
#define IPAMD_RPC_FACTS_H

#include "store/store.h"

/* What bounds the addresses for pods. */
enum pool_limit {
        POOL_LIMIT_TYPE, /* the instance type */
        POOL_LIMIT_MAX_ENI,
        POOL_LIMIT_MAX_PODS,
};

struct pool_facts {
        struct store_counts counts;
        const struct condition *blocked;
        size_t n_blocked;
        const struct condition *warnings; /* stop nothing */
        size_t n_warnings;
        unsigned limit; /* addresses that pods can have at the most; 0: not known */
        enum pool_limit limited_by;
        unsigned limit_value;      /* of the setting that it is by */
        const char *instance_type; /* NULL: not known */
        bool set_up;               /* the primary ENI is known and was ready once */
        const char *unwritable;    /* why nothing can be written into the database; NULL: it can */
        int64_t now_ms, looked_ms; /* rpc_options.looked_ms */
};

static inline bool facts_is_due(const struct pool_facts *facts, const struct condition *condition)
{
        return condition->retry_at_ms <= facts->now_ms;
}

static inline bool facts_is_over(const struct pool_facts *facts, const struct condition *condition)
{
        return condition_is_over(condition, facts->now_ms, facts->looked_ms);
}

#endif
