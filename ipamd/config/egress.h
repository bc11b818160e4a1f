// SPDX-License-Identifier: Apache-2.0
/* Inside config: values of struct egress. ERR_INVALID quotes the value and says what is allowed. `name`: the setting's. */
#ifndef IPAMD_CONFIG_EGRESS_H
#define IPAMD_CONFIG_EGRESS_H

#include <vpcwire/dataplane.h>

#include "config/config.h"

enum {
        CONFIG_MARK_TAKEN = DATAPLANE_MARK_MASK | DATAPLANE_MARK_KUBE_PROXY | DATAPLANE_MARK_PORTMAP,
};

/*
 * "10.0.0.0/8, 192.168.0.0/16": host bits are cleared, doubles dropped, at most CIDRS_MAX. "" is an empty list. What is
 * no IPv4 CIDR is left out with a warning, as aws-vpc-cni does.
 */
int config_take_cidrs(struct config *config, const char *name, const char *value, struct cidrs *ret,
                      struct err *err);
bool config_cidrs_equal(const struct cidrs *a, const struct cidrs *b);

/* "0x80" or "128", without the bits of CONFIG_MARK_TAKEN. */
int config_take_mark(const char *value, uint32_t *ret, struct err *err);

/* "prng", "hashrandom" or "none"; anything else is "prng" with a warning, as in aws-vpc-cni. */
void config_take_snat_ports(struct config *config, const char *name, const char *value, enum snat_ports *ret);

#endif
