// SPDX-License-Identifier: Apache-2.0
/* Removing a wire from the host's side alone: the pod's namespace may be gone. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/link.h>
#include <vpcwire/mem.h>

#include "name.h"
#include "wire.h"

static bool is_owned(const struct link_info *link, const struct wire_owner *owner)
{
        return host_link_is_ours(link, owner->container_id, owner->ifname);
}

/* ret->ifindex is 0 when there is none. */
static int find_by_name(struct netlink *host, const struct wire_owner *owner, struct link_info *ret,
                        struct err *err)
{
        struct link_info link;
        int r;

        *ret = (struct link_info){0};
        if (!owner->host_ifname)
                return 0;
        r = link_get_by_name(host, owner->host_ifname, &link, err);
        if (r == 0 && is_owned(&link, owner))
                *ret = link;
        return r == -ERR_NOT_FOUND ? 0 : r;
}

static bool is_candidate(const struct link_info *link, const struct wire_owner *owner)
{
        if (!is_owned(link, owner) || !pod_link_has_form(link->name))
                return false;
        return owner->unnamed || host_link_name_is_same_pod(link->name, owner->host_ifname) ||
               (owner->pod && host_link_name_is_of(link->name, owner->pod));
}

/* Whatever it is called by now: its MAC names the container's interface, and its alias, if it has one, agrees. */
static bool is_marked(const struct link_info *link, const struct wire_owner *owner)
{
        return is_owned(link, owner) && link->has_mac &&
               mac_equal(link->mac, host_link_mac(owner->container_id, owner->ifname));
}

/* Several are several attachments of one container, and we are not told which: then none is chosen. */
static const struct link_info *
find_only(const struct link_info *links, size_t n, const struct wire_owner *owner,
          bool (*holds)(const struct link_info *link, const struct wire_owner *owner))
{
        const struct link_info *only = NULL;

        for (size_t i = 0; i < n; i++) {
                if (!holds(&links[i], owner))
                        continue;
                if (only)
                        return NULL;
                only = &links[i];
        }
        return only;
}

static int find_among_all(struct netlink *host, const struct wire_owner *owner, struct link_info *ret,
                          struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct link_info *found;
        struct link_info *links;
        size_t n;
        int r;

        *ret = (struct link_info){0};
        r = link_dump(host, arena, &links, &n, err);
        if (r < 0)
                return r;
        found = find_only(links, n, owner, is_marked) ?: find_only(links, n, owner, is_candidate);
        if (found)
                *ret = *found;
        return 0;
}

int wire_remove_host_link(struct netlink *host, const struct wire_owner *owner,
                          char ret_name[static LINK_NAME_BYTES], struct err *err)
{
        struct link_info link;
        int r;

        r = find_by_name(host, owner, &link, err);
        if (r == 0 && !link.ifindex)
                r = find_among_all(host, owner, &link, err);
        if (r == 0 && link.ifindex)
                r = link_delete(host, link.ifindex, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
                return err_wrap(err, "remove the link of container %.64s", owner->container_id);
        snprintf(ret_name, LINK_NAME_BYTES, "%s", link.name);
        return 0;
}
