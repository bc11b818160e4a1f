// SPDX-License-Identifier: Apache-2.0
#include "netlink_dump.h"

#include <stdlib.h>
#include <string.h>

#include <linux/netlink.h>

static int collect(const struct nlmsghdr *hdr, void *arg, struct err *err)
{
        struct message_list *list = arg;
        void *element;
        int r;

        if (hdr->nlmsg_type != list->type)
                return 0;
        if (list->n == list->capacity) {
                list->capacity = list->capacity ? list->capacity * 2 : 16;
                list->items = xrealloc_array(list->items, list->capacity, list->size);
        }
        element = memset((char *)list->items + list->n * list->size, 0, list->size);
        r = list->take(hdr, element, list->filter, err);
        if (r > 0)
                list->n++;
        return r < 0 ? r : 0;
}

int message_dump(struct netlink *nl, struct nl_msg *request, struct message_list *list, struct arena *arena,
                 const char *what, struct err *err)
{
        int r = netlink_get(nl, request, collect, list, err, "%s", what);
        _cleanup_free_ void *collected = list->items;

        if (r < 0)
                list->n = 0;
        list->items = arena_alloc(arena, list->n, list->size);
        if (list->n) {
                qsort(collected, list->n, list->size, list->compare);
                memcpy(list->items, collected, list->n * list->size);
        }
        return r;
}
