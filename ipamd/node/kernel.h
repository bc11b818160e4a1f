// SPDX-License-Identifier: Apache-2.0
/*
 * What ipamd and the plugin ask of the kernel: one table, which `ipamd kernel` prints (deploy/KERNEL.md) and `ipamctl doctor`
 * tries on the kernel that runs.
 */
#ifndef IPAMD_NODE_KERNEL_H
#define IPAMD_NODE_KERNEL_H

#include <stddef.h>
#include <stdio.h>

#include <vpcwire/err.h>

struct kernel_version {
        unsigned major, minor;
};

struct kernel_feature {
        const char *name;
        const char *use; /* what it is for */
        struct kernel_version since;
        const char *option;  /* of the kernel's configuration; NULL: it is in every kernel from `since` on */
        const char *setting; /* needed only where this one is true; NULL: whatever the settings are */
        /* How it is tried: one of the two. */
        const char *nft; /* commands that need it */
        int (*probe)(struct err *err);
};

extern const struct kernel_feature kernel_features[];
extern const size_t n_kernel_features;

/* The first does all that we ask for. Nobody has run us on one before the second. */
extern const struct kernel_version kernel_minimum, kernel_oldest_run;

/* As by strcmp(). */
int kernel_version_compare(struct kernel_version a, struct kernel_version b);
/* Of the kernel that runs, and how it calls itself ("5.10.0-33-cloud-amd64"), which is ERR_INVALID where it has no number. */
enum { KERNEL_RELEASE_BYTES = 65 };
int kernel_running(struct kernel_version *ret, char release[static KERNEL_RELEASE_BYTES], struct err *err);

/*
 * Tries one, and changes nothing but the modules that the kernel loads for it: in a network namespace of its own, or, where none may be made (in the daemon's container),
 * by requests that the kernel looks at and does not carry out. ERR_DENIED: this process may not ask; any other error: the
 * kernel lacks it. Not while other threads run.
 */
int kernel_try(const struct kernel_feature *feature, struct err *err);

void kernel_print_markdown(FILE *to);

#endif
