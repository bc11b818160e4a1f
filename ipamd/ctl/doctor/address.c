// SPDX-License-Identifier: Apache-2.0
/* doctor: the host's own addresses against the pods', and how full the kernel's table of neighbours is. */
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <vpcwire/ifaddr.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netlink.h>
#include <vpcwire/pod_name.h>
#include <vpcwire/route.h>

#include "ctl/doctor/doctor.h"

enum {
        NEIGHBOURS_FULL_PERCENT = 75,
        NEIGHBOURS_WARN_PERCENT = 50, /* where the subnet can have more than the table takes */
};

static const struct link_info *link_of(const struct doctor *d, unsigned ifindex)
{
        for (size_t i = 0; i < d->n_links; i++) {
                if (d->links[i].ifindex == ifindex)
                        return &d->links[i];
        }
        return NULL;
}

static const struct doctor_eni *eni_of(const struct doctor *d, unsigned ifindex)
{
        for (size_t i = 0; i < d->n_enis; i++) {
                if (d->enis[i].link && d->enis[i].link->ifindex == ifindex)
                        return &d->enis[i];
        }
        return NULL;
}

static const struct ipam_lease *lease_of(const struct doctor *d, struct ip address)
{
        for (size_t i = 0; i < d->list->n_leases; i++) {
                const struct ipam_lease *lease = &d->list->leases[i];

                for (size_t k = 0; k < lease->n_addresses; k++)
                        if (ip_equal(lease->addresses[k].address, address))
                                return lease;
        }
        return NULL;
}

/* An address that is the host's own never reaches a pod: the kernel keeps the packet. */
static void check_address(struct doctor *d, const struct ifaddr *address)
{
        const struct link_info *link = link_of(d, address->ifindex);
        const struct ipam_lease *lease = lease_of(d, address->prefix.ip);
        const struct doctor_eni *eni = eni_of(d, address->ifindex);
        const char *remedy;
        size_t before = d->n_findings;

        if (!link)
                return;
        remedy = arena_printf(d->arena, "ip address del %s dev %s; find who puts it there",
                              PREFIX_TEXT(address->prefix), link->name);
        if (lease)
                doctor_say(d, DOCTOR_FAIL, remedy, "%s of %s is also an address of the host, on %s",
                           IP_TEXT(address->prefix.ip),
                           pod_name_text(&(struct pod_name){.namespace = lease->pod_namespace,
                                                            .name = lease->pod_name},
                                         d->arena)
                                   ?: lease->container_id,
                           link->name);
        else if (eni && address->scope == RT_SCOPE_UNIVERSE &&
                 !ip_equal(eni->eni->primary_address, address->prefix.ip))
                doctor_say(d, DOCTOR_WARN, remedy,
                           "%s has %s besides its primary address: EC2 assigns such addresses for pods",
                           link->name, IP_TEXT(address->prefix.ip));
        if (d->n_findings > before)
                doctor_note_reported(d, arena_strdup(d->arena, IP_TEXT(address->prefix.ip)));
}

static void check_addresses(struct doctor *d)
{
        struct ifaddr *addresses;
        struct err err;
        size_t n;

        if (ifaddr_dump(d->nl, d->arena, AF_INET, 0, &addresses, &n, &err) < 0) {
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "%s", err.msg);
                return;
        }
        for (size_t i = 0; i < n; i++)
                check_address(d, &addresses[i]);
}

/* Whom the main table reaches without a router by an ENI: each may become a neighbour. */
static uint64_t count_neighbours(const struct doctor *d, const struct route_info *routes, size_t n)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++) {
                if (routes[i].type == RTN_UNICAST && !ip_is_set(routes[i].gateway) && routes[i].dst.bits &&
                    eni_of(d, routes[i].oif))
                        sum += UINT64_C(1) << (ip_max_bits(routes[i].dst.ip) - routes[i].dst.bits);
        }
        return sum;
}

/* gc_thresh3 counts those that the kernel may forget by itself. */
static uint64_t count_used(const struct neigh_info *entries, size_t n)
{
        uint64_t used = 0;

        for (size_t i = 0; i < n; i++)
                used += !(entries[i].state & NUD_PERMANENT);
        return used;
}

bool doctor_neighbours_are_tight(uint64_t used, uint64_t most, uint64_t limit)
{
        const uint64_t percent = most > limit ? NEIGHBOURS_WARN_PERCENT : NEIGHBOURS_FULL_PERCENT;

        return used * 100 > limit * percent;
}

static void tell_neighbours(struct doctor *d, uint64_t used, uint64_t most, uint32_t limit)
{
        const uint64_t enough = most > 2 * (uint64_t)limit ? most : 2 * (uint64_t)limit;
        bool tight = doctor_neighbours_are_tight(used, most, limit);

        doctor_say(d, tight ? DOCTOR_WARN : DOCTOR_OK,
                   tight ? arena_printf(d->arena,
                                        "sysctl -w net.ipv4.neigh.default.gc_thresh3=%llu, and gc_thresh2 to "
                                        "half of it",
                                        (unsigned long long)enough)
                         : NULL,
                   "%llu of the %u that the kernel's neighbour table can hold (gc_thresh3); the node's "
                   "subnet can have %llu",
                   (unsigned long long)used, limit, (unsigned long long)most);
}

static void check_neighbours(struct doctor *d)
{
        const struct route_filter filter = {.family = AF_INET, .table = RT_TABLE_MAIN};
        struct neigh_info *entries;
        struct route_info *routes;
        size_t n_routes, n_entries;
        uint32_t limit;
        struct err err;

        if (route_dump(d->nl, d->arena, &filter, &routes, &n_routes, &err) < 0 ||
            neigh_dump(d->nl, d->arena, AF_INET, 0, &entries, &n_entries, &err) < 0 ||
            neigh_table_limit(d->nl, AF_INET, &limit, &err) < 0)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "%s", err.msg);
        else
                tell_neighbours(d, count_used(entries, n_entries), count_neighbours(d, routes, n_routes),
                                limit);
}

static const struct doctor_check address_checks[] = {
        {"addresses", check_addresses, "no address of the host is a pod's", "that pod cannot be reached",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"neighbours", check_neighbours, "the kernel's neighbour table has room",
         "once it is full, the node and the pods on its primary ENI cannot reach new peers in the subnet",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
};

struct doctor_checks doctor_checks_address(void)
{
        return (struct doctor_checks){address_checks, ARRAY_SIZE(address_checks)};
}
