// SPDX-License-Identifier: Apache-2.0
/* Inside config: what the value of each type of setting may be, and where it is put. */
#ifndef IPAMD_CONFIG_VALUE_H
#define IPAMD_CONFIG_VALUE_H

#include "config/table.h"

/* Checks the value and puts it into the config. ERR_INVALID quotes the value and says what is allowed. */
int setting_take(struct config *config, const struct setting *setting, const char *value, struct err *err);
bool setting_equal(const struct config *a, const struct config *b, const struct setting *setting);
/* Of a reloadable one. */
void setting_copy(struct config *to, const struct config *from, const struct setting *setting);

/* As Go's strconv.ParseBool() and so aws-vpc-cni, but for "T" and "F" in either case. False: it is neither. */
bool config_parse_flag(const char *value, bool *ret);

#endif
