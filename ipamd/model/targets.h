// SPDX-License-Identifier: Apache-2.0
/* What operators want of the pool of addresses: a plain value, which goes from the settings to the planner and to Status as it is. */
#ifndef IPAMD_MODEL_TARGETS_H
#define IPAMD_MODEL_TARGETS_H

#include <stdbool.h>

struct pool_targets {
        unsigned warm_eni; /* WARM_ENI_TARGET */
        bool has_warm_ip, has_minimum_ip;
        unsigned warm_ip, minimum_ip; /* WARM_IP_TARGET, MINIMUM_IP_TARGET; either one overrides warm_eni */
        unsigned max_eni;             /* MAX_ENI; 0: no limit of its own */
        unsigned max_pods;            /* 0: unknown. The pool never grows beyond it */
        unsigned shrink_delay_s;      /* how long a surplus is kept; 0: the planner's own */
};

#endif
