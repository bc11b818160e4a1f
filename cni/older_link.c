// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_name.h>

#include "older_link.h"

static bool is_our_lease(const struct ipam_lease *lease, const struct call *call)
{
        return strcmp(lease->network, call->conf.name) == 0 &&
               strcmp(lease->container_id, call->args.container_id) == 0 &&
               strcmp(lease->ifname, call->args.ifname) == 0;
}

static struct pod_name pod_of(const struct ipam_lease *lease)
{
        return (struct pod_name){lease->pod_namespace, lease->pod_name, lease->pod_uid};
}

static bool is_our_pod(const struct ipam_lease *lease, const struct call *call)
{
        const struct pod_name ours = {call->pod.namespace, call->pod.name, call->pod.uid},
                              theirs = pod_of(lease);

        return pod_name_is_same(&ours, &theirs);
}

/* By the container's id that it bears, or by its name in the database. */
static bool is_of_lease(const struct link_info *link, const struct ipam_lease *lease)
{
        if (lease->address_only)
                return false;
        return strcmp(link->alias, lease->container_id) == 0 ||
               strcmp(link->name, lease->host_ifname ?: "") == 0;
}

static int belongs_to(const struct link_info *link, const struct ipam_lease *lease, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct pod_name pod = pod_of(lease);

        return err_set(
                err, ERR_EXISTS,
                "host link %s belongs to pod %s (container %.64s), which is running: it is not replaced",
                link->name, pod_name_text(&pod, arena) ?: "-", lease->container_id);
}

static int check_leases(const struct call *call, const struct ipam_list_reply *list,
                        const struct link_info *link, struct ip address, struct err *err)
{
        bool have_ours = false;

        for (size_t i = 0; i < list->n_leases; i++) {
                const struct ipam_lease *lease = &list->leases[i];

                if (is_our_lease(lease, call))
                        have_ours = ip_equal(lease->addresses[0].address, address);
                else if (is_of_lease(link, lease) && !is_our_pod(lease, call))
                        return belongs_to(link, lease, err);
        }
        return have_ours ? 0
                         : err_set(err, ERR_NOT_FOUND, "the lease of %s was released meanwhile",
                                   IP_TEXT(address));
}

int older_link_remove(const struct call *call, struct ipam_client *ipam, struct wire *wire,
                      const struct wiring *wiring, struct err *err)
{
        struct ipam_list_reply list = {0};
        struct link_info link;
        int r = wire_get_host_link(wire, wiring->host_ifname, &link, err);

        if (r == -ERR_NOT_FOUND)
                return 0;
        if (r < 0)
                return r;
        if (strcmp(link.kind, "veth") != 0)
                return err_set(err, ERR_EXISTS, "host link %s exists and is not a veth", link.name);
        if (!host_link_is_ours(&link, wiring->container_id, wiring->ifname)) {
                if (ipam_list(ipam, &list, err) < 0)
                        return err_wrap(err, "ask ipamd whose host link %s is", link.name);
                if (check_leases(call, &list, &link, wiring->address, err) < 0)
                        return -(int)err->code;
        }
        return wire_delete_host_link(wire, link.ifindex, err);
}
