// SPDX-License-Identifier: Apache-2.0
#include "install/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

int place_save(const char *path, struct err *err)
{
        _cleanup_free_ char *saved = xasprintf("%s" PLACE_SAVED_SUFFIX, path);

        /* A second name: the first is never missing, so a runtime that looks meanwhile finds it. */
        if (link(path, saved) < 0 && errno != ENOENT && errno != EEXIST)
                return err_set_errno(err, errno, "keep %s as %s", path, saved);
        return 0;
}

static bool is_already_so(const char *path, const void *bytes, size_t n, mode_t mode)
{
        _cleanup_free_ char *there = NULL;
        struct stat st;
        size_t there_n;

        if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != mode ||
            st.st_size != (off_t)n)
                return false;
        return file_read(path, n, &there, &there_n, NULL) == 0 && there_n == n &&
               memcmp(there, bytes, n) == 0;
}

int place_file(const char *path, const void *bytes, size_t n, mode_t mode, bool *changed, struct err *err)
{
        if (is_already_so(path, bytes, n, mode))
                return 0;
        if (file_replace(path, bytes, n, mode, err) < 0)
                return -(int)err->code;
        *changed = true;
        return 0;
}

int place_take_away(const char *path, bool *changed, struct err *err)
{
        _cleanup_free_ char *saved = xasprintf("%s" PLACE_SAVED_SUFFIX, path);

        if (rename(saved, path) < 0) {
                if (errno != ENOENT)
                        return err_set_errno(err, errno, "bring back %s", saved);
                if (unlink(path) < 0) {
                        if (errno == ENOENT)
                                return 0;
                        return err_set_errno(err, errno, "remove %s", path);
                }
        }
        *changed = true;
        return 0;
}
