// SPDX-License-Identifier: Apache-2.0
/*
 * What a request wants of one family: addresses or prefixes, named or so many. The names differ from action to action, and
 * EC2 takes one of these kinds in a request (API reference, CreateNetworkInterface; stricter than it has to be for Assign*,
 * of which the reference does not say it).
 */
#include "ec2api_actions.h"

enum { MAX_COUNT = UINT16_MAX };

static int refuse_text(const struct ec2api_request *request, const char *name, const char *text,
                       struct err *err)
{
        return world_refuse(request->world, err, "InvalidParameterValue",
                            "Value (%.128s) for parameter %s is invalid.", text, name);
}

/* NAME.1, NAME.2, ..., or NAME.1.MEMBER, ...: CIDRs of a family and a length; full: addresses without one. */
static int read_list(const struct ec2api_request *request, const char *name, const char *member, int family,
                     bool full, struct world_wish *wish, struct prefix *cidrs, struct err *err)
{
        for (size_t i = 1; i <= EC2API_MAX_LIST; i++) {
                const char *item =
                        arena_printf(request->arena, "%s.%zu%s%s", name, i, member ? "." : "", member ?: "");
                const char *text = ec2api_text(request, item);
                struct prefix *cidr = &cidrs[wish->n_cidrs];

                if (!text)
                        break;
                if (full ? ip_parse(text, &cidr->ip, NULL) < 0 : prefix_parse(text, cidr, NULL) < 0)
                        return refuse_text(request, item, text, err);
                if (full)
                        *cidr = prefix_host(cidr->ip);
                if (cidr->ip.family != family || (!full && cidr->bits == ip_max_bits(cidr->ip)))
                        return refuse_text(request, item, text, err);
                wish->n_cidrs++;
        }
        return 0;
}

static int refuse_mixture(const struct ec2api_request *request, const struct ec2api_wish_names *names,
                          struct err *err)
{
        if (names->family == AF_INET6)
                return world_refuse(request->world, err, "InvalidParameterValue",
                                    "You can and can only specify one of ipv6-addresses or"
                                    " ipv6-addresses-count  ipv6-prefix and ipv6-prefix-count.");
        return world_refuse(request->world, err, "InvalidParameterCombination",
                            "Only one of %s, %s, %s and %s may be specified", names->addresses,
                            names->address_count, names->prefixes, names->prefix_count);
}

int ec2api_wish(const struct ec2api_request *request, const struct ec2api_wish_names *names,
                struct world_wish *ret, struct err *err)
{
        struct prefix *cidrs = ARENA_ARRAY(request->arena, struct prefix, 2 * EC2API_MAX_LIST + 1);
        struct world_wish wish = {.cidrs = cidrs};
        size_t n_named;
        int r;

        r = read_list(request, names->addresses, names->address_member, names->family, true, &wish, cidrs,
                      err);
        if (r < 0)
                return r;
        n_named = wish.n_cidrs;
        r = read_list(request, names->prefixes, names->prefix_member, names->family, false, &wish, cidrs,
                      err);
        if (r == 0 && names->address_count)
                r = ec2api_number(request, names->address_count, names->least, MAX_COUNT, &wish.n_addresses,
                                  err);
        if (r == 0 && names->prefix_count)
                r = ec2api_number(request, names->prefix_count, names->least, MAX_COUNT, &wish.n_prefixes,
                                  err);
        if (r < 0)
                return r;
        if (names->address_count &&
            (n_named > 0) + (wish.n_cidrs > n_named) + (wish.n_addresses > 0) + (wish.n_prefixes > 0) > 1)
                return refuse_mixture(request, names, err);
        *ret = wish;
        return 0;
}
