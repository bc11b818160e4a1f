// SPDX-License-Identifier: Apache-2.0
/* Inside config: values of struct node_border. ERR_INVALID quotes the value and says what is allowed. `name`: the setting's. */
#ifndef IPAMD_CONFIG_BORDER_H
#define IPAMD_CONFIG_BORDER_H

#include <vpcwire/dataplane.h>

#include "config.h"

enum {
        CONFIG_MARK_TAKEN = DATAPLANE_MARK_MASK | DATAPLANE_MARK_KUBE_PROXY | DATAPLANE_MARK_PORTMAP,
};

/*
 * "10.0.0.0/8, 192.168.0.0/16": host bits are cleared, doubles dropped, at most NODE_CIDRS_MAX. "" is an empty list. What is
 * no IPv4 CIDR is left out with a warning, as aws-vpc-cni does.
 */
int config_take_cidrs(struct config *config, const char *name, const char *value, struct node_cidrs *ret,
                      struct err *err);
bool config_cidrs_equal(const struct node_cidrs *a, const struct node_cidrs *b);

/* "0x80" or "128", without the bits of CONFIG_MARK_TAKEN. */
int config_take_mark(const char *value, uint32_t *ret, struct err *err);

/* "prng", "hashrandom" or "none"; anything else is "prng" with a warning, as in aws-vpc-cni. */
void config_take_snat_ports(struct config *config, const char *name, const char *value,
                            enum node_snat_ports *ret);

#endif
