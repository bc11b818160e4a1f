// SPDX-License-Identifier: Apache-2.0
/* aws-vpc-cni's checkpoint file, schema vpc-cni-ipam/1: who has which address. */
#ifndef IPAMD_MIGRATE_CHECKPOINT_H
#define IPAMD_MIGRATE_CHECKPOINT_H

#include "store/imports.h"

#define CHECKPOINT_SCHEMA "vpc-cni-ipam/1"

enum {
        CHECKPOINT_NS_IN_A_MS = 1000000,             /* its times are in ns */
        CHECKPOINT_FILE_BYTES_MAX = 4 * 1024 * 1024, /* 737 rows have 300 KiB */
        CHECKPOINT_ROWS_MAX = 4096,
        CHECKPOINT_CARDS_MAX = 16, /* network cards, each with a file of its own */
        CHECKPOINT_PRINT_BYTES = 40,
};

/*
 * Reads the checkpoint of aws-vpc-cni's schema vpc-cni-ipam/1, and those of further network cards beside it
 * (NAME-nic-1.json, ...). No file: no rows. ERR_INVALID or ERR_PROTOCOL where one is there and is not understood: its pods
 * would else be given away. In the arena.
 */
int checkpoint_read(const char *path, struct arena *arena, struct import **ret, size_t *ret_n,
                    struct err *err);

/* Tells a checkpoint from another one of the same file: who has which address, as a short text. Pure. */
void checkpoint_print(const struct import *rows, size_t n, char ret[static CHECKPOINT_PRINT_BYTES]);

#endif
