// SPDX-License-Identifier: Apache-2.0
/* What the kernel refuses once the daemon is in its sandbox, old calls and new ones; and what goes on. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

enum { FAILED_TO_ENTER = 120, WENT_THROUGH = 0, SKIPPED = 77 };

/* Calls that came with Linux 5.1 and later have one number on all machines. */
enum {
        OPEN_TREE = 428,
        MOVE_MOUNT = 429,
        FSOPEN = 430,
        FSCONFIG = 431,
        FSMOUNT = 432,
        FSPICK = 433,
        CLONE3 = 435,
        PIDFD_GETFD = 438,
        PROCESS_MADVISE = 440,
        MOUNT_SETATTR = 442,
        IO_URING_SETUP = 425,
        IO_URING_ENTER = 426,
        IO_URING_REGISTER = 427,
        MEMFD_SECRET = 447,
        LATEST_THAT_NOBODY_KNOWS = 511,
};

/* In a process of its own: enters the sandbox, and calls with arguments that no kernel takes. Its errno; 0: it succeeded. */
static int in_sandbox(long number, long first)
{
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
                struct err err;

                if (sandbox_enter(&err) < 0)
                        _exit(FAILED_TO_ENTER);
                errno = 0;
                _exit(syscall(number, first, -1L, -1L, -1L, -1L, -1L) < 0 ? errno : WENT_THROUGH);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status))
                fail_msg("system call %ld ended the process: status %#x", number, status);
        assert_int_not_equal(WEXITSTATUS(status), FAILED_TO_ENTER);
        return WEXITSTATUS(status);
}

static void test_what_is_refused(void **state _unused_)
{
        static const struct {
                long number, first;
                int expect;
        } cases[] = {
                {SYS_execve, -1, EPERM},
                {SYS_mount, -1, EPERM},
                {SYS_unshare, CLONE_NEWNS, EPERM},
                {SYS_setns, -1, EPERM},
                {SYS_bpf, -1, EPERM},
                {SYS_kexec_file_load, -1, EPERM},
                {SYS_clock_adjtime, -1, EPERM},
                {SYS_adjtimex, -1, EPERM},
                {SYS_name_to_handle_at, -1, EPERM},
                {SYS_personality, -1, EPERM},
                {SYS_process_vm_readv, -1, EPERM},
#ifndef __SANITIZE_ADDRESS__ /* the leak detector is a tracer */
                {SYS_ptrace, -1, EPERM},
#endif
                {SYS_clone, CLONE_NEWUSER, ENOSYS},
                {CLONE3, -1, ENOSYS}, /* glibc then takes clone, whose flags can be looked at */
                {OPEN_TREE, -1, ENOSYS},
                {MOVE_MOUNT, -1, ENOSYS},
                {FSOPEN, -1, ENOSYS},
                {FSCONFIG, -1, ENOSYS},
                {FSMOUNT, -1, ENOSYS},
                {FSPICK, -1, ENOSYS},
                {MOUNT_SETATTR, -1, ENOSYS},
                {PIDFD_GETFD, -1, ENOSYS},
                {PROCESS_MADVISE, -1, ENOSYS},
                {MEMFD_SECRET, -1, ENOSYS},
                {IO_URING_SETUP, -1, ENOSYS},
                {IO_URING_ENTER, -1, ENOSYS},
                {IO_URING_REGISTER, -1, ENOSYS},
                {LATEST_THAT_NOBODY_KNOWS, -1, ENOSYS},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int got = in_sandbox(cases[i].number, cases[i].first);

                if (got != cases[i].expect)
                        fail_msg("system call %ld: errno %d, not %d", cases[i].number, got, cases[i].expect);
        }
}

static void *nothing(void *data)
{
        return data;
}

/* 0: all that a library may want is there. */
static int do_daily_business(void)
{
        struct err err;
        pthread_t thread;
        FILE *file;

        if (sandbox_enter(&err) < 0)
                return FAILED_TO_ENTER;
        file = tmpfile();
        if (!file || fprintf(file, "x") != 1 || fflush(file) != 0 || fsync(fileno(file)) < 0)
                return 1;
        fclose(file);
        if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
                return 2;
        if (faccessat(AT_FDCWD, "/", F_OK, AT_EACCESS) < 0)
                return 3;
        return 0;
}

static void test_what_goes_on(void **state _unused_)
{
        int status = 0;
        pid_t child = fork();

        if (child == 0)
                _exit(do_daily_business());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_what_goes_on),
        };

        return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED;
}
