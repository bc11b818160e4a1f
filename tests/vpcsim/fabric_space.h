// SPDX-License-Identifier: Apache-2.0
/*
 * One network namespace of the fabric, with a netlink socket in it: made under a name, configured, removed whole.
 * Internal to fabric*.c.
 */
#ifndef VPCSIM_FABRIC_SPACE_H
#define VPCSIM_FABRIC_SPACE_H

#include <stdbool.h>

#include <vpcwire/addr.h>
#include <vpcwire/netlink.h>

struct fabric_space {
        char *name; /* of the namespace; NULL: there is none */
        int netns_fd;
        struct netlink *nl;
};
#define FABRIC_SPACE_NONE ((struct fabric_space){.netns_fd = -1})

/* Makes the namespace "<prefix>-<suffix>" with its loopback up. ERR_EXISTS when the name is taken. */
int fabric_space_create(const char *prefix, const char *suffix, struct fabric_space *ret, struct err *err);
/* Opens one that is there. */
int fabric_space_open(const char *name, struct fabric_space *ret, struct err *err);
/*
 * Cuts its veth links and takes the name away, so that nothing reaches it even if processes live on in it. Goes on
 * after failures; the first one is the error. *space is FABRIC_SPACE_NONE then.
 */
int fabric_space_remove(struct fabric_space *space, struct err *err);
void fabric_space_close(struct fabric_space *space); /* lets go of it, and leaves it there */

/* A "%s" in the key is the link's name. */
struct fabric_sysctl {
        const char *key, *value;
};

/* All those in the list, which ends with a NULL key. link may be NULL where no key has a %s. */
int fabric_space_set_sysctls(const struct fabric_space *space, const struct fabric_sysctl *list,
                             const char *link, struct err *err);

/* Puts an address on a link of the space; fine when it is there. */
int fabric_space_add_address(const struct fabric_space *space, const char *link, struct prefix address,
                             struct err *err);

/*
 * A veth whose other end just came up drops what is sent on it until the kernel has got to know: waits for that, ERR_TIMEOUT
 * after a minute.
 */
int fabric_space_wait_running(const struct fabric_space *space, const char *link, struct err *err);

int fabric_space_listen_tcp(const struct fabric_space *space, struct ip address, unsigned port, int *ret_fd,
                            struct err *err);

/*
 * Names of existing namespaces that begin with "<prefix>-", sorted; the caller frees each and the array.
 */
int fabric_space_list(const char *prefix, char ***ret, size_t *ret_n, struct err *err);
void fabric_space_list_free(char **names, size_t n);

#endif
