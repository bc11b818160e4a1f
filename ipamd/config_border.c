// SPDX-License-Identifier: Apache-2.0
/* Values of the settings on connections that cross the VPC's border: lists of CIDRs, the mark, how ports are chosen. */
#include "config_border.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
        CIDR_BYTES_MAX = 32,
        KUBE_PROXY_MARKS = 0xc000, /* "masquerade" and "drop" */
        PORTMAP_MARK = 0x2000,     /* masquerade */
};

/* aws-vpc-cni's names. */
static const char *const snat_ports_names[] = {
        [NODE_SNAT_PORTS_PRNG] = "prng",
        [NODE_SNAT_PORTS_HASH] = "hashrandom",
        [NODE_SNAT_PORTS_KEEP] = "none",
};

static int take_cidr(struct node_cidrs *cidrs, const char *text, size_t n, struct err *err)
{
        char copy[CIDR_BYTES_MAX] = "";
        struct prefix prefix = {0};

        if (n < sizeof(copy))
                memcpy(copy, text, n);
        if (prefix_parse(copy, &prefix, NULL) < 0 || prefix.ip.family != AF_INET)
                return err_set(err, ERR_INVALID,
                               "'%.*s' is not allowed: IPv4 CIDRs with commas in between, 10.0.0.0/8,...",
                               (int)(n < CIDR_BYTES_MAX ? n : CIDR_BYTES_MAX), text);
        prefix = prefix_network(prefix);
        for (size_t i = 0; i < cidrs->n; i++) {
                if (prefix_equal(cidrs->list[i], prefix))
                        return 0;
        }
        if (cidrs->n == NODE_CIDRS_MAX)
                return err_set(err, ERR_INVALID, "too many: %d CIDRs are allowed", NODE_CIDRS_MAX);
        cidrs->list[cidrs->n++] = prefix;
        return 0;
}

int config_take_cidrs(const char *value, struct node_cidrs *ret, struct err *err)
{
        struct node_cidrs cidrs = {0};
        const char *at = value;

        while (*value) { /* an empty value is an empty list: so a node's file takes the cluster's back */
                size_t n;
                int e;

                at += strspn(at, " \t");
                n = strcspn(at, ",");
                while (n && isspace((unsigned char)at[n - 1]))
                        n--;
                e = take_cidr(&cidrs, at, n, err);
                if (e < 0)
                        return e;
                at += strcspn(at, ",");
                if (!*at)
                        break;
                at++;
        }
        *ret = cidrs;
        return 0;
}

int config_take_mark(const char *value, uint32_t *ret, struct err *err)
{
        const unsigned taken = NODE_MARK_ENI_MASK | KUBE_PROXY_MARKS | PORTMAP_MARK;
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

int config_take_snat_ports(const char *value, enum node_snat_ports *ret, struct err *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(snat_ports_names); i++) {
                if (strcmp(value, snat_ports_names[i]) == 0) {
                        *ret = (enum node_snat_ports)i;
                        return 0;
                }
        }
        return err_set(err, ERR_INVALID, "'%.64s' is not allowed: prng, hashrandom or none", value);
}

bool config_cidrs_equal(const struct node_cidrs *a, const struct node_cidrs *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                if (!prefix_equal(a->list[i], b->list[i]))
                        return false;
        }
        return true;
}

const char *config_snat_ports_to_string(enum node_snat_ports ports)
{
        return snat_ports_names[ports];
}
