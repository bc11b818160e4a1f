// SPDX-License-Identifier: Apache-2.0
/* A dump of the kernel's as a sorted array. */
#ifndef LIB_NETLINK_DUMP_H
#define LIB_NETLINK_DUMP_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>

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
