// SPDX-License-Identifier: Apache-2.0
/*
 * The pods of the primary ENI leave by the main table, as the node itself does: a table of their own would cost every packet a
 * rule, and take the routes to the host's other networks from them. Others change that table, and then these pods lose what
 * the node may still reach. Here is what is wrong with it. Pure.
 */
#ifndef VPCWIRE_MAIN_TABLE_H
#define VPCWIRE_MAIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"
#include "route.h"

struct arena;

struct main_table {
        const struct route_info *routes; /* all of table main, as route_dump() sorts them */
        size_t n_routes;
        unsigned primary_ifindex; /* the primary ENI's link */
        const struct prefix *vpc_cidrs;
        size_t n_vpc_cidrs;
        const struct ip *pods; /* addresses of pods: a host route to one is its plugin's */
        size_t n_pods;
};

enum { MAIN_TABLE_FLAWS_MAX = 16 };

/*
 * Fills in routes (they point into the table) by which packets for the VPC, or for all the rest, leave otherwise than by the
 * primary ENI's link; returns how many, at most MAIN_TABLE_FLAWS_MAX. *ret_no_default: there is no default route at all.
 */
size_t main_table_flaws(const struct main_table *table,
                        const struct route_info *ret[static MAIN_TABLE_FLAWS_MAX], bool *ret_no_default);

#endif
