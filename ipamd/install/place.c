// SPDX-License-Identifier: Apache-2.0
#include "install/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

enum {
        TEMPORARY_LETTERS = 6,
        TEMPORARY_AGE_MAX_S = 600, /* younger ones may be another process's, which is at it */
};

static void closedirp(DIR **folder)
{
        if (*folder)
                closedir(*folder);
}

static bool is_temporary_of(const char *name, const char *file)
{
        size_t n = strlen(file), suffix = strlen(FILE_TEMPORARY_SUFFIX);

        return strncmp(name, file, n) == 0 && strncmp(name + n, FILE_TEMPORARY_SUFFIX, suffix) == 0 &&
               strlen(name + n + suffix) == TEMPORARY_LETTERS;
}

/* Best effort: they are in nobody's way, and cost some space. */
static void remove_temporaries(const char *path)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *name = xstrndup(path, (size_t)(slash - path));
        _cleanup_(closedirp) DIR *folder = opendir(name);
        const struct dirent *entry;
        struct stat st;

        while (folder && (entry = readdir(folder))) {
                if (is_temporary_of(entry->d_name, slash + 1) &&
                    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode) && time(NULL) - st.st_mtime > TEMPORARY_AGE_MAX_S)
                        unlinkat(dirfd(folder), entry->d_name, 0);
        }
}

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
        remove_temporaries(path);
        if (is_already_so(path, bytes, n, mode))
                return 0;
        if (file_replace(path, bytes, n, mode, err) < 0)
                return -(int)err->code;
        *changed = true;
        return 0;
}

int place_remove(const char *path, bool *changed, struct err *err)
{
        remove_temporaries(path);
        if (unlink(path) < 0) {
                if (errno == ENOENT)
                        return 0;
                return err_set_errno(err, errno, "remove %s", path);
        }
        *changed = true;
        return 0;
}

int place_take_away(const char *path, bool *changed, struct err *err)
{
        _cleanup_free_ char *saved = xasprintf("%s" PLACE_SAVED_SUFFIX, path);

        if (rename(saved, path) < 0) {
                if (errno != ENOENT)
                        return err_set_errno(err, errno, "bring back %s", saved);
                return place_remove(path, changed, err);
        }
        remove_temporaries(path);
        *changed = true;
        return 0;
}
