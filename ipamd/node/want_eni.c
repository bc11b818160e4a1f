// SPDX-License-Identifier: Apache-2.0
/* Which link is an ENI's, what its mark and table are, and whether it can be configured at all. */
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/eni_link.h>
#include <vpcwire/mem.h>

#include "node/want.h"

bool node_link_name_is_plain(const char *name)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

        return name[0] && strspn(name, plain) == strlen(name);
}

struct search {
        const struct node_eni *eni;
        const struct node_view *view;
        const struct node_want *want;
        const struct pod_evidence *kernel;
};

/* A pod may choose its MAC, and whoever wires it the host end's. */
static bool is_a_pods(const struct link_info *link, const void *arg)
{
        const struct search *s = arg;

        return node_want_link_is_pod(s->want, s->view, link);
}

/* Neither a pod's nor without the ENI's address: the host gave it to the primary one's link, we to each other. */
static bool is_not_configured(const struct link_info *link, const void *arg)
{
        const struct search *s = arg;
        bool has = false;

        for (size_t i = 0; i < s->kernel->n_addresses; i++)
                has |= s->kernel->addresses[i].ifindex == link->ifindex &&
                       ip_equal(s->kernel->addresses[i].prefix.ip, s->eni->address);
        return !has || is_a_pods(link, arg);
}

/* Of two that are equally good it is the one that is in use as the ENI's already. */
static struct node_want_eni find_link(const struct search *s)
{
        const struct pod_evidence *kernel = s->kernel;
        struct node_want_eni want = {.eni = s->eni};
        struct eni_link found = eni_link_find(kernel->links, kernel->n_links, s->eni->mac, is_a_pods, s);
        const struct eni_link all = found;

        if (all.other)
                found = eni_link_find(kernel->links, kernel->n_links, s->eni->mac, is_not_configured, s);
        want.link = found.link;
        if (!found.link && all.other)
                err_set(&want.err, ERR_EXISTS,
                        "ENI %s: links %s and %s both have its MAC, so neither is touched",
                        MAC_TEXT(s->eni->mac), all.one->name, all.other->name);
        return want;
}

static int check_eni(const struct node_want_eni *want, const char *veth_prefix, struct err *err)
{
        const struct node_eni *eni = want->eni;

        if (eni->address.family != AF_INET || eni->subnet.ip.family != AF_INET || eni->subnet.bits > 30)
                return err_set(err, ERR_INVALID, "ENI %s: address %s in subnet %s is not IPv4",
                               MAC_TEXT(eni->mac), IP_TEXT(eni->address), PREFIX_TEXT(eni->subnet));
        if (want->link && strncmp(want->link->name, veth_prefix, strlen(veth_prefix)) == 0)
                return err_set(err, ERR_INVALID,
                               "ENI %s: its link's name %s begins with the prefix of pods' links, '%s' "
                               "(AWS_VPC_K8S_CNI_VETHPREFIX)",
                               MAC_TEXT(eni->mac), want->link->name, veth_prefix);
        if (eni->primary)
                return 0;
        if (want->link && !node_link_name_is_plain(want->link->name))
                return err_set(err, ERR_INVALID,
                               "ENI %s: its link's name '%s' has characters that are not allowed",
                               MAC_TEXT(eni->mac), want->link->name);
        if (eni->mark_index < 1 || eni->mark_index > DATAPLANE_ENI_INDEX_MAX ||
            !dataplane_table_is_ours(eni->route_table))
                return err_set(
                        err, ERR_LIMIT,
                        "ENI %s: it has mark %u and route table %u; there are at most %d secondary ENIs",
                        MAC_TEXT(eni->mac), eni->mark_index, eni->route_table, DATAPLANE_ENI_INDEX_MAX);
        return 0;
}

void node_want_make_enis(struct arena *arena, const struct node_view *view, const struct pod_evidence *kernel,
                         struct node_want *want)
{
        want->enis = ARENA_ARRAY(arena, struct node_want_eni, view->n_enis);
        for (size_t i = 0; i < view->n_enis; i++) {
                const struct node_eni *eni = &view->enis[i];
                struct node_want_eni *one = &want->enis[i];

                *one = find_link(&(struct search){eni, view, want, kernel});
                one->mark = eni->primary ? 0 : dataplane_eni_mark(eni->mark_index);
                one->table = eni->primary ? RT_TABLE_MAIN : eni->route_table;
                if (!one->err.code)
                        check_eni(one, view->veth_prefix, &one->err);
        }
        want->n_enis = view->n_enis;
}

bool node_want_eni_is_configured(const struct node_want_eni *want)
{
        return !want->eni->primary && want->link && !want->err.code;
}
