// SPDX-License-Identifier: Apache-2.0
/* Building and reading route netlink messages: what link, ifaddr, route, rule and neigh share. Not for others. */
#ifndef LIB_NETLINK_MESSAGE_H
#define LIB_NETLINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/netlink.h>

struct arena;

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
bool attribute_mac(const struct nlattr *attribute, struct mac *ret); /* false: no six bytes */
void attribute_string(const struct nlattr *attribute, char *ret, size_t size);

/*
 * What a dump is made into: `take` reads each message of `type` into an element that is zeroed, and returns 1 to keep
 * it, 0 to leave it out, or an error.
 */
struct message_list {
        uint16_t type;
        size_t size; /* of an element */
        int (*take)(const struct nlmsghdr *hdr, void *element, const void *filter, struct err *err);
        const void *filter;
        int (*compare)(const void *a, const void *b);
        void *items; /* the result: sorted, in the arena. Without elements when the dump failed */
        size_t n;
        size_t capacity; /* private */
};
/* Sends the request (taken over) and fills the list. `what` begins the error's text. */
int message_dump(struct netlink *nl, struct nl_msg *request, struct message_list *list, struct arena *arena,
                 const char *what, struct err *err);

#endif
