// SPDX-License-Identifier: Apache-2.0
/* The process as Prometheus' client libraries show it, in every language by the same names: process_*. */
#ifndef IPAMD_METRICS_PROCESS_H
#define IPAMD_METRICS_PROCESS_H

#include <vpcwire/mem.h>

/* What cannot be read is left out. */
void process_write(struct text *to);

#endif
