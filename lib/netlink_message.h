// SPDX-License-Identifier: Apache-2.0
/* Building and reading route netlink messages: what link, ifaddr, route, rule and neigh share. Not for others. */
#ifndef LIB_NETLINK_MESSAGE_H
#define LIB_NETLINK_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>

/*
 * A message with its fixed header. Neither this nor the message_put_*() can fail: out of memory aborts, and a message
 * of ours never comes near the page that it may fill.
 */
struct nl_msg *message_new(int type, int flags, const void *header, size_t bytes);
void message_put(struct nl_msg *msg, int attribute, const void *bytes, size_t n);
void message_put_u8(struct nl_msg *msg, int attribute, uint8_t value);
void message_put_u32(struct nl_msg *msg, int attribute, uint32_t value);
void message_put_string(struct nl_msg *msg, int attribute, const char *value);
void message_put_ip(struct nl_msg *msg, int attribute, struct ip ip);
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
void attribute_string(const struct nlattr *attribute, char *ret, size_t size);

/* A growing array of equal elements that ends up sorted in an arena: the result of a dump. */
struct arena;
struct message_list {
        char *items;
        size_t n, capacity, size;
};
void *message_list_add(struct message_list *list); /* the new element, zeroed; valid until the next call */
void *message_list_finish(struct message_list *list, struct arena *arena,
                          int (*compare)(const void *a, const void *b));
void message_list_done(struct message_list *list);

#endif
