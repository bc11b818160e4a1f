// SPDX-License-Identifier: Apache-2.0
/*
 * Running pods of aws-vpc-cni become ours. Its checkpoint file says who has which address; the kernel says whether that is
 * still so (the pod's link, and the host's route to it); EC2 whether the address is on an ENI of this node. Until all
 * three agree the address is nobody's, and a row that no pod stands for is skipped to be shown.
 */
#ifndef IPAMD_MIGRATE_TAKEOVER_H
#define IPAMD_MIGRATE_TAKEOVER_H

#include "model/outcome.h"
#include "store/store.h"

/* What it works on, and with. */
struct takeover_options {
        struct store *store;
        struct netlink *netlink;
        const char *backing_store; /* the checkpoint; NULL: there is none */
        const char *xtables_lock;  /* the lock file of iptables-legacy */
        uint32_t connmark;         /* AWS_VPC_K8S_CNI_CONNMARK, as we have it */
        int64_t grace_ms;          /* how long a pod of the checkpoint may show no link */
};

/* One round of the reconciler, as far as it concerns the take-over. */
struct takeover_round {
        struct arena *arena;
        int64_t now_ms; /* clock_boottime_ms() */
        const struct eni *enis;
        size_t n_enis;
        bool network_due; /* the host's network is not yet as the database wants it */
};

struct takeover {
        bool pending;               /* rows of aws-vpc-cni's are to be taken over */
        bool tidy;                  /* what it left in the kernel is to be removed */
        bool tidy_legacy;           /* ... and in iptables-legacy ... */
        int64_t tidy_legacy_due_ms; /* ... not before */
        enum err_code reported;     /* why that could not be; ERR_NONE: nothing is reported */
        int64_t deadline_ms;        /* a row whose pod was not seen by then has none */
};

int takeover_start(struct takeover *takeover, const struct takeover_options *options, struct outcome *out,
                   struct err *err);
int takeover_step(struct takeover *takeover, const struct takeover_options *options,
                  const struct takeover_round *round, struct outcome *out, struct err *err);

#endif
