// SPDX-License-Identifier: Apache-2.0
/*
 * A pod's wire in the kernel: a veth pair with one end in the pod's namespace and the other in the host's.
 *
 *   pod:  lo up; ifname up with address/32, `169.254.1.1 dev ifname scope link`, `default via 169.254.1.1`, and a permanent
 *         neighbour entry 169.254.1.1 -> the host end's MAC
 *   host: host_ifname up, alias = container id, the sysctls of pod_sysctl.h; `address dev host_ifname scope link` in the pods' table
 *
 * The alias says whose a link is: a link without it, or with another, is not touched here. Nor is a route to the address
 * that ipamd or a plugin made for another link.
 */
#ifndef CNI_WIRE_H
#define CNI_WIRE_H

#include <stdbool.h>

#include <vpcwire/err.h>

#include "name.h"
#include "wiring.h"

struct netlink;
struct wire;

/* Sockets in both namespaces; the calling thread's is the host's. Neither descriptor is kept. */
int wire_open(int pod_netns_fd, struct wire **ret, struct err *err);
struct wire *wire_free(struct wire *wire);
DEFINE_CLEANUP(struct wire *, wire_free)

enum wire_state {
        WIRE_NONE,    /* the pod has no interface of that name */
        WIRE_OURS,    /* it has one, the other end is in the host's namespace and is ours, see name.h */
        WIRE_FOREIGN, /* it has one that is not ours */
};

/* What is there of wiring->ifname and wiring->container_id. OURS: host_ifname becomes what it is called. */
int wire_find(struct wire *wire, struct wiring *wiring, enum wire_state *ret, struct err *err);

/* The host's link of that name. ERR_NOT_FOUND: there is none. */
int wire_get_host_link(struct wire *wire, const char *name, struct link_info *ret, struct err *err);
/* Removes a link of the host's, and so its other end. Not there is success. */
int wire_delete_host_link(struct wire *wire, unsigned ifindex, struct err *err);

/*
 * Makes the wire. `wiring` gives names, address, gateway, container_id and MTU (0: the kernel's); MACs are chosen and, with
 * the MTU, written into it; a MAC of the pod's end that is set is used. ERR_EXISTS: the host has a link of that name, or
 * the address leads to another link. On failure nothing of it stays.
 */
int wire_make(struct wire *wire, struct wiring *wiring, struct err *err);

/* Takes the pod's end away, and the other end and all routes with it. Not there is success. */
int wire_unmake(struct wire *wire, const struct wiring *wiring, struct err *err);

/*
 * Compares the kernel with wiring's address, gateway, ifname and container_id; fills in host_ifname, MACs and MTU. What else
 * is there (of plugins after us) does not matter. The error (ERR_NOT_FOUND, or ERR_INVALID for what is there and wrong) says
 * what is missing.
 */
int wire_check(struct wire *wire, struct wiring *wiring, struct err *err);

/* Which host link of a container is meant. */
struct wire_owner {
        const char *host_ifname; /* computed from the pod; NULL: not known */
        const char *container_id, *ifname;
        const struct pod_link_owner *pod; /* for the names that it may have instead; NULL: there are none */
        bool unnamed; /* the pod's name is not known now; it may have been when the link was made */
};

/*
 * Removes a container's host link. It must bear the container's alias (or not yet any, see name.h), and the MAC that it
 * was made with, or one of the names that it may have, perhaps with another prefix (the setting was changed since). For an
 * unnamed pod, the only link of our form with that alias is taken as well. No such link is success: ret_name, what it was
 * called, is "" then.
 */
int wire_remove_host_link(struct netlink *host, const struct wire_owner *owner,
                          char ret_name[static LINK_NAME_BYTES], struct err *err);

#endif
