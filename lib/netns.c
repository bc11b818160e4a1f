// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>
#include <linux/nsfs.h>

#include <vpcwire/file.h>
#include <vpcwire/netns.h>

#define OWN_NETNS "/proc/thread-self/ns/net"

int netns_open(const char *path, int *ret_fd, struct err *err)
{
        /* O_NONBLOCK: a FIFO in the place of a namespace must not hold us up. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct statfs fs;

        if (fd < 0)
                return err_set_errno(err, errno, "open network namespace %s", path);
        if (fstatfs(fd, &fs) < 0)
                return err_set_errno(err, errno, "look at %s", path);
        if (fs.f_type != NSFS_MAGIC || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
                return err_set(err, ERR_INVALID, "%s is not a network namespace", path);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int netns_open_current(int *ret_fd, struct err *err)
{
        return netns_open(OWN_NETNS, ret_fd, err);
}

int netns_is_same(int a_fd, int b_fd, bool *ret, struct err *err)
{
        struct stat a, b;

        if (fstat(a_fd, &a) < 0 || fstat(b_fd, &b) < 0)
                return err_set_errno(err, errno, "compare network namespaces");
        *ret = a.st_dev == b.st_dev && a.st_ino == b.st_ino;
        return 0;
}

int netns_enter(int fd, struct netns_guard *guard, struct err *err)
{
        _cleanup_close_ int previous = -1;
        int r = netns_open_current(&previous, err);

        if (r < 0)
                return r;
        if (setns(fd, CLONE_NEWNET) < 0)
                return err_set_errno(err, errno, "enter a network namespace");
        guard->previous_fd = TAKE_FD(previous);
        return 0;
}

void netns_leave(struct netns_guard *guard)
{
        if (guard->previous_fd < 0)
                return;
        if (setns(guard->previous_fd, CLONE_NEWNET) < 0) {
                fprintf(stderr, "cannot return to the process's own network namespace: %s\n",
                        strerrordesc_np(errno));
                abort();
        }
        close(guard->previous_fd);
        guard->previous_fd = -1;
}

int netns_check_name(const char *name, struct err *err)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
        size_t n = strlen(name);

        if (n == 0 || n >= NETNS_NAME_BYTES || strspn(name, allowed) != n || name[0] == '.' || name[0] == '-')
                return err_set(err, ERR_INVALID,
                               "namespace name '%s': 1..%d of letters, digits, '.', '_', '-' are allowed",
                               name, NETNS_NAME_BYTES - 1);
        return 0;
}

const char *netns_path(const char *name, char path[static NETNS_PATH_BYTES])
{
        snprintf(path, NETNS_PATH_BYTES, NETNS_FOLDER "/%s", name);
        return path;
}

/*
 * The folder as `ip netns add` leaves it: a mount point of its own with shared propagation, so that other mount
 * namespaces see names come and, above all, go: a private copy of the bind mount would keep the namespace alive.
 * The lock is the one ip takes too: two first users would otherwise bind the folder onto itself twice.
 */
static int share_folder(struct err *err)
{
        _cleanup_close_ int lock = -1;
        int r = file_make_folder(NETNS_FOLDER, 0755, err);

        if (r < 0)
                return r;
        lock = open(NETNS_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock < 0 || flock(lock, LOCK_EX) < 0)
                return err_set_errno(err, errno, "lock %s", NETNS_FOLDER);
        if (mount("", NETNS_FOLDER, "none", MS_SHARED | MS_REC, NULL) == 0)
                return 0;
        if (errno != EINVAL) /* EINVAL: not a mount point yet */
                return err_set_errno(err, errno, "share %s", NETNS_FOLDER);
        if (mount(NETNS_FOLDER, NETNS_FOLDER, "none", MS_BIND | MS_REC, NULL) < 0 ||
            mount("", NETNS_FOLDER, "none", MS_SHARED | MS_REC, NULL) < 0)
                return err_set_errno(err, errno, "share %s", NETNS_FOLDER);
        return 0;
}

/* Leaves the calling thread where it was, and the new namespace bound to the path. */
static int unshare_and_bind(const char *path, struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_close_ int previous = -1;
        int r = netns_open_current(&previous, err);

        if (r < 0)
                return r;
        if (unshare(CLONE_NEWNET) < 0)
                return err_set_errno(err, errno, "make a network namespace");
        guard.previous_fd = TAKE_FD(previous);
        if (mount(OWN_NETNS, path, "none", MS_BIND, NULL) < 0)
                return err_set_errno(err, errno, "bind a network namespace to %s", path);
        return 0;
}

int netns_create(const char *name, struct err *err)
{
        _cleanup_close_ int fd = -1;
        char path[NETNS_PATH_BYTES];
        int r = netns_check_name(name, err);

        if (r == 0)
                r = share_folder(err);
        if (r < 0)
                return r;
        netns_path(name, path);
        fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
        if (fd < 0)
                return err_set_errno(err, errno, "create %s", path);
        r = unshare_and_bind(path, err);
        if (r < 0)
                unlink(path);
        return r;
}

int netns_delete(const char *name, struct err *err)
{
        char path[NETNS_PATH_BYTES];
        int r = netns_check_name(name, err);

        if (r < 0)
                return r;
        netns_path(name, path);
        /* EINVAL: a name without a namespace, left by somebody who died between the two steps of making it. */
        if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL)
                return err_set_errno(err, errno, "unmount %s", path);
        if (unlink(path) < 0)
                return err_set_errno(err, errno, "remove %s", path);
        return 0;
}
