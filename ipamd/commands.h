// SPDX-License-Identifier: Apache-2.0
/* What `ipamd` does besides being the daemon: `install`, `uninstall` and `settings`. They log; exit codes as in main.c. */
#ifndef IPAMD_COMMANDS_H
#define IPAMD_COMMANDS_H

#include <vpcwire/err.h>

#include "config.h"
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

/*
 * `ipamd uninstall`: takes back what install and the daemon put onto the host. The plugin stays while pods of ours run,
 * for without it they could not be deleted (ERR_BUSY, after the conflist has gone); `force` takes it all the same.
 */
int command_uninstall(const struct config *config, bool force, struct err *err);

#endif
