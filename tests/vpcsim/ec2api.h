// SPDX-License-Identifier: Apache-2.0
/*
 * The EC2 query API over HTTP: parses and verifies a request, finds its action in a table, answers in EC2's XML; STS's
 * actions too. Threads of its own, which take world_lock() for each request.
 */
#ifndef VPCSIM_EC2API_H
#define VPCSIM_EC2API_H

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct world;
struct ec2api;
struct httpd_tls;

/*
 * Serves on a listening socket (of any network namespace), which it owns once this has succeeded. world is borrowed
 * and must outlive the ec2api. tls: NULL for plain HTTP.
 */
int ec2api_start(struct world *world, int listen_fd, const struct httpd_tls *tls, struct ec2api **ret,
                 struct err *err);

/* Ends the thread after the request it is at. Never call it under world_lock(). */
struct ec2api *ec2api_stop(struct ec2api *api);
DEFINE_CLEANUP(struct ec2api *, ec2api_stop)

#endif
