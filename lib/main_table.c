// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/main_table.h>

#include <sys/socket.h>

static bool overlap(struct prefix a, struct prefix b)
{
        return prefix_contains(a, b.ip) || prefix_contains(b, a.ip);
}

static bool concerns_vpc(const struct main_table *table, struct prefix dst)
{
        for (size_t i = 0; i < table->n_vpc_cidrs; i++) {
                if (table->vpc_cidrs[i].ip.family == dst.ip.family && overlap(table->vpc_cidrs[i], dst))
                        return true;
        }
        return false;
}

static bool is_to_a_pod(const struct main_table *table, struct prefix dst)
{
        for (size_t i = 0; i < table->n_pods; i++) {
                if (prefix_equal(dst, prefix_host(table->pods[i])))
                        return true;
        }
        return false;
}

/* Of routes to one destination the kernel takes one of the lowest metric: they are sorted by that. */
static bool is_best(const struct main_table *table, size_t i)
{
        size_t first = i;

        while (first > 0 && prefix_equal(table->routes[first - 1].dst, table->routes[i].dst))
                first--;
        return table->routes[first].priority == table->routes[i].priority;
}

size_t main_table_flaws(const struct main_table *table,
                        const struct route_info *ret[static MAIN_TABLE_FLAWS_MAX], bool *ret_no_default)
{
        size_t n = 0;

        *ret_no_default = true;
        for (size_t i = 0; i < table->n_routes; i++) {
                const struct route_info *route = &table->routes[i];
                bool is_default = route->dst.bits == 0;

                if (route->dst.ip.family != AF_INET)
                        continue;
                *ret_no_default &= !is_default;
                if (route->oif == table->primary_ifindex || !is_best(table, i) || n == MAIN_TABLE_FLAWS_MAX)
                        continue;
                if (is_default || (concerns_vpc(table, route->dst) && !is_to_a_pod(table, route->dst)))
                        ret[n++] = route;
        }
        return n;
}
