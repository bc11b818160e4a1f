// SPDX-License-Identifier: Apache-2.0
/* The database as ipamctl looks at it where no daemon answers. */
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.h"
#include "store/schema.h"

enum { TRIES = 4, PAUSE_MS = 50 };

static int64_t written_ms(const struct stat *st)
{
        return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* https://www.sqlite.org/uri.html: what has a meaning in a URI, as %XX. */
static char *uri_of(const char *path, const char *query)
{
        _cleanup_(text_done) struct text text = {0};

        for (const char *c = path; *c; c++) {
                if (*c == '%' || *c == '?' || *c == '#')
                        text_add(&text, "%%%02X", (unsigned char)*c);
                else
                        text_add_bytes(&text, c, 1);
        }
        return xasprintf("file:%s?mode=ro&%s", text.text ?: "", query);
}

/*
 * With a log, SQLite reads it by the index beside it as it is (readonly_shm). Without one the main file has all, and nobody
 * writes it (immutable); else SQLite would make log and index anew.
 */
static int open_once(const char *path, struct store **ret, int64_t *ret_written_wall_ms, struct err *err)
{
        _cleanup_free_ char *log = xasprintf("%s-wal", path), *index = xasprintf("%s-shm", path), *uri = NULL;
        _cleanup_(store_freep) struct store *store = NULL;
        struct stat st, log_st = {0}, index_st;
        bool has_log = stat(log, &log_st) == 0, has_index = stat(index, &index_st) == 0;
        int r = files_check(path, err);

        if (r < 0)
                return r;
        if (stat(path, &st) < 0)
                return err_set_errno(err, errno, "look at database %s", path);
        uri = uri_of(path, has_log && (has_index || log_st.st_size) ? "readonly_shm=1" : "immutable=1");
        r = store_connect_as(path, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &store, err);
        if (r == 0)
                r = schema_check_version(store, err);
        if (r < 0)
                return r;
        *ret_written_wall_ms = written_ms(&st);
        if (has_log && log_st.st_size && written_ms(&log_st) > *ret_written_wall_ms)
                *ret_written_wall_ms = written_ms(&log_st);
        *ret = TAKE_PTR(store);
        return 0;
}

/* A daemon that starts or ends just now makes or removes log and index one after the other. */
int store_open_read_only(const char *path, struct store **ret, int64_t *ret_written_wall_ms, struct err *err)
{
        int r = open_once(path, ret, ret_written_wall_ms, err);

        for (unsigned i = 1; i < TRIES && r < 0 && access(path, R_OK) == 0; i++) {
                poll(NULL, 0, PAUSE_MS);
                r = open_once(path, ret, ret_written_wall_ms, err);
        }
        return r;
}
