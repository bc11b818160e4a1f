// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/pod_match.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

struct match {
        const struct pod_evidence *evidence;
        const struct pod_sought *pods;
        size_t n;
        struct pod_found *found;
        const struct link_info **by_name; /* all links */
        bool *taken;                      /* of each link: it is surely one pod's */
};

static int by_name(const void *a, const void *b)
{
        const struct link_info *const *x = a, *const *y = b;

        return strcmp((*x)->name, (*y)->name);
}

static const struct link_info *find_name(const struct match *m, const char *name)
{
        struct link_info key;
        const struct link_info *wanted = &key, **found;

        if (snprintf(key.name, sizeof(key.name), "%s", name) >= (int)sizeof(key.name))
                return NULL; /* no link has such a long one */
        found = bsearch(&wanted, m->by_name, m->evidence->n_links, sizeof(const struct link_info *), by_name);
        return found ? *found : NULL;
}

static bool is_veth(const struct link_info *link)
{
        return strcmp(link->kind, "veth") == 0;
}

static bool is_taken(const struct match *m, const struct link_info *link)
{
        return m->taken[link - m->evidence->links];
}

static void take(struct match *m, size_t pod, const struct link_info *link)
{
        m->found[pod].link = link;
        m->taken[link - m->evidence->links] = true;
}

/* Whether a route of the pods' table leads what is for the address to the link. */
static bool leads(const struct match *m, struct ip address, const struct link_info *link)
{
        const struct prefix pod = prefix_host(address);

        for (size_t i = 0; i < m->evidence->n_routes; i++) {
                const struct route_info *route = &m->evidence->routes[i];

                if (route->oif == link->ifindex && route->table == m->evidence->table &&
                    prefix_equal(route->dst, pod))
                        return true;
        }
        return false;
}

static bool alias_is(const struct link_info *link, const struct pod_sought *pod)
{
        return strcmp(link->alias, pod->container_id) == 0;
}

static bool alias_is_a_pods(const struct match *m, const struct link_info *link)
{
        for (size_t i = 0; i < m->n; i++) {
                if (m->pods[i].container_id && alias_is(link, &m->pods[i]))
                        return true;
        }
        return false;
}

/* An older sandbox of a pod and the one after it call their links the same. */
static bool name_is_shared(const struct match *m, size_t pod)
{
        for (size_t i = 0; i < m->n; i++) {
                if (i != pod && strcmp(m->pods[i].host_ifname, m->pods[pod].host_ifname) == 0)
                        return true;
        }
        return false;
}

/* The strongest first: a later one is asked only for pods, and of links, that no earlier one has settled. */

static bool by_name_and_alias(const struct match *m, size_t i, const struct link_info *link)
{
        return alias_is(link, &m->pods[i]) && strcmp(link->name, m->pods[i].host_ifname) == 0;
}

static bool by_alias_and_route(const struct match *m, size_t i, const struct link_info *link)
{
        return alias_is(link, &m->pods[i]) && leads(m, m->pods[i].ip, link);
}

static bool by_alias(const struct match *m, size_t i, const struct link_info *link)
{
        return alias_is(link, &m->pods[i]);
}

static bool by_route_without_alias(const struct match *m, size_t i, const struct link_info *link)
{
        return !link->alias[0] && link->up && leads(m, m->pods[i].ip, link);
}

static bool by_name_without_alias(const struct match *m, size_t i, const struct link_info *link)
{
        return !link->alias[0] && strcmp(link->name, m->pods[i].host_ifname) == 0 && !name_is_shared(m, i);
}

/* Somebody gave it an alias of his own. One that is another pod's says that the link is. */
static bool by_name_and_route(const struct match *m, size_t i, const struct link_info *link)
{
        return strcmp(link->name, m->pods[i].host_ifname) == 0 && leads(m, m->pods[i].ip, link) &&
               !alias_is_a_pods(m, link);
}

typedef bool (*evidence_fn)(const struct match *m, size_t pod, const struct link_info *link);

static const struct {
        evidence_fn holds;
        bool name_decides; /* only the link of that name is asked */
} passes[] = {
        {by_name_and_alias, true},       {by_alias_and_route, false},   {by_alias, false},
        {by_route_without_alias, false}, {by_name_without_alias, true}, {by_name_and_route, true},
};

/* Two that are equally good are one pod's two attachments, or nobody knows whose: then none is chosen. */
static const struct link_info *find_only(const struct match *m, size_t pod, evidence_fn holds)
{
        const struct link_info *only = NULL;

        for (size_t i = 0; i < m->evidence->n_links; i++) {
                const struct link_info *link = &m->evidence->links[i];

                if (!is_veth(link) || m->taken[i] || !holds(m, pod, link))
                        continue;
                if (only)
                        return NULL;
                only = link;
        }
        return only;
}

static const struct link_info *find_named(const struct match *m, size_t pod, evidence_fn holds)
{
        const struct link_info *link = find_name(m, m->pods[pod].host_ifname);

        return link && is_veth(link) && !is_taken(m, link) && holds(m, pod, link) ? link : NULL;
}

static void match_bridge(struct match *m, size_t pod)
{
        const struct link_info *link = find_name(m, m->pods[pod].host_ifname);

        if (link && strcmp(link->kind, "bridge") == 0)
                m->found[pod].link = link;
}

static void run_pass(struct match *m, size_t pass)
{
        for (size_t i = 0; i < m->n; i++) {
                const struct link_info *link = NULL;

                if (!m->found[i].link && m->pods[i].container_id)
                        link = passes[pass].name_decides ? find_named(m, i, passes[pass].holds)
                                                         : find_only(m, i, passes[pass].holds);
                if (link)
                        take(m, i, link);
        }
}

static const struct link_info *find_index(const struct pod_evidence *evidence, unsigned ifindex)
{
        for (size_t i = 0; i < evidence->n_links; i++) {
                if (evidence->links[i].ifindex == ifindex)
                        return &evidence->links[i];
        }
        return NULL;
}

static int by_address(const void *a, const void *b)
{
        const struct pod_sought *const *x = a, *const *y = b;

        return ip_compare((*x)->ip, (*y)->ip);
}

/* Each route is asked whose address it leads to, and where: there may be as many routes as pods. */
static void find_rivals(struct match *m, struct arena *arena)
{
        const struct pod_sought **sorted = ARENA_ARRAY(arena, const struct pod_sought *, m->n);

        for (size_t i = 0; i < m->n; i++)
                sorted[i] = &m->pods[i];
        if (m->n)
                qsort(sorted, m->n, sizeof(const struct pod_sought *), by_address);
        for (size_t i = 0; i < m->evidence->n_routes; i++) {
                const struct route_info *route = &m->evidence->routes[i];
                const struct pod_sought key = {.ip = route->dst.ip}, *wanted = &key, **pod;
                const struct link_info *link;

                if (route->table != m->evidence->table ||
                    !prefix_equal(route->dst, prefix_host(route->dst.ip)))
                        continue;
                pod = m->n ? bsearch(&wanted, sorted, m->n, sizeof(const struct pod_sought *), by_address)
                           : NULL;
                if (!pod ||
                    (m->found[*pod - m->pods].link && m->found[*pod - m->pods].link->ifindex == route->oif))
                        continue;
                link = find_index(m->evidence, route->oif);
                if (link && is_veth(link) && link->up)
                        m->found[*pod - m->pods].rival = link;
        }
}

struct pod_found *pod_match(struct arena *arena, const struct pod_sought *pods, size_t n,
                            const struct pod_evidence *evidence)
{
        struct match m = {.evidence = evidence,
                          .pods = pods,
                          .n = n,
                          .found = ARENA_ARRAY(arena, struct pod_found, n),
                          .by_name = ARENA_ARRAY(arena, const struct link_info *, evidence->n_links),
                          .taken = ARENA_ARRAY(arena, bool, evidence->n_links)};

        for (size_t i = 0; i < evidence->n_links; i++)
                m.by_name[i] = &evidence->links[i];
        if (evidence->n_links)
                qsort(m.by_name, evidence->n_links, sizeof(const struct link_info *), by_name);
        for (size_t i = 0; i < n; i++) {
                if (!pods[i].container_id)
                        match_bridge(&m, i);
        }
        for (size_t pass = 0; pass < ARRAY_SIZE(passes); pass++)
                run_pass(&m, pass);
        for (size_t i = 0; i < n; i++) {
                const struct link_info *link = m.found[i].link;

                m.found[i].alias_missing =
                        link && pods[i].container_id && !link->alias[0] && leads(&m, pods[i].ip, link);
        }
        find_rivals(&m, arena);
        return m.found;
}
