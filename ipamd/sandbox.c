// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>

/* A deny list: an allow list would follow every library's every version, and break a node when it is wrong. */
static const int denied[] = {
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(delete_module),
        SCMP_SYS(kexec_load),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(setns),
        SCMP_SYS(unshare),
        SCMP_SYS(add_key),
        SCMP_SYS(keyctl),
        SCMP_SYS(request_key),
        SCMP_SYS(swapon),
        SCMP_SYS(swapoff),
        SCMP_SYS(reboot),
        SCMP_SYS(settimeofday),
        SCMP_SYS(clock_settime),
        SCMP_SYS(sethostname),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(userfaultfd),
};

static int drop_capabilities(struct err *err)
{
        if (!capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
                return err_set(
                        err, ERR_DENIED,
                        "the capability NET_ADMIN is needed and not given (in Kubernetes by the container's "
                        "securityContext, under systemd by CapabilityBoundingSet)");
        capng_clear(CAPNG_SELECT_BOTH);
        if (capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_ADMIN) < 0 ||
            capng_apply(CAPNG_SELECT_CAPS) < 0)
                return err_set_errno(err, errno, "keep only CAP_NET_ADMIN");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_set_errno(err, errno, "forbid new privileges");
        return 0;
}

int sandbox_enter(struct err *err)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int e = filter ? 0 : -ENOMEM;

        for (size_t i = 0; i < ARRAY_SIZE(denied) && e == 0; i++)
                e = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
        if (e == 0)
                e = drop_capabilities(err);
        else
                err_set_errno(err, -e, "build the system call filter");
        if (e == 0) {
                e = seccomp_load(filter);
                if (e < 0)
                        err_set_errno(err, -e, "load the system call filter");
        }
        if (filter)
                seccomp_release(filter);
        return e < 0 && err ? -(int)err->code : e;
}
