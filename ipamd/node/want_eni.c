// SPDX-License-Identifier: Apache-2.0
/* Which link is an ENI's, what its mark and table are, and whether it can be configured at all. */
#include <string.h>

#include <vpcwire/mem.h>

#include "node/want.h"

bool node_link_name_is_plain(const char *name)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

        return name[0] && strspn(name, plain) == strlen(name);
}

bool node_eni_is_primary(const struct node_eni *eni)
{
        return eni->device_index == 0 && eni->network_card == 0;
}

/* Links on top of an ENI's link have its MAC too, and are not it. */
static bool link_is_stacked(const struct link_info *link)
{
        static const char *const kinds[] = {"vlan",   "macvlan", "macvtap", "ipvlan",
                                            "ipvtap", "bridge",  "bond",    "team"};

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (strcmp(link->kind, kinds[i]) == 0)
                        return true;
        }
        return false;
}

static const struct link_info *find_mac(const struct link_info *links, size_t n, struct mac mac)
{
        for (size_t i = 0; i < n; i++) {
                if (links[i].has_mac && mac_equal(links[i].mac, mac) && !link_is_stacked(&links[i]))
                        return &links[i];
        }
        return NULL;
}

static int check_eni(const struct node_want_eni *want, const struct node_want_eni *others, size_t n_others,
                     const char *veth_prefix, struct err *err)
{
        const struct node_eni *eni = want->eni;

        if (eni->address.family != AF_INET || eni->subnet.ip.family != AF_INET || eni->subnet.bits > 30)
                return err_set(err, ERR_INVALID, "ENI %s: address %s in subnet %s is no IPv4 ENI",
                               MAC_TEXT(eni->mac), IP_TEXT(eni->address), PREFIX_TEXT(eni->subnet));
        if (want->link && strncmp(want->link->name, veth_prefix, strlen(veth_prefix)) == 0)
                return err_set(err, ERR_INVALID,
                               "ENI %s: its link is called %s, which begins with the pods' prefix '%s'",
                               MAC_TEXT(eni->mac), want->link->name, veth_prefix);
        if (node_eni_is_primary(eni))
                return 0;
        if (want->link && !node_link_name_is_plain(want->link->name))
                return err_set(err, ERR_INVALID, "ENI %s: its link's name '%s' has odd characters",
                               MAC_TEXT(eni->mac), want->link->name);
        if (eni->device_index < 1 || eni->device_index > NODE_ENI_INDEX_MAX ||
            eni->network_card >= NODE_CARDS_MAX)
                return err_set(err, ERR_LIMIT, "ENI %s: device %u on card %u; at most %d on %d cards",
                               MAC_TEXT(eni->mac), eni->device_index, eni->network_card, NODE_ENI_INDEX_MAX,
                               NODE_CARDS_MAX);
        for (size_t i = 0; i < n_others; i++) {
                if (others[i].mark == want->mark && !others[i].err.code)
                        return err_set(err, ERR_LIMIT,
                                       "ENI %s: device %u is on card %u already; marks are per device index",
                                       MAC_TEXT(eni->mac), eni->device_index, others[i].eni->network_card);
        }
        return 0;
}

void node_want_make_enis(struct arena *arena, const struct node_view *view, const struct pod_evidence *kernel,
                         struct node_want *want)
{
        want->enis = ARENA_ARRAY(arena, struct node_want_eni, view->n_enis);
        for (size_t i = 0; i < view->n_enis; i++) {
                const struct node_eni *eni = &view->enis[i];
                struct node_want_eni *one = &want->enis[i];
                bool primary = node_eni_is_primary(eni);

                *one = (struct node_want_eni){
                        .eni = eni,
                        .link = find_mac(kernel->links, kernel->n_links, eni->mac),
                        .mark = primary ? 0 : (eni->device_index << NODE_MARK_ENI_SHIFT) & NODE_MARK_ENI_MASK,
                        .table = primary ? NODE_MAIN_TABLE
                                         : node_eni_table(eni->device_index, eni->network_card),
                };
                check_eni(one, want->enis, i, view->veth_prefix, &one->err);
        }
        want->n_enis = view->n_enis;
}

bool node_want_eni_is_configured(const struct node_want_eni *want)
{
        return !node_eni_is_primary(want->eni) && want->link && !want->err.code;
}
