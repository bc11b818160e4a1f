// SPDX-License-Identifier: Apache-2.0
/* What `ipamd` does besides being the daemon: `install`, `uninstall` and `settings`. They log; exit codes as in main.c. */
#ifndef IPAMD_DAEMON_COMMANDS_H
#define IPAMD_DAEMON_COMMANDS_H

#include <vpcwire/err.h>

#include "config/config.h"
#include "install/install.h"

/* The host's side of the settings. Points into the config. */
struct install_paths command_paths(const struct config *config);
/* The file that names the boot in which a daemon has served; beside the socket. The caller frees it. */
char *command_marker(const struct config *config);

/*
 * `ipamd install`: the plugin onto the host. The conflist is the daemon's to announce; one that stands there from a boot
 * before this one is taken away, so that the node is not called ready before it is.
 */
int command_install(const struct config *config, struct err *err);

enum uninstall {
        UNINSTALL_PLAIN,
        UNINSTALL_FORCE, /* the plugin goes although pods of ours run */
        UNINSTALL_HANDOVER, /* another daemon has the pods: the plugin stays for them, the host's network and the database go */
};

/*
 * `ipamd uninstall`: takes back what install and the daemon put onto the host: files, and without pods our rules, routes
 * and packet filter, for which it needs CAP_NET_ADMIN. Sysctls stay: what forwards by now is not ours to know. The plugin
 * stays while pods of ours run, for without it they could not be deleted (ERR_BUSY, after the conflist has gone). The daemon
 * must not run: it would put everything back (ERR_BUSY).
 */
int command_uninstall(const struct config *config, enum uninstall how, struct err *err);

#endif
