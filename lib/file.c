// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

int file_read_fd(int fd, const char *name, size_t max_bytes, char **ret, size_t *ret_bytes, struct err *err)
{
        _cleanup_(text_done) struct text text = {0};
        char chunk[4096];
        ssize_t n;

        text_add_bytes(&text, "", 0);
        for (;;) {
                n = read(fd, chunk, sizeof(chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set_errno(err, errno, "read %s", name);
                if (n == 0)
                        break;
                if (text.bytes + (size_t)n > max_bytes)
                        return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", name, max_bytes);
                text_add_bytes(&text, chunk, (size_t)n);
        }
        if (ret_bytes)
                *ret_bytes = text.bytes;
        *ret = TAKE_PTR(text.text);
        return 0;
}

int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_bytes, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return err_set_errno(err, errno, "open %s", path);
        return file_read_fd(fd, path, max_bytes, ret, ret_bytes, err);
}

int file_write(const char *path, const char *text, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return err_set_errno(err, errno, "open %s", path);
        if (write(fd, text, strlen(text)) < 0)
                return err_set_errno(err, errno, "write '%s' to %s", text, path);
        return 0;
}

static int write_all(int fd, const unsigned char *bytes, size_t n)
{
        while (n) {
                ssize_t written = write(fd, bytes, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                bytes += written;
                n -= (size_t)written;
        }
        return 0;
}

static int sync_folder_of(const char *path)
{
        _cleanup_free_ char *folder = xstrdup(path);
        char *slash = strrchr(folder, '/');
        _cleanup_close_ int fd = -1;

        if (slash)
                slash[slash == folder] = '\0';
        fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, const void *bytes, size_t n, mode_t mode, struct err *err)
{
        _cleanup_free_ char *temporary = xasprintf("%s" FILE_TEMPORARY_SUFFIX "XXXXXX", path);
        _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
        int r;

        if (fd < 0)
                return err_set_errno(err, errno, "create %s", temporary);
        r = write_all(fd, bytes, n);
        if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
                r = -errno;
        if (r < 0) {
                unlink(temporary);
                return err_set_errno(err, -r, "write %s", path);
        }
        r = sync_folder_of(path);
        return r < 0 ? err_set_errno(err, -r, "sync the folder of %s", path) : 0;
}

int file_make_folder(const char *path, mode_t mode, struct err *err)
{
        char part[PATH_MAX];
        size_t n = strlen(path);

        if (n == 0 || n >= sizeof(part))
                return err_set(err, ERR_INVALID, "folder name of %zu bytes; 1..%zu are allowed", n,
                               sizeof(part) - 1);
        memcpy(part, path, n + 1);
        for (size_t i = 1; i <= n; i++) {
                if (part[i] != '/' && part[i] != '\0')
                        continue;
                part[i] = '\0';
                if (mkdir(part, mode) < 0 && errno != EEXIST)
                        return err_set_errno(err, errno, "make folder %s", part);
                part[i] = path[i];
        }
        return 0;
}
