// SPDX-License-Identifier: Apache-2.0
/*
 * Which link is an ENI's. EC2 says its MAC, and a MAC is no identity: what lies on top of the ENI's link has it too, and anybody
 * can give it to a link of his own. Of those that have it the one that can be hardware is the ENI's.
 */
#ifndef VPCWIRE_ENI_LINK_H
#define VPCWIRE_ENI_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "link.h"

struct eni_link {
        const struct link_info *link;        /* NULL: it is not here, or nobody can tell which it is */
        const struct link_info *one, *other; /* two that are equally good; NULL: there are no two */
};

/* Whether a link is known to be something else; NULL: none is. */
typedef bool (*eni_link_excluded_fn)(const struct link_info *link, const void *arg);

struct eni_link eni_link_find(const struct link_info *links, size_t n, struct mac mac,
                              eni_link_excluded_fn excluded, const void *arg);

#endif
