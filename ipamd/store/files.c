// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

#include "store/files.h"
#include "store/store.h"

enum { LEAST_BYTES = 512 }; /* the smallest page of SQLite */

static const char *const companions[] = {"-wal", "-shm", "-journal"};

static char *folder_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return xstrdup(".");
        return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static int check_folder(const char *path, struct err *err)
{
        _cleanup_free_ char *folder = folder_of(path);
        struct stat st;
        int r = file_make_folder(folder, 0700, err);

        if (r < 0)
                return r;
        if (stat(folder, &st) < 0)
                return err_set_errno(err, errno, "look at folder %s", folder);
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return err_set(err, ERR_DENIED, "folder %s belongs to user %u; it must be ours (%u)", folder,
                               st.st_uid, geteuid());
        if ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))
                return err_set(err, ERR_DENIED,
                               "folder %s has mode %04o; others must not write into it (chmod 0700)", folder,
                               st.st_mode & 07777);
        return 0;
}

static int check_owner(const char *path, const struct stat *st, struct err *err)
{
        if (!S_ISREG(st->st_mode))
                return err_set(err, ERR_DENIED, "%s is %s, not a plain file", path,
                               S_ISLNK(st->st_mode) ? "a symbolic link" : "something else");
        if (st->st_uid != geteuid())
                return err_set(err, ERR_DENIED, "%s belongs to user %u; it must be ours (%u)", path,
                               st->st_uid, geteuid());
        if (st->st_nlink > 1)
                return err_set(err, ERR_DENIED, "%s has %lu hard links; it must have one", path,
                               (unsigned long)st->st_nlink);
        if (st->st_mode & 077)
                return err_set(err, ERR_DENIED, "%s has mode %04o; it must be 0600", path,
                               st->st_mode & 07777);
        return 0;
}

/*
 * lstat() instead of open() and fstat(): closing any descriptor of the file would drop the POSIX locks that SQLite
 * holds on it in this process. The folder is ours alone, so nobody can exchange the file in between.
 */
int files_check(const char *path, struct err *err)
{
        struct stat st, beside;
        int r;

        if (lstat(path, &st) < 0)
                return err_set_errno(err, errno, "look at database %s", path);
        r = check_owner(path, &st, err);
        /* SQLite would take less than a page for nothing, and write over it. */
        if (r == 0 && st.st_size > 0 && st.st_size < LEAST_BYTES)
                r = err_set(err, ERR_PROTOCOL, "database %s is damaged: it has %lld bytes", path,
                            (long long)st.st_size);
        for (size_t i = 0; i < ARRAY_SIZE(companions) && r == 0; i++) {
                _cleanup_free_ char *name = xasprintf("%s%s", path, companions[i]);

                if (lstat(name, &beside) < 0)
                        continue;
                r = check_owner(name, &beside, err);
                /* SQLite would take an empty file with a log for a new database, and throw the log away. */
                if (r == 0 && st.st_size == 0 && beside.st_size > 0 && i != 1)
                        r = err_set(err, ERR_PROTOCOL,
                                    "database %s is empty, but %s is not: the database's content was lost",
                                    path, name);
        }
        return r;
}

int files_prepare(const char *path, struct err *err)
{
        _cleanup_close_ int fd = -1;
        int r = check_folder(path, err);

        if (r < 0)
                return r;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0) {
                for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
                        _cleanup_free_ char *name = xasprintf("%s%s", path, companions[i]);

                        unlink(name); /* of a database that was removed */
                }
                return 0;
        }
        if (errno != EEXIST)
                return err_set_errno(err, errno, "create database %s", path);
        return files_check(path, err);
}

/* ---- the lock ---- */

static int holder_of(int fd)
{
        char text[16] = "";

        return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

int files_lock(const char *path, int *ret_fd, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

        *ret_fd = -1;
        if (fd < 0)
                return 0;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return err_set_errno(err, errno, "lock database %s", path);
                return err_set(err, ERR_BUSY,
                               "database %s is in use by another ipamd, whose lock %s.lock was removed", path,
                               path);
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Nothing of ours has the database open yet: closing this descriptor drops no lock of SQLite's. */
static int check_unlocked(const char *path, struct err *err)
{
        _cleanup_close_ int fd = -1;

        return files_lock(path, &fd, err);
}

int store_lock(const char *path, int *ret_fd, struct err *err)
{
        _cleanup_free_ char *name = xasprintf("%s.lock", path);
        _cleanup_close_ int fd = -1;
        char text[16];
        struct stat st;
        int n, r = check_folder(path, err);

        if (r < 0)
                return r;
        fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (fd < 0)
                return err_set_errno(err, errno, "open lock %s", name);
        if (fstat(fd, &st) < 0)
                return err_set_errno(err, errno, "look at lock %s", name);
        r = check_owner(name, &st, err);
        if (r < 0)
                return r;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return err_set_errno(err, errno, "lock %s", name);
                return err_set(err, ERR_BUSY, "database %s is in use: ipamd with pid %d holds %s", path,
                               holder_of(fd), name);
        }
        r = check_unlocked(path, err);
        if (r < 0)
                return r;
        n = snprintf(text, sizeof(text), "%d\n", getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
                return err_set_errno(err, errno ?: EIO, "write our pid into %s", name);
        *ret_fd = TAKE_FD(fd);
        return 0;
}
