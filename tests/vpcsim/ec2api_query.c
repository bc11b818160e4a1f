// SPDX-License-Identifier: Apache-2.0
/* What all Describe actions have in common: ids, filters, pages. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ec2api_request.h"

enum { MAX_FILTERS = 200, TOKEN_DIGITS = 32 };

/* FNV-1a over the action and the place: a token of another action, or a made-up one, is told apart. */
static uint64_t token_sum(const struct ec2api_request *request, int64_t next)
{
        uint64_t sum = UINT64_C(0xcbf29ce484222325);
        const char *text = arena_printf(request->arena, "%s %" PRId64 " page", request->action, next);

        for (; *text; text++)
                sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
        return sum;
}

/* Opaque, as EC2's are: the place is hidden under the sum that vouches for it. */
const char *ec2api_page_token(const struct ec2api_request *request, int64_t next)
{
        uint64_t sum = token_sum(request, next);

        return arena_printf(request->arena, "%016" PRIx64 "%016" PRIx64, (uint64_t)next ^ sum, sum);
}

static int read_token(const struct ec2api_request *request, const char *token, int64_t *ret, struct err *err)
{
        size_t n = strspn(token, "0123456789abcdef");
        uint64_t masked, sum;

        if (n != TOKEN_DIGITS || token[n])
                return world_refuse(request->world, err, "InvalidNextToken",
                                    "The specified NextToken is not valid.");
        masked = strtoull(arena_printf(request->arena, "%.*s", TOKEN_DIGITS / 2, token), NULL, 16);
        sum = strtoull(token + TOKEN_DIGITS / 2, NULL, 16);
        if (token_sum(request, (int64_t)(masked ^ sum)) != sum)
                return world_refuse(request->world, err, "InvalidNextToken",
                                    "The specified NextToken is not valid.");
        *ret = (int64_t)(masked ^ sum);
        return 0;
}

static int read_page(const struct ec2api_request *request, const char *id_name, struct world_query *query,
                     struct err *err)
{
        const char *token = ec2api_text(request, "NextToken");
        int r;

        query->limit = EC2API_MAX_RESULTS;
        r = ec2api_number(request, "MaxResults", EC2API_MIN_RESULTS, EC2API_MAX_RESULTS, &query->limit, err);
        if (r < 0)
                return r;
        if (query->limit > world_page_items(request->world))
                query->limit = world_page_items(request->world);
        if (ec2api_text(request, "MaxResults") && query->n_ids > 0)
                return world_refuse(request->world, err, "InvalidParameterCombination",
                                    "The parameter %s cannot be used with the parameter MaxResults", id_name);
        return token && *token ? read_token(request, token, &query->after, err) : 0;
}

int ec2api_query(const struct ec2api_request *request, const char *id_name, struct world_query *ret,
                 struct err *err)
{
        struct world_filter *filters = ARENA_ARRAY(request->arena, struct world_filter, MAX_FILTERS);
        struct world_query query = {0};
        int r;

        query.n_ids = ec2api_list(request, id_name, &query.ids);
        while (query.n_filters < MAX_FILTERS) {
                const char *prefix = arena_printf(request->arena, "Filter.%zu", query.n_filters + 1);
                struct world_filter *filter = &filters[query.n_filters];

                filter->name = ec2api_text(request, arena_printf(request->arena, "%s.Name", prefix));
                if (!filter->name)
                        break;
                filter->n_values = ec2api_list(request, arena_printf(request->arena, "%s.Value", prefix),
                                               &filter->values);
                query.n_filters++;
        }
        query.filters = filters;
        r = read_page(request, id_name, &query, err);
        if (r < 0)
                return r;
        *ret = query;
        return 0;
}
