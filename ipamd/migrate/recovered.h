// SPDX-License-Identifier: Apache-2.0
/*
 * Pods that outlived the database. A database that is lost while pods run, or is older than they are (a copy put back, a log
 * that was lost, another path and back), does not know them, and the kernel still says who has which address: a pod's host
 * link bears its container's id, and a route in the pods' table leads to it. Such an address must not be offered (rule 1 of
 * the pool), so at each start it goes the way of a pod that is taken over: nobody's until the pod's link and EC2 have been
 * looked at, then a lease.
 *
 * The kernel knows neither the network nor the pod's name. The lease gets the former from the first DEL or CHECK of its
 * container (store_lease_release(), store_lease_get()); the latter stays unknown. Addresses of pods that another plugin
 * wired (address_only) have no link of ours, and are not found.
 */
#ifndef IPAMD_MIGRATE_RECOVERED_H
#define IPAMD_MIGRATE_RECOVERED_H

#include <vpcwire/link.h>
#include <vpcwire/route.h>

#include "store/store.h"

/*
 * The pods that the kernel shows: veths with an alias to which a route in the pods' table leads. Their names' prefix is not
 * asked for: it may have been another one. Pure; in the arena.
 */
void recovered_of(struct arena *arena, const struct link_info *links, size_t n_links,
                  const struct route_info *routes, size_t n_routes, struct import **ret, size_t *ret_n);

/* The same of this host's kernel, whoever made the routes. */
int recovered_find(struct arena *arena, struct import **ret, size_t *ret_n, struct err *err);

/*
 * Whether a row of a checkpoint is of a pod that somebody else runs: no lease of its container has the address, and a route
 * in main leads to it alone, as aws-vpc-cni makes one. A row of a pod that is gone has no such route. Pure.
 */
bool recovered_has_foreign(const struct import *rows, size_t n_rows, const struct lease *leases,
                           size_t n_leases, const struct route_info *main, size_t n_main);

/*
 * recovered pods (the first *ret_n_recovered), and then what a checkpoint says (rows) of other addresses. A row of a recovered pod's address gives it the pod's name
 * where it speaks of the very container; any other is of an earlier pod. Pure; in the arena.
 */
void recovered_join(struct arena *arena, const struct import *rows, size_t n_rows,
                    const struct import *recovered, size_t n_recovered, struct import **ret, size_t *ret_n,
                    size_t *ret_n_recovered);

#endif
