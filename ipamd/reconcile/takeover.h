// SPDX-License-Identifier: Apache-2.0
/*
 * Running pods of aws-vpc-cni become ours. Its checkpoint file says who has which address; the kernel says whether that is
 * still so (the pod's link, and the host's route to it); EC2 whether the address is on an ENI of this node. Until all
 * three agree the address is nobody's, and a row that no pod stands for is kept aside to be shown.
 */
#ifndef IPAMD_RECONCILE_TAKEOVER_H
#define IPAMD_RECONCILE_TAKEOVER_H

#include "store/store.h"

enum {
        TAKEOVER_FILE_BYTES_MAX = 4 * 1024 * 1024, /* 737 rows have 300 KiB */
        TAKEOVER_ROWS_MAX = 4096,
        TAKEOVER_CARDS_MAX = 16, /* network cards, each with a file of its own */
        TAKEOVER_PRINT_BYTES = 40,
};

/*
 * Reads the checkpoint of aws-vpc-cni's schema vpc-cni-ipam/1, and those of further network cards beside it
 * (NAME-nic-1.json, ...). No file: no rows. ERR_INVALID or ERR_PROTOCOL where one is there and is not understood: its pods
 * would else be given away. In the arena.
 */
int takeover_read(const char *path, struct arena *arena, struct store_import **ret, size_t *ret_n,
                  struct err *err);

struct context;
struct outcome;
struct round;

struct takeover {
        bool pending;               /* rows of aws-vpc-cni's are to be taken over */
        bool tidy;                  /* what it left in the kernel is to be removed */
        bool tidy_legacy;           /* ... and in iptables-legacy ... */
        int64_t tidy_legacy_due_ms; /* ... not before */
        enum err_code told;         /* why that could not be; ERR_NONE: nothing is told */
        int64_t deadline_ms;        /* a row whose pod was not seen by then has none */
};

int takeover_start(struct takeover *takeover, struct context *ctx, struct outcome *out, struct err *err);
/* network_due: the host's network is not yet as the database wants it. */
int takeover_step(struct takeover *takeover, struct context *ctx, struct round *round, bool network_due,
                  struct outcome *out, struct err *err);

/* Tells a checkpoint from another one of the same file: who has which address, as a short text. Pure. */
void takeover_print(const struct store_import *rows, size_t n, char ret[static TAKEOVER_PRINT_BYTES]);

#endif
