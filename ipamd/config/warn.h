// SPDX-License-Identifier: Apache-2.0
/* Inside config: warnings about settings that are understood and not followed, or renamed. */
#ifndef IPAMD_CONFIG_WARN_H
#define IPAMD_CONFIG_WARN_H

#include "config/config.h"

/* `setting` is its name in the table, and is kept. */
void config_warn(struct config *config, const char *setting, const char *format, ...) _printf_(3, 4);
/* It was set by its old name, and is followed. */
void config_warn_renamed(struct config *config, const char *setting, const char *old_name, const char *value);
/* Those of one setting, which a later source has, too. */
void config_forget_warnings(struct config *config, const char *setting);

#endif
