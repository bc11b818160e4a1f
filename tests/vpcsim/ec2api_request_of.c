// SPDX-License-Identifier: Apache-2.0
/*
 * What a request wants of one family: addresses or prefixes, named or so many. The names differ from action to action, and
 * EC2 takes one of these kinds in a request (API reference, CreateNetworkInterface; stricter than it has to be for Assign*,
 * of which the reference does not say it).
 */
#include "ec2api_actions.h"

enum { MAX_COUNT = UINT16_MAX };

/* NAME.1, NAME.2, ..., or NAME.1.MEMBER, ...: addresses, or prefixes. */
static int read_list(const struct ec2api_request *request, const struct ec2api_asked_names *names,
                     bool addresses, struct world_asked *requested, struct prefix *cidrs, struct err *err)
{
        const char *name = addresses ? names->addresses : names->prefixes,
                   *member = addresses ? names->address_member : names->prefix_member;

        for (size_t i = 1; i <= EC2API_MAX_LIST; i++) {
                const char *item =
                        arena_printf(request->arena, "%s.%zu%s%s", name, i, member ? "." : "", member ?: "");
                const char *text = ec2api_text(request, item);
                struct prefix cidr;

                if (!text)
                        break;
                if (addresses ? ip_parse(text, &cidr.ip, NULL) < 0 : prefix_parse(text, &cidr, NULL) < 0)
                        return ec2api_refuse_value(request, item, text, err);
                if (addresses)
                        cidr = prefix_host(cidr.ip);
                if (cidr.ip.family != names->family || (cidr.bits == ip_max_bits(cidr.ip)) != addresses)
                        return ec2api_refuse_value(request, item, text, err);
                cidrs[requested->n_cidrs++] = cidr;
        }
        return 0;
}

int ec2api_asked(const struct ec2api_request *request, const struct ec2api_asked_names *names,
                 struct world_asked *ret, struct err *err)
{
        struct prefix *cidrs = ARENA_ARRAY(request->arena, struct prefix, 2 * EC2API_MAX_LIST + 1);
        struct world_asked requested = {.cidrs = cidrs};
        int r;

        r = read_list(request, names, true, &requested, cidrs, err);
        if (r < 0)
                return r;
        r = read_list(request, names, false, &requested, cidrs, err);
        if (r == 0 && names->address_count)
                r = ec2api_number(request, names->address_count, names->least, MAX_COUNT,
                                  &requested.n_addresses, err);
        if (r == 0 && names->prefix_count)
                r = ec2api_number(request, names->prefix_count, names->least, MAX_COUNT,
                                  &requested.n_prefixes, err);
        if (r < 0)
                return r;
        *ret = requested;
        return 0;
}

int ec2api_asked_check(const struct ec2api_request *request, const struct ec2api_asked_names *names,
                       const struct world_asked *requested, struct err *err)
{
        size_t n_addresses = 0;

        for (size_t i = 0; i < requested->n_cidrs; i++)
                n_addresses += requested->cidrs[i].bits == ip_max_bits(requested->cidrs[i].ip);
        if ((n_addresses > 0) + (requested->n_cidrs > n_addresses) + (requested->n_addresses > 0) +
                    (requested->n_prefixes > 0) <=
            1)
                return 0;
        if (names->family == AF_INET6)
                return world_refuse(request->world, err, "InvalidParameterValue",
                                    "You can and can only specify one of ipv6-addresses or"
                                    " ipv6-addresses-count  ipv6-prefix and ipv6-prefix-count.");
        return world_refuse(request->world, err, "InvalidParameterCombination",
                            "Only one of %s, %s, %s and %s may be specified", names->addresses,
                            names->address_count, names->prefixes, names->prefix_count);
}
