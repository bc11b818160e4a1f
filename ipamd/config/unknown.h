// SPDX-License-Identifier: Apache-2.0
/* Inside config: environment variables that look like settings and are none, most likely misspelt. */
#ifndef IPAMD_CONFIG_UNKNOWN_H
#define IPAMD_CONFIG_UNKNOWN_H

#include "config/config.h"

/* A warning for each of them, with the nearest name that there is: a container's environment has others' names, too. */
void unknown_warn(struct config *config);

#endif
