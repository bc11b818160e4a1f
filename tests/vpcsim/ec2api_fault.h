// SPDX-License-Identifier: Apache-2.0
/* What a scripted fault does to a finished reply, of EC2, STS and IMDS alike. */
#ifndef VPCSIM_EC2API_FAULT_H
#define VPCSIM_EC2API_FAULT_H

#include "httpd.h"
#include "world_cruel.h"

/* fault: NULL for none. An error's reply is there already: that is its face's own XML. New texts are in the arena. */
void ec2api_fault_apply(const struct world_fault *fault, struct arena *arena, struct httpd_reply *reply);

#endif
