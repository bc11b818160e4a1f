// SPDX-License-Identifier: Apache-2.0
/*
 * Building and reading route netlink messages: what link, ifaddr, route, rule and neigh share. Not for others.
 *
 * Requests for addresses, routes, rules and neighbours are built by libnl's objects (rtnl_addr and so on), and what an
 * object of libnl 3.7 lacks is put beside it. By hand is:
 * - what changes links: rtnl_link's peer of a veth has no group, its alias takes along the NUL, which the kernel counts,
 *   and its RTM_NEWLINK for "change" is, with a group and for a name that is not there, a change of the whole group;
 * - gets and dumps, for which there are no objects with filters;
 * - reading. Libnl's parsers take three to five times as long, and fail for a route that encapsulates by anything but
 *   MPLS. Of links they leave out the permanent MAC, the parent and IPv6's settings; of rules inversion, suppression,
 *   users and tunnels. All but those of routes and neighbours count references in a way that no two threads may.
 */
#ifndef LIB_NETLINK_MESSAGE_H
#define LIB_NETLINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <vpcwire/addr.h>
#include <vpcwire/cleanup.h>
#include <vpcwire/err.h>

struct arena;

/*
 * Nothing that builds can fail: a message of ours never comes near the page that it may fill, and libnl is given no
 * value that it refuses. What should fail nevertheless aborts, as being out of memory does.
 */
void message_must(int r);         /* of a call of libnl: 0, or -NLE_... */
void *message_need(void *object); /* what libnl allocated; returns it */

/* Addresses as libnl has them, to be given back with nl_addr_put(); NULL for none. `bits` only counts in a prefix. */
struct nl_addr *message_addr(struct ip ip, unsigned bits);
struct nl_addr *message_mac(struct mac mac);
DEFINE_CLEANUP(struct nl_addr *, nl_addr_put)

/* A message with its fixed header, for what libnl builds no request for: gets and dumps. */
struct nl_msg *message_new(int type, int flags, const void *header, size_t bytes);
void message_put(struct nl_msg *msg, int attribute, const void *bytes, size_t n);
void message_put_u8(struct nl_msg *msg, int attribute, uint8_t value);
void message_put_u32(struct nl_msg *msg, int attribute, uint32_t value);
void message_put_string(struct nl_msg *msg, int attribute, const char *value);
void message_put_mac(struct nl_msg *msg, int attribute, struct mac mac);
/* Opens a nested attribute; nla_nest_end() closes it. */
struct nlattr *message_nest(struct nl_msg *msg, int attribute);

/* Splits the attributes behind the fixed header; ERR_PROTOCOL when the message is too short or torn. */
int message_parse(const struct nlmsghdr *hdr, size_t header_bytes, struct nlattr **attributes, int max,
                  struct err *err);
/* The value of an attribute; the fallback (or IP_NONE, or "") when it is absent or has another size. */
uint32_t attribute_u32(const struct nlattr *attribute, uint32_t fallback);
uint8_t attribute_u8(const struct nlattr *attribute, uint8_t fallback);
struct ip attribute_ip(const struct nlattr *attribute, int family);
bool attribute_mac(const struct nlattr *attribute, struct mac *ret); /* false: no six bytes */
void attribute_string(const struct nlattr *attribute, char *ret, size_t size);

/* In a comparison of `a` and `b`: returns where they differ in this field. */
#define COMPARE_FIELD(field)                                                                                 \
        do {                                                                                                 \
                if (a->field != b->field)                                                                    \
                        return a->field < b->field ? -1 : 1;                                                 \
        } while (0)

#endif
