// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/file.h>
#include <vpcwire/sysctl.h>

enum { SYSCTL_PATH_BYTES = 256 };
#define SYSCTL_FOLDER_DEFAULT "/proc/sys"

static const char *sysctl_folder = SYSCTL_FOLDER_DEFAULT;

void sysctl_set_folder(const char *folder)
{
        sysctl_folder = folder;
}

/* What stands before an interface's name. */
static const char *const per_interface[] = {"net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.",
                                            "net.ipv6.neigh."};

/* Turns the dots of path[from..to) into slashes. */
static void dots_to_slashes(char *path, size_t from, size_t to)
{
        for (size_t i = from; i < to; i++) {
                if (path[i] == '.')
                        path[i] = '/';
        }
}

static int sysctl_path(const char *key, char path[static SYSCTL_PATH_BYTES], struct err *err)
{
        const size_t folder = strlen(sysctl_folder) + 1;
        size_t n = strlen(key), fixed = 0, last;

        /* Dots become slashes, so there is no way up; an interface cannot be named "..", and is checked all the same. */
        if (n == 0 || folder + n >= SYSCTL_PATH_BYTES || strchr(key, '/') || key[0] == '.' ||
            key[n - 1] == '.' || !strchr(key, '.'))
                return err_set(err, ERR_INVALID, "sysctl '%s' is not a dotted name", key);
        snprintf(path, SYSCTL_PATH_BYTES, "%s/%s", sysctl_folder, key);
        last = (size_t)(strrchr(key, '.') - key);
        for (size_t i = 0; i < ARRAY_SIZE(per_interface) && !fixed; i++) {
                size_t prefix = strlen(per_interface[i]);

                if (strncmp(key, per_interface[i], prefix) == 0 && last > prefix)
                        fixed = prefix;
        }
        if (fixed) {
                dots_to_slashes(path, folder, folder + fixed);
                path[folder + last] = '/';
        } else {
                dots_to_slashes(path, folder, folder + n);
        }
        if (strstr(path, "/../") || strstr(path, "/./") || strstr(path, "//"))
                return err_set(err, ERR_INVALID, "sysctl '%s' is not a dotted name", key);
        return 0;
}

static int read_path(const char *path, const char *key, char value[static SYSCTL_VALUE_BYTES],
                     struct err *err)
{
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r = file_read(path, SYSCTL_VALUE_BYTES - 1, &text, &n, err);

        if (r < 0) {
                err_wrap(err, "read sysctl %s", key);
                return r;
        }
        while (n > 0 && text[n - 1] == '\n')
                text[--n] = '\0';
        memcpy(value, text, n + 1);
        return 0;
}

int sysctl_read(const char *key, char value[static SYSCTL_VALUE_BYTES], struct err *err)
{
        char path[SYSCTL_PATH_BYTES];
        int r = sysctl_path(key, path, err);

        return r < 0 ? r : read_path(path, key, value, err);
}

int sysctl_write(const char *key, const char *value, bool *ret_changed, struct err *err)
{
        char path[SYSCTL_PATH_BYTES], before[SYSCTL_VALUE_BYTES];
        int r = sysctl_path(key, path, err);

        if (r == 0)
                r = read_path(path, key, before, err);
        if (r < 0)
                return r;
        if (strcmp(before, value) != 0) {
                r = file_write(path, value, err);
                if (r < 0) {
                        err_wrap(err, "set sysctl %s", key);
                        return r;
                }
        }
        if (ret_changed)
                *ret_changed = strcmp(before, value) != 0;
        return 0;
}
