// SPDX-License-Identifier: Apache-2.0
/* Other people's firewalls. */
#ifndef IPAMD_RECONCILE_FIREWALLS_H
#define IPAMD_RECONCILE_FIREWALLS_H

#include "reconcile/round.h"

enum {
        FIREWALL_PERIOD_MS = 60 * 1000, /* other people's firewalls are looked at */
        FIREWALL_SETTLE_MS = 1000,      /* between two checks, however often somebody changes his chains */
        FIREWALL_MENDED_MS = 5 * 1000, /* the same while one drops the pods' packets: the remedy shows soon */
};

struct firewalls {
        int64_t seen_ms; /* the last check */
        int64_t due_ms;  /* the next one */
};

int firewall_watch(struct firewalls *firewalls, struct context *ctx, struct round *round, struct outcome *out,
                   struct err *err);
/* Somebody changed one. */
void firewall_hasten(struct firewalls *firewalls);

#endif
