// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/eni_link.h>

#include <string.h>

#include <vpcwire/mem.h>

/* How well a link that has the MAC can be the ENI's. */
enum rank {
        RANK_NONE,
        RANK_OTHER, /* something virtual: a node that is a virtual machine of an odd kind, or a container */
        RANK_VETH,  /* its other end is elsewhere: a node that is a container */
        RANK_BARE,  /* of no kind: hardware, as far as one can see */
        RANK_HARDWARE,
};

/* They have the MAC of the link below them, or were given it. */
static bool is_stacked(const struct link_info *link)
{
        static const char *const kinds[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "bridge",
                                            "bond", "team",    "macsec",  "vrf",    "hsr",    "vxlan"};

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (strcmp(link->kind, kinds[i]) == 0)
                        return true;
        }
        return false;
}

static enum rank rank_of(const struct link_info *link, struct mac mac)
{
        bool veth = strcmp(link->kind, "veth") == 0;

        if (!link->has_mac || !mac_equal(link->mac, mac) || is_stacked(link))
                return RANK_NONE;
        if (mac_equal(mac, (struct mac){0}))
                return RANK_NONE; /* the ENI's is not known, and the loopback's is this */
        if (link->has_permanent_mac && !mac_equal(link->permanent_mac, mac))
                return RANK_NONE; /* another ENI's, whose MAC somebody changed: a bond does */
        if (veth)
                return link->peer_nsid < 0 ? RANK_NONE : RANK_VETH;
        if (link->kind[0])
                return RANK_OTHER;
        return link->has_permanent_mac || link->has_parent ? RANK_HARDWARE : RANK_BARE;
}

struct eni_link eni_link_find(const struct link_info *links, size_t n, struct mac mac,
                              eni_link_excluded_fn excluded, const void *arg)
{
        enum rank best = RANK_NONE;
        struct eni_link ret = {0};

        for (size_t i = 0; i < n; i++) {
                enum rank rank = rank_of(&links[i], mac);

                if (rank == RANK_NONE || rank < best || (excluded && excluded(&links[i], arg)))
                        continue;
                if (rank > best)
                        ret = (struct eni_link){.link = &links[i], .one = &links[i]};
                else
                        ret = (struct eni_link){.one = ret.one, .other = &links[i]};
                best = rank;
        }
        if (!ret.other)
                ret.one = NULL;
        return ret;
}
