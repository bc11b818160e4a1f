// SPDX-License-Identifier: Apache-2.0
/* The daemon: joins the RPC server, the reconciler and the network monitor on one loop, and ends them in order. */
#ifndef IPAMD_DAEMON_DAEMON_H
#define IPAMD_DAEMON_DAEMON_H

#include <vpcwire/err.h>

struct config;

/*
 * Runs until SIGTERM or SIGINT (returns 0) or a failure at the start. Signals are held before (signals_hold()). config is
 * what is in force all along: at SIGHUP conf_path is read again, and what may change is changed in it.
 */
int daemon_run(struct config *config, const char *conf_path, struct err *err);

#endif
