// SPDX-License-Identifier: Apache-2.0
/* Values of the settings on connections that leave the VPC: lists of CIDRs, the mark, how ports are chosen. */
#include "config/egress.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/warn.h"

enum { CIDR_BYTES_MAX = 32, SKIPPED_SHOWN = 3 };

/* aws-vpc-cni's names. */
static const char *const snat_ports_names[] = {
        [SNAT_PORTS_PRNG] = "prng",
        [SNAT_PORTS_HASH] = "hashrandom",
        [SNAT_PORTS_KEEP] = "none",
};

static int add_cidr(struct cidrs *cidrs, struct prefix prefix, struct err *err)
{
        prefix = prefix_network(prefix);
        for (size_t i = 0; i < cidrs->n; i++) {
                if (prefix_equal(cidrs->list[i], prefix))
                        return 0;
        }
        if (cidrs->n == CIDRS_MAX)
                return err_set(err, ERR_INVALID, "too many: %d CIDRs are allowed", CIDRS_MAX);
        cidrs->list[cidrs->n++] = prefix;
        return 0;
}

static bool parse_cidr(const char *text, size_t n, struct prefix *ret)
{
        char copy[CIDR_BYTES_MAX] = "";

        if (n < sizeof(copy))
                memcpy(copy, text, n);
        return prefix_parse(copy, ret, NULL) == 0 && ret->ip.family == AF_INET;
}

int config_take_cidrs(struct config *config, const char *name, const char *value, struct cidrs *ret,
                      struct err *err)
{
        _cleanup_(text_done) struct text skipped = {0};
        struct cidrs cidrs = {0};
        const char *at = value;
        size_t n_skipped = 0;

        while (*value) { /* an empty value is an empty list: so a node's file takes the cluster's back */
                struct prefix prefix = {0};
                size_t n;

                at += strspn(at, " \t");
                n = strcspn(at, ",");
                while (n && isspace((unsigned char)at[n - 1]))
                        n--;
                if (parse_cidr(at, n, &prefix)) {
                        if (add_cidr(&cidrs, prefix, err) < 0)
                                return -ERR_INVALID;
                } else if (n_skipped++ < SKIPPED_SHOWN) {
                        text_add(&skipped, "%s'%.*s'", n_skipped > 1 ? ", " : "",
                                 (int)(n < CIDR_BYTES_MAX ? n : CIDR_BYTES_MAX), at);
                }
                at += strcspn(at, ",");
                if (!*at)
                        break;
                at++;
        }
        if (n_skipped)
                config_warn(config, name,
                            "%s%s left out: allowed are IPv4 CIDRs separated by commas, such as "
                            "10.0.0.0/8,192.168.0.0/16",
                            skipped.text, n_skipped > SKIPPED_SHOWN ? " and more are" : " is");
        *ret = cidrs;
        return 0;
}

int config_take_mark(const char *value, uint32_t *ret, struct err *err)
{
        const unsigned taken = CONFIG_MARK_TAKEN;
        unsigned long long mark = 0;
        char *end = NULL;

        errno = 0;
        if (isdigit((unsigned char)*value))
                mark = strtoull(value, &end, 0);
        if (!end || *end || errno || mark == 0 || mark > UINT32_MAX || mark & taken)
                return err_set(err, ERR_INVALID,
                               "'%.64s' is not allowed: 1..0xffffffff without the bits 0x%x, which are the "
                               "ENIs', portmap's and kube-proxy's",
                               value, taken);
        *ret = (uint32_t)mark;
        return 0;
}

void config_take_snat_ports(struct config *config, const char *name, const char *value, enum snat_ports *ret)
{
        *ret = SNAT_PORTS_PRNG;
        for (size_t i = 0; i < ARRAY_SIZE(snat_ports_names); i++) {
                if (strcmp(value, snat_ports_names[i]) == 0) {
                        *ret = (enum snat_ports)i;
                        return;
                }
        }
        config_warn(config, name,
                    "'%.64s' is not allowed, prng is used: prng, hashrandom or none are allowed", value);
}

bool config_cidrs_equal(const struct cidrs *a, const struct cidrs *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                if (!prefix_equal(a->list[i], b->list[i]))
                        return false;
        }
        return true;
}
