// SPDX-License-Identifier: Apache-2.0
#include "daemon/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>

/*
 * Two generations of system calls. The old one, numbers below NEW_FROM, grows no more: what we have no use for is named, and
 * refused with EPERM. The new one grows with each kernel: only what is named may pass, and all else is ENOSYS, which
 * libraries take for an older kernel and do without. An allow list of the old ones, too, would have to follow what every
 * version of every library does in rare moments, and would break a node where it is wrong.
 */
enum { NEW_FROM = 424 };

static const int denied[] = {
        /* programs, and other processes */
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(kcmp),
        SCMP_SYS(move_pages),
        SCMP_SYS(migrate_pages),
#ifndef __SANITIZE_ADDRESS__ /* its leak detector is a tracer */
        SCMP_SYS(ptrace),
#endif
        /* mounts and namespaces; clone's flags: see make_filter() */
        SCMP_SYS(mount),
        SCMP_SYS(umount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(setns),
        SCMP_SYS(unshare),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(name_to_handle_at),
        SCMP_SYS(mknod),
        SCMP_SYS(mknodat),
        SCMP_SYS(fanotify_init),
        SCMP_SYS(fanotify_mark),
        SCMP_SYS(quotactl),
        SCMP_SYS(swapon),
        SCMP_SYS(swapoff),
        SCMP_SYS(acct),
        /* the kernel itself */
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(delete_module),
        SCMP_SYS(create_module),
        SCMP_SYS(kexec_load),
        SCMP_SYS(kexec_file_load),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(lookup_dcookie),
        SCMP_SYS(syslog),
        SCMP_SYS(reboot),
        SCMP_SYS(iopl),
        SCMP_SYS(ioperm),
        SCMP_SYS(modify_ldt),
        SCMP_SYS(personality),
        SCMP_SYS(vhangup),
        SCMP_SYS(add_key),
        SCMP_SYS(keyctl),
        SCMP_SYS(request_key),
        /* the clock and the host's name */
        SCMP_SYS(settimeofday),
        SCMP_SYS(clock_settime),
        SCMP_SYS(clock_adjtime),
        SCMP_SYS(adjtimex),
        SCMP_SYS(sethostname),
        SCMP_SYS(setdomainname),
};

/* Numbers, the same on all machines: not every libseccomp knows all names. */
static const int allowed_new[] = {
        436, /* close_range */
        437, /* openat2 */
        439, /* faccessat2 */
        441, /* epoll_pwait2 */
        449, /* futex_waitv */
        452, /* fchmodat2 */
        453, /* map_shadow_stack */
        454, /* futex_wake */
        455, /* futex_wait */
        456, /* futex_requeue */
        462, /* mseal */
};

#define NAMESPACES                                                                                           \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
         CLONE_NEWNET)

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

static bool is_denied(int number)
{
        for (size_t i = 0; i < ARRAY_SIZE(denied); i++)
                if (denied[i] == number)
                        return true;
        return false;
}

/* Numbers of the old generation that this machine has; the holes among them are ENOSYS anyway. */
static int allow_old(scmp_filter_ctx filter)
{
        int e = 0;

        for (int number = 0; number < NEW_FROM && e == 0; number++) {
                char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

                free(name);
                if (name && number != SCMP_SYS(clone))
                        e = seccomp_rule_add(filter,
                                             is_denied(number) ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW,
                                             number, 0);
        }
        return e;
}

static int make_filter(scmp_filter_ctx filter)
{
        /* Threads, and no namespaces. The flags are the first argument on all machines that we run on. */
        const struct scmp_arg_cmp no_namespace = SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES, 0);
        int e = allow_old(filter);

        if (e == 0)
                e = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, no_namespace);
        for (size_t i = 0; i < ARRAY_SIZE(allowed_new) && e == 0; i++)
                e = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_new[i], 0);
        /* A tree instead of a list, and a line in the kernel's log for what is refused: both only where it is known. */
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
        return e;
}

int sandbox_enter(struct err *err)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        int e = filter ? make_filter(filter) : -ENOMEM;

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
