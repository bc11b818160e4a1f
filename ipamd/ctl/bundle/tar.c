// SPDX-License-Identifier: Apache-2.0
#include "ctl/bundle/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include <vpcwire/mem.h>

enum { BLOCK = 512, END_BLOCKS = 2 };

/* The ustar header. Numbers are octal digits, ended by NUL. */
struct header {
        char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
        char magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct tar {
        char *path;
        int fd; /* of the file that is ours to keep or remove; -1: it is the caller's */
        gzFile gz;
        int64_t at_s;
        bool finished;
};

int tar_open(int fd, const char *name, int64_t at_s, struct tar **ret, struct err *err)
{
        _cleanup_(tar_freep) struct tar *tar = XNEW(struct tar);
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        *tar = (struct tar){.path = xstrdup(name), .fd = -1, .at_s = at_s};
        tar->gz = copy < 0 ? NULL : gzdopen(copy, "wb");
        if (!tar->gz) {
                if (copy >= 0)
                        close(copy);
                return err_set(err, ERR_SYSTEM, "compress %s", name);
        }
        *ret = TAKE_PTR(tar);
        return 0;
}

int tar_create(const char *path, int64_t at_s, struct tar **ret, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r;

        if (fd < 0 && errno == EEXIST)
                return err_set(err, ERR_EXISTS, "%s exists; it is not overwritten", path);
        if (fd < 0)
                return err_set_errno(err, errno, "make %s", path);
        r = tar_open(fd, path, at_s, ret, err);
        if (r < 0)
                unlink(path);
        else
                (*ret)->fd = TAKE_FD(fd);
        return r;
}

static int put(struct tar *tar, const void *bytes, size_t n, struct err *err)
{
        if (n && gzwrite(tar->gz, bytes, (unsigned)n) != (int)n)
                return err_set_errno(err, errno, "write %s", tar->path);
        return 0;
}

/* A name that has no room is in two pieces, with a '/' between them that is in neither. What has no room at all loses its front. */
static void set_name(struct header *header, const char *name)
{
        size_t n = strlen(name), skipped = n > TAR_NAME_BYTES_MAX ? n - TAR_NAME_BYTES_MAX : 0;
        const char *slash = skipped ? strchr(name + skipped - 1, '/') : NULL;

        if (slash && (size_t)(slash - name) <= sizeof(header->prefix)) {
                memcpy(header->prefix, name, (size_t)(slash - name));
                skipped = (size_t)(slash + 1 - name);
        }
        snprintf(header->name, sizeof(header->name), "%s", name + skipped);
}

/* The sum of the header's bytes, its own field taken as blanks. */
static void seal(struct header *header)
{
        const unsigned char *bytes = (const unsigned char *)header;
        unsigned sum = 0;

        memset(header->checksum, ' ', sizeof(header->checksum));
        for (size_t i = 0; i < sizeof(*header); i++)
                sum += bytes[i];
        snprintf(header->checksum, sizeof(header->checksum), "%06o", sum);
}

int tar_add(struct tar *tar, const char *name, const void *bytes, size_t n, struct err *err)
{
        static const char zeros[BLOCK];
        struct header header = {.mode = "0000600",
                                .uid = "0000000",
                                .gid = "0000000",
                                .type = '0',
                                .magic = "ustar",
                                .version = {'0', '0'},
                                .owner = "root",
                                .group = "root"};
        int r;

        set_name(&header, name);
        snprintf(header.size, sizeof(header.size), "%011o", (unsigned)n);
        snprintf(header.mtime, sizeof(header.mtime), "%011llo",
                 (unsigned long long)tar->at_s & 077777777777ULL);
        seal(&header);
        r = put(tar, &header, sizeof(header), err);
        if (r == 0)
                r = put(tar, bytes, n, err);
        return r == 0 ? put(tar, zeros, (BLOCK - n % BLOCK) % BLOCK, err) : r;
}

int tar_finish(struct tar *tar, struct err *err)
{
        static const char zeros[END_BLOCKS * BLOCK];
        int r = put(tar, zeros, sizeof(zeros), err), rc;

        if (r < 0)
                return r;
        rc = gzclose(tar->gz);
        tar->gz = NULL;
        if (rc != Z_OK || (tar->fd >= 0 && fsync(tar->fd) < 0))
                return err_set_errno(err, errno, "write %s", tar->path);
        tar->finished = true;
        return 0;
}

struct tar *tar_free(struct tar *tar)
{
        if (!tar)
                return NULL;
        if (tar->gz)
                gzclose(tar->gz);
        if (tar->fd >= 0 && !tar->finished)
                unlink(tar->path);
        if (tar->fd >= 0)
                close(tar->fd);
        free(tar->path);
        free(tar);
        return NULL;
}
