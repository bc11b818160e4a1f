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

/* Without bits it is one address: as daemons before this one wrote it, and read it. */
struct file_row {
        const char *eni_id;
        struct ip address; /* unset: the ENI itself */
        int64_t bits, since_ms;
};

struct file {
        const char *generation;
        struct file_row *given_back;
        size_t n_given_back;
};

static const struct jsonx_field row_fields[] = {
        JSONX_FIELD(struct file_row, eni_id, JSONX_STRING, .limit = EC2_ID_BYTES - 1,
                    .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY),
        JSONX_FIELD(struct file_row, address, JSONX_IP),
        JSONX_FIELD(struct file_row, bits, JSONX_INT),
        JSONX_FIELD(struct file_row, since_ms, JSONX_INT, .flags = JSONX_REQUIRED),
};
static const struct jsonx_schema row_schema = JSONX_SCHEMA(struct file_row, row_fields);

static const struct jsonx_field file_fields[] = {
        JSONX_FIELD(struct file, generation, JSONX_STRING, .limit = STORE_GENERATION_BYTES - 1,
                    .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY),
        JSONX_LIST(struct file, given_back, JSONX_OBJECTS, .limit = ROWS_MAX, .of = &row_schema),
};
static const struct jsonx_schema file_schema = JSONX_SCHEMA(struct file, file_fields);

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
        log_warn("generation file not written: the next start syncs with EC2 first", LOG_ERR(&why));
        return 0;
}

static int write_generation(struct store *store, const char *word, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct store_given_back *rows = NULL;
        struct file file = {.generation = word};
        _cleanup_json_ json_t *json = NULL;
        _cleanup_free_ char *text = NULL;
        int r = store_given_back(store, arena, &rows, &file.n_given_back, err);

        if (r < 0)
                return r;
        file.given_back = ARENA_ARRAY(arena, struct file_row, file.n_given_back);
        for (size_t i = 0; i < file.n_given_back; i++) {
                struct prefix block = rows[i].block;
                bool is_larger = ip_is_set(block.ip) && block.bits < ip_max_bits(block.ip);

                file.given_back[i] = (struct file_row){rows[i].eni_id, block.ip,
                                                       is_larger ? (int64_t)block.bits : 0, rows[i].since_ms};
        }
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

static bool row_of(const struct file_row *row, struct store_given_back *ret)
{
        struct prefix block = ip_is_set(row->address) ? prefix_host(row->address) : (struct prefix){0};

        if (row->bits < 0 || row->bits > block.bits)
                return false;
        block.bits = row->bits ? (unsigned)row->bits : block.bits;
        *ret = (struct store_given_back){row->eni_id, block, row->since_ms};
        return true;
}

static void parse_file(const char *bytes, size_t n, struct arena *arena, struct generation_file *ret)
{
        _cleanup_json_ json_t *json = NULL;
        struct file file = {0};

        *ret = (struct generation_file){.generation = ""};
        if (jsonx_parse(bytes, n, &json, NULL) < 0 ||
            jsonx_decode(json, &file_schema, arena, &file, NULL, NULL) < 0)
                return;
        ret->given_back = ARENA_ARRAY(arena, struct store_given_back, file.n_given_back);
        for (; ret->n_given_back < file.n_given_back; ret->n_given_back++) {
                if (!row_of(&file.given_back[ret->n_given_back], &ret->given_back[ret->n_given_back]))
                        return;
        }
        ret->generation = file.generation;
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
static int leave_pool(struct store *store, const struct store_given_back *row, struct err *err)
{
        int64_t key = 0;
        int r = stmt_number(
                store,
                "SELECT b.key FROM blocks b JOIN enis e ON e.key = b.eni WHERE e.eni_id = ?1"
                " AND b.family = ?2 AND b.first = ?3 AND b.bits = ?4 AND NOT EXISTS (SELECT 1 FROM"
                "  addresses WHERE block = b.key AND lease IS NOT NULL)",
                VALUES(SQL_TEXT(row->eni_id), SQL_INT(sql_family(row->block.ip)), SQL_HEX(row->block.ip),
                       SQL_INT(row->block.bits)),
                &key, err);

        return r > 0 ? store_block_remove(store, key, err) : r;
}

static int take_list(struct store *store, const struct generation_file *file, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store, "DELETE FROM given_back", NO_VALUES, err);

        for (size_t i = 0; i < file->n_given_back && r == 0; i++) {
                if (now_ms - file->given_back[i].since_ms >= STORE_LATE_MS)
                        continue;
                r = given_back_add(store, &file->given_back[i], err);
                if (r == 0)
                        r = leave_pool(store, &file->given_back[i], err);
        }
        return r;
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
