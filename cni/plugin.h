// SPDX-License-Identifier: Apache-2.0
/*
 * The plugin from environment and standard input to the answer on standard output. The order of the checks is part of the
 * contract with runtimes: environment, reading standard input, JSON and name, version, then the verb.
 */
#ifndef CNI_PLUGIN_H
#define CNI_PLUGIN_H

#include "call.h"

/* The whole plugin. Returns the exit status. */
int plugin_run(const char *const env[], int stdin_fd, int stdout_fd);

#endif
