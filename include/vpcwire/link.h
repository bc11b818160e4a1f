// SPDX-License-Identifier: Apache-2.0
/*
 * Network links (interfaces). Names are what the kernel takes: 1..15 characters; the alias is a free text of up to 255.
 * A link that is not there is ERR_NOT_FOUND, a name that is taken ERR_EXISTS.
 */
#ifndef VPCWIRE_LINK_H
#define VPCWIRE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "netlink.h"

struct arena;

enum { LINK_NAME_BYTES = 16, LINK_ALIAS_BYTES = 256, LINK_KIND_BYTES = 16 }; /* with the NUL */

/* Settings of a link that the kernel tells beside it: net.ipv4.conf.LINK.*, net.ipv6.conf.LINK.*. */
enum link_conf {
        LINK_CONF_IPV4_RP_FILTER,
        LINK_CONF_IPV4_FORWARDING,
        LINK_CONF_IPV4_ACCEPT_REDIRECTS,
        LINK_CONF_IPV4_ACCEPT_SOURCE_ROUTE,
        LINK_CONF_IPV4_ACCEPT_LOCAL,
        LINK_CONF_IPV4_ROUTE_LOCALNET,
        LINK_CONF_IPV4_PROXY_ARP,
        LINK_CONF_IPV4_ARP_ACCEPT,
        LINK_CONF_IPV6_ACCEPT_RA,
        LINK_CONF_IPV6_ACCEPT_REDIRECTS,
        LINK_CONF_IPV6_PROXY_NDP,
        _LINK_CONF_MAX,
};

/* The link has no such setting: a kernel, or a link, without IPv6. */
enum { LINK_CONF_NONE = INT32_MIN };

struct link_info {
        unsigned ifindex;
        unsigned mtu;
        bool up;      /* administratively */
        bool carrier; /* the lower layer is there: for a veth, both ends are up */
        bool running; /* operational: the kernel sends on it. A moment later than `carrier` */
        bool has_mac; /* a six-byte address */
        struct mac mac;
        unsigned group;         /* a number that whoever makes links gives them; 0: none */
        bool has_permanent_mac; /* hardware says what its address was before anybody changed it */
        struct mac permanent_mac;
        bool has_parent;              /* there is a device behind it: PCI, virtio. From Linux 5.14 on */
        unsigned peer_ifindex;        /* veth: the other end's index, in its namespace; 0: none */
        int32_t conf[_LINK_CONF_MAX]; /* or LINK_CONF_NONE */
        int peer_nsid;                /* that namespace's id here; -1: this namespace, or none */
        char name[LINK_NAME_BYTES];
        char kind[LINK_KIND_BYTES]; /* "veth", "bridge"; empty for hardware and loopback */
        char alias[LINK_ALIAS_BYTES];
};

/* ERR_INVALID unless the kernel would take the name: 1..15 bytes, not "." or "..", no '/', ':' or space. */
int link_check_name(const char *name, struct err *err);

int link_get(struct netlink *nl, unsigned ifindex, struct link_info *ret, struct err *err);
int link_get_by_name(struct netlink *nl, const char *name, struct link_info *ret, struct err *err);
/* All links of the namespace, sorted by index. The array lives in the arena. */
int link_dump(struct netlink *nl, struct arena *arena, struct link_info **ret, size_t *ret_n,
              struct err *err);

/*
 * A veth pair: `name` in the socket's namespace, `peer_name` born in peer_netns_fd (-1: the socket's as well). Both
 * ends are down. Index 0 lets the kernel choose; a chosen one that is taken is ERR_BUSY or ERR_EXISTS.
 */
struct link_veth {
        const char *name, *peer_name;
        struct mac mac, peer_mac; /* both explicit: udev leaves a MAC alone that somebody set */
        unsigned mtu;             /* of both; 0: the kernel's default */
        unsigned ifindex, peer_ifindex;
        unsigned peer_group; /* 0: none */
        int peer_netns_fd;
};

int link_create_veth(struct netlink *nl, const struct link_veth *veth, struct err *err);

/* A VLAN (802.1Q) of another link, with that one's MAC and MTU. Down. ERR_UNSUPPORTED where the kernel has no VLANs. */
struct link_vlan {
        const char *name;
        unsigned parent_ifindex;
        uint16_t id;
};

int link_create_vlan(struct netlink *nl, const struct link_vlan *vlan, struct err *err);

enum link_admin { LINK_ADMIN_KEEP, LINK_ADMIN_UP, LINK_ADMIN_DOWN };

/* What to change, all in one request; zero fields stay as they are. */
struct link_change {
        const char *new_name; /* the link must be down, unless the kernel is 6.2 or later */
        const char *alias;    /* "" takes it away */
        const struct mac *mac;
        unsigned mtu;
        unsigned master_ifindex;
        unsigned group;
        enum link_admin admin;
};

int link_change(struct netlink *nl, unsigned ifindex, const struct link_change *change, struct err *err);
/* The same where only the name is known: one request, no look-up before it. */
int link_change_by_name(struct netlink *nl, const char *name, const struct link_change *change,
                        struct err *err);

int link_delete(struct netlink *nl, unsigned ifindex, struct err *err);
int link_delete_by_name(struct netlink *nl, const char *name, struct err *err);

/* Reads an RTM_NEWLINK or RTM_DELLINK message; ERR_PROTOCOL when it is malformed. */
int link_parse(const struct nlmsghdr *hdr, struct link_info *ret, struct err *err);

#endif
