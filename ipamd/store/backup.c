// SPDX-License-Identifier: Apache-2.0
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/mem.h>

static const char *const why_names[_BACKUP_WHY_MAX] = {
        [BACKUP_DAMAGED] = "damaged",
        [BACKUP_OTHER_SCHEMA] = "other-schema",
        [BACKUP_OTHER_INSTANCE] = "other-instance",
};

/* What SQLite keeps beside a file, and what of it belongs to the content. */
static const char *const companions[] = {"-wal", "-journal", "-shm"};
enum { COMPANIONS_WITH_CONTENT = 2, TIME_BYTES = sizeof("20060102T150405Z") };

void backup_name(const char *path, enum backup_why why, const char *detail, char ret[static STORE_PATH_BYTES])
{
        time_t now = (time_t)(clock_wall_ms() / 1000);
        char when[TIME_BYTES];
        struct tm tm;

        gmtime_r(&now, &tm);
        strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
        snprintf(ret, STORE_PATH_BYTES, "%s.%s%s%s-%s", path, why_names[why], detail ? "-" : "", detail ?: "",
                 when);
}

/* The database first: a log without one is thrown away at the next start, a database without its log would be believed. */
int backup_move(const char *path, enum backup_why why, char ret[static STORE_PATH_BYTES], struct err *err)
{
        backup_name(path, why, NULL, ret);
        if (rename(path, ret) < 0)
                return err_set_errno(err, errno, "move database %s to %s", path, ret);
        for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
                _cleanup_free_ char *from = xasprintf("%s%s", path, companions[i]);
                _cleanup_free_ char *to = xasprintf("%s%s", ret, companions[i]);

                if (i < COMPANIONS_WITH_CONTENT)
                        rename(from, to);
                else
                        unlink(from);
        }
        backup_prune(path);
        return 0;
}

/* ---- the bound ---- */

static const char *when_of(const char *name)
{
        return name + strlen(name) - (TIME_BYTES - 1);
}

/* base is the database's own name, without its folder. */
static bool is_backup(const char *name, const char *base)
{
        size_t n = strlen(base);

        if (strncmp(name, base, n) != 0 || name[n] != '.' || strlen(name) < n + TIME_BYTES ||
            strspn(when_of(name), "0123456789TZ") != TIME_BYTES - 1)
                return false;
        for (int why = 0; why < _BACKUP_WHY_MAX; why++) {
                if (strncmp(name + n + 1, why_names[why], strlen(why_names[why])) == 0)
                        return true;
        }
        return false;
}

/* The oldest first. */
static int by_time(const void *a, const void *b)
{
        return strcmp(when_of(*(const char *const *)a), when_of(*(const char *const *)b));
}

static void remove_one(const char *folder, const char *name)
{
        _cleanup_free_ char *file = xasprintf("%s/%s", folder, name);

        unlink(file);
        for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
                _cleanup_free_ char *beside = xasprintf("%s%s", file, companions[i]);

                unlink(beside);
        }
}

void backup_prune(const char *path)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        const char *folder = !slash          ? "."
                             : slash == path ? "/"
                                             : arena_printf(arena, "%.*s", (int)(slash - path), path);
        _cleanup_free_ const char **names = NULL;
        DIR *listing = opendir(folder);
        size_t n = 0, capacity = 0;

        for (struct dirent *entry; listing && (entry = readdir(listing));) {
                if (!is_backup(entry->d_name, base))
                        continue;
                GROW(names, n, capacity);
                names[n++] = arena_strdup(arena, entry->d_name);
        }
        if (listing)
                closedir(listing);
        if (n > STORE_BACKUPS_MAX)
                qsort(names, n, sizeof(*names), by_time);
        for (size_t i = 0; i + STORE_BACKUPS_MAX < n; i++)
                remove_one(folder, names[i]);
}
