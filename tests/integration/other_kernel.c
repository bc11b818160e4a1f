// SPDX-License-Identifier: Apache-2.0
/*
 * ipamctl on another kernel: linked with --wrap. KERNEL_RELEASE is what the kernel calls itself, KERNEL_LACKS the names of
 * features that it has not, each between commas (",veth,reject,"). See test_doctor.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "node/kernel.h"

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_uname(struct utsname *name);
int __wrap_uname(struct utsname *name);
int __wrap_uname(struct utsname *name)
{
        const char *release = getenv("KERNEL_RELEASE");
        int r = __real_uname(name);

        if (release)
                snprintf(name->release, sizeof(name->release), "%s", release);
        return r;
}

int __real_kernel_try(const struct kernel_feature *feature, struct err *err);
int __wrap_kernel_try(const struct kernel_feature *feature, struct err *err);
int __wrap_kernel_try(const struct kernel_feature *feature, struct err *err)
{
        const char *lacks = getenv("KERNEL_LACKS") ?: "";
        char word[64];

        snprintf(word, sizeof(word), ",%s,", feature->name);
        if (strstr(lacks, word))
                return err_set(err, ERR_SYSTEM, "Could not process rule: No such file or directory");
        return __real_kernel_try(feature, err);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
