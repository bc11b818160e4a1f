// SPDX-License-Identifier: Apache-2.0
/* Inside config: values of struct node_border. ERR_INVALID quotes the value and says what is allowed. */
#ifndef IPAMD_CONFIG_BORDER_H
#define IPAMD_CONFIG_BORDER_H

#include "config.h"

/* "10.0.0.0/8, 192.168.0.0/16": host bits are cleared, doubles dropped, at most NODE_CIDRS_MAX. "" is an empty list. */
int config_take_cidrs(const char *value, struct node_cidrs *ret, struct err *err);
bool config_cidrs_equal(const struct node_cidrs *a, const struct node_cidrs *b);

/* "0x80" or "128". */
int config_take_mark(const char *value, uint32_t *ret, struct err *err);

/* "prng", "hashrandom" or "none". */
int config_take_snat_ports(const char *value, enum node_snat_ports *ret, struct err *err);
const char *config_snat_ports_to_string(enum node_snat_ports ports);

#endif
