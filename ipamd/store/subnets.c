// SPDX-License-Identifier: Apache-2.0
/* The counts as one fact: they are replaced as a whole. */
#include <string.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>

#include "store/notes.h"
#include "store/subnets.h"

static const char FACT_SUBNETS[] = "subnets";

struct counts {
        const struct subnet_count *subnets;
        size_t n_subnets;
};

static const struct jsonx_field count_fields[] = {
        JSONX_CHARS(struct subnet_count, id, "subnet_id", .flags = JSONX_REQUIRED),
        JSONX_FIELD(struct subnet_count, cidr, JSONX_PREFIX, .flags = JSONX_REQUIRED),
        JSONX_FIELD(struct subnet_count, available, JSONX_INT, .flags = JSONX_REQUIRED),
        JSONX_NAMED(struct subnet_count, seen_wall_ms, "seen_at_ms", JSONX_INT, .flags = JSONX_REQUIRED),
};
static const struct jsonx_schema count_schema = JSONX_SCHEMA(struct subnet_count, count_fields);

static const struct jsonx_field counts_fields[] = {
        JSONX_LIST(struct counts, subnets, JSONX_OBJECTS, .of = &count_schema, .limit = SUBNETS_COUNTED_MAX,
                   .flags = JSONX_REQUIRED),
};
static const struct jsonx_schema counts_schema = JSONX_SCHEMA(struct counts, counts_fields);

int store_subnets_set(struct store *store, const struct subnet_count *counts, size_t n, struct err *err)
{
        const struct counts all = {counts, n};
        _cleanup_json_ json_t *json = jsonx_encode(&counts_schema, &all);
        _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

        return store_fact_set(store, FACT_SUBNETS, text, err);
}

int store_subnets(struct store *store, struct arena *arena, const struct subnet_count **ret, size_t *ret_n,
                  struct err *err)
{
        _cleanup_json_ json_t *json = NULL;
        struct counts all = {0};
        const char *text;
        int r;

        *ret_n = 0;
        r = store_fact_get(store, FACT_SUBNETS, arena, &text, err);
        if (r < 0 || !text)
                return r;
        if (jsonx_parse(text, strlen(text), &json, err) < 0 ||
            jsonx_decode(json, &counts_schema, arena, &all, NULL, err) < 0)
                return err_wrap(err, "stored counts of subnets");
        *ret = all.subnets;
        *ret_n = all.n_subnets;
        return 0;
}
