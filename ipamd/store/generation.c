// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/file.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>

#include "store/generation.h"

enum {
        FILE_BYTES_MAX = 1 << 20, /* some 10,000 rows; a node has hundreds of addresses */
        ROWS_MAX = 16384,
};

static const struct jsonx_field given_back_fields[] = {
        JSONX_FIELD(struct store_given_back, eni_id, JSONX_STRING, .limit = STORE_ID_BYTES - 1,
                    .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY),
        JSONX_FIELD(struct store_given_back, address, JSONX_IP), /* unset: the ENI itself */
        JSONX_FIELD(struct store_given_back, since_ms, JSONX_INT, .flags = JSONX_REQUIRED),
};
static const struct jsonx_schema given_back_schema = JSONX_SCHEMA(struct store_given_back, given_back_fields);

static const struct jsonx_field file_fields[] = {
        JSONX_FIELD(struct generation_file, generation, JSONX_STRING, .limit = STORE_GENERATION_BYTES - 1,
                    .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY),
        JSONX_LIST(struct generation_file, given_back, JSONX_OBJECTS, .limit = ROWS_MAX,
                   .of = &given_back_schema),
};
static const struct jsonx_schema file_schema = JSONX_SCHEMA(struct generation_file, file_fields);

void generation_keep(struct store *store, const char *path)
{
        store->generation_path = path ? xstrdup(path) : NULL;
}

/* "" where the database has none (yet). */
static int read_word(struct store *store, char ret[static STORE_GENERATION_BYTES], struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "SELECT value FROM facts WHERE name = '" STORE_FACT_GENERATION "'",
                           NO_VALUES, &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        *ret = '\0';
        if (r > 0)
                stmt_copy(s, 0, ret, STORE_GENERATION_BYTES);
        return r < 0 ? r : 0;
}

/* ---- the file ---- */

/* Whatever somebody has put there, no start and no commit waits for it. */
#define HOW_TO_OPEN (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/*
 * In place, and without fsync(): half a file is one that cannot be parsed, which is safe, and a boot ends its meaning. The
 * write lock of the database makes the writer one.
 */
static int write_file(const char *path, const char *bytes, size_t n, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | HOW_TO_OPEN, 0600);
        ssize_t written;

        if (fd < 0)
                return err_set_errno(err, errno, "write %s", path);
        written = write(fd, bytes, n);
        if (written == (ssize_t)n)
                return 0;
        return err_set_errno(err, written < 0 ? errno : ENOSPC, "write %s", path);
}

/*
 * A pool that shrinks is not held up by a full disk: a file that is gone tells the next start as much as one that differs. One
 * that can neither be written nor removed would call an older copy the newest. What was in the way is replaced.
 */
static int write_or_remove(const char *path, const char *bytes, size_t n, struct err *err)
{
        enum { ATTEMPTS = 2 };
        struct err why;

        for (int i = 0; i < ATTEMPTS; i++) {
                if (write_file(path, bytes, n, &why) == 0)
                        return 0;
                if (unlink(path) < 0 && errno != ENOENT) {
                        *err = why;
                        return -(int)why.code;
                }
        }
        log_warn("the database cannot be told from an older copy; EC2 is asked first at the next start",
                 LOG_ERR(&why));
        return 0;
}

static int write_generation(struct store *store, const char *word, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct generation_file file = {.generation = word};
        _cleanup_json_ json_t *json = NULL;
        _cleanup_free_ char *text = NULL;
        int r = store_given_back(store, arena, &file.given_back, &file.n_given_back, err);

        if (r < 0)
                return r;
        json = jsonx_encode(&file_schema, &file);
        text = json_dumps(json, JSON_COMPACT);
        return write_or_remove(store->generation_path, text, strlen(text), err);
}

int generation_before_commit(struct store *store, struct err *err)
{
        char word[STORE_GENERATION_BYTES];
        int r;

        if (!store->generation_path)
                return 0;
        r = read_word(store, word, err);
        if (r < 0 || strcmp(word, store->generation) == 0)
                return r;
        r = write_generation(store, word, err);
        if (r == 0)
                memcpy(store->generation, word, sizeof(word));
        return r;
}

static void parse_file(const char *bytes, size_t n, struct arena *arena, struct generation_file *ret)
{
        _cleanup_json_ json_t *json = NULL;

        *ret = (struct generation_file){0};
        if (jsonx_parse(bytes, n, &json, NULL) < 0 ||
            jsonx_decode(json, &file_schema, arena, ret, NULL, NULL) < 0)
                *ret = (struct generation_file){.generation = ""};
}

/* 0: there is none. What is no file, or too long, is one that cannot be parsed. */
static int read_file(const char *path, char **ret, size_t *ret_n, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | HOW_TO_OPEN);
        struct stat st;
        int r;

        *ret = NULL;
        *ret_n = 0;
        if (fd < 0)
                return errno == ENOENT                    ? 0
                       : errno == ELOOP || errno == ENXIO ? 1
                                                          : err_set_errno(err, errno, "open %s", path);
        if (fstat(fd, &st) < 0)
                return err_set_errno(err, errno, "look at %s", path);
        if (!S_ISREG(st.st_mode))
                return 1;
        r = file_read_fd(fd, path, FILE_BYTES_MAX, ret, ret_n, err);
        return r == -ERR_LIMIT ? 1 : r < 0 ? r : 1;
}

/* ---- a start ---- */

int generation_read(struct store *store, struct arena *arena, struct generation_file *ret, bool *ret_differs,
                    struct err *err)
{
        _cleanup_free_ char *bytes = NULL;
        char word[STORE_GENERATION_BYTES];
        size_t n = 0;
        int r = read_word(store, word, err);

        *ret = (struct generation_file){0};
        *ret_differs = false;
        if (r < 0 || !store->generation_path)
                return r;
        r = read_file(store->generation_path, &bytes, &n, err);
        if (r < 0)
                return r;
        if (r > 0)
                parse_file(bytes ?: "", n, arena, ret);
        *ret_differs = ret->generation ? strcmp(ret->generation, word) != 0 || !*word : *word != '\0';
        return 0;
}

/* A late Describe may show it still: it must not be in the pool then, or it is believed. */
static int leave_pool(struct store *store, struct err *err)
{
        return stmt_run(store,
                        "DELETE FROM addresses AS a WHERE EXISTS (SELECT 1 FROM given_back g JOIN enis e"
                        "   ON e.eni_id = g.eni_id WHERE g.address = a.address AND e.key = a.eni)"
                        " AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.address = a.address)",
                        NO_VALUES, err);
}

static int take_list(struct store *store, const struct generation_file *file, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store, "DELETE FROM given_back", NO_VALUES, err);

        for (size_t i = 0; i < file->n_given_back && r == 0; i++) {
                if (now_ms - file->given_back[i].since_ms < STORE_LATE_MS)
                        r = given_back_add(store, &file->given_back[i], err);
        }
        return r == 0 ? leave_pool(store, err) : r;
}

int generation_adopt(struct store *store, const struct generation_file *file, int64_t now_ms, struct err *err)
{
        int r = file->generation && *file->generation ? take_list(store, file, now_ms, err) : 0;

        return r == 0 ? stmt_run(store,
                                 "INSERT INTO facts VALUES ('" STORE_FACT_GENERATION
                                 "', hex(randomblob(8))) ON CONFLICT (name) DO UPDATE SET"
                                 " value = excluded.value",
                                 NO_VALUES, err)
                      : r;
}
