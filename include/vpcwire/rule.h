// SPDX-License-Identifier: Apache-2.0
/* Policy rules that look up a table, or go on at a later rule. */
#ifndef VPCWIRE_RULE_H
#define VPCWIRE_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "link.h"
#include "netlink.h"

struct arena;

struct rule_info {
        int family; /* AF_INET or AF_INET6 */
        uint32_t priority;
        uint32_t table;
        uint32_t goto_priority;  /* instead of a table: go on at the rules of this priority; 0: no */
        uint32_t fwmark, fwmask; /* mask 0: the mark does not matter */
        struct prefix src, dst;  /* family AF_UNSPEC: any */
        char iif[LINK_NAME_BYTES];
        uint8_t protocol; /* who made it; 0 is taken as DATAPLANE_PROTOCOL */
        bool other;       /* dump only: it has an action or a selector that is not written here */
};

/* Adds it even where an equal one of another protocol is there; ERR_EXISTS is not a case of this call. */
int rule_add(struct netlink *nl, const struct rule_info *rule, struct err *err);
/* Deletes one rule that is equal in all fields, the protocol included. ERR_NOT_FOUND when there is none. */
int rule_delete(struct netlink *nl, const struct rule_info *rule, struct err *err);
/*
 * Deletes the oldest of those that are equal in all fields but the protocol: the only way to delete one that was made
 * without a protocol, because the kernel takes "unspecified" for "any".
 */
int rule_delete_first(struct netlink *nl, const struct rule_info *rule, struct err *err);
/* All rules of the family, sorted by rule_compare(), in the arena. */
int rule_dump(struct netlink *nl, struct arena *arena, int family, struct rule_info **ret, size_t *ret_n,
              struct err *err);
/* Total order over all fields, priority first. */
int rule_compare(const struct rule_info *a, const struct rule_info *b);

enum { RULE_TEXT_BYTES = 256 };
/* "1536: fwmark 0x100/0x3f00 lookup 2 proto 118", for errors and logs. */
const char *rule_format(const struct rule_info *rule, char text[static RULE_TEXT_BYTES]);
#define RULE_TEXT(r) rule_format((r), (char[RULE_TEXT_BYTES]){0})

/* Reads an RTM_NEWRULE or RTM_DELRULE message; ERR_PROTOCOL when it is malformed. */
int rule_parse(const struct nlmsghdr *hdr, struct rule_info *ret, struct err *err);

#endif
