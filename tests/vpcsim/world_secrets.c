// SPDX-License-Identifier: Apache-2.0
/* Access keys and metadata tokens: whose they are and how long they last. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "world_cruel_private.h"

enum {
        MAX_TOKENS = 10000,
        KEY_CHARACTERS = 16,
        SECRET_CHARACTERS = 40,
        TOKEN_CHARACTERS = 56,
        EXPIRED_KEPT_MS = 3600 * 1000
};

const char *world_random_text(struct arena *arena, const char *prefix, size_t n, bool upper)
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcdefghijklmnopqrstuvwxyz0189-_";
        char *text = arena_alloc(arena, strlen(prefix) + n + 1, 1), *at = stpcpy(text, prefix);

        world_random_bytes(at, n);
        for (size_t i = 0; i < n; i++)
                at[i] = alphabet[(unsigned char)at[i] % (upper ? 32 : 64)];
        return text;
}

int world_find_secret(struct world *world, const char *access_key_id, struct arena *arena,
                      struct world_secret *ret, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT secret_access_key, session_token, node, expires_wall_ms, arn FROM secret WHERE"
                       " access_key_id = ?",
                       DB_TEXT(access_key_id));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no access key '%.32s'", access_key_id);
        *ret = (struct world_secret){
                .secret_access_key = db_column_text(statement, 0, arena),
                .session_token = db_column_text(statement, 1, arena),
                .node = db_column_text(statement, 2, arena),
                .expires_ms = sqlite3_column_int64(statement, 3),
                .arn = db_column_text(statement, 4, arena),
        };
        return 0;
}

int world_imds_new_token(struct world *world, const char *node, unsigned ttl_s, struct arena *arena,
                         const char **ret, struct err *err)
{
        const char *token = world_random_text(arena, "", TOKEN_CHARACTERS, false);
        int64_t now = clock_boottime_ms();
        int r;

        if ((r = DB_RUN(world->db, err, "DELETE FROM imds_token WHERE ends_ms <= ?", DB_NUMBER(now))) < 0 ||
            (r = DB_RUN(
                     world->db, err,
                     "DELETE FROM imds_token WHERE rowid IN (SELECT rowid FROM imds_token ORDER BY rowid DESC"
                     " LIMIT -1 OFFSET ?)",
                     DB_NUMBER(MAX_TOKENS - 1))) < 0 ||
            (r = DB_RUN(world->db, err, "INSERT INTO imds_token VALUES (?, ?, ?)", DB_TEXT(token),
                        DB_TEXT(node), DB_NUMBER(now + INT64_C(1000) * ttl_s))) < 0)
                return r;
        *ret = token;
        return 0;
}

int world_imds_forget_tokens(struct world *world, struct err *err)
{
        return DB_RUN(world->db, err, "DELETE FROM imds_token");
}

bool world_imds_token_is_good(struct world *world, const char *node, const char *token)
{
        int64_t n;

        return DB_READ_NUMBER(world->db, &n, NULL,
                              "SELECT count(*) FROM imds_token WHERE token = ? AND node = ? AND ends_ms > ?",
                              DB_TEXT(token), DB_TEXT(node), DB_NUMBER(clock_boottime_ms())) == 0 &&
               n == 1;
}

int world_new_keys(struct world *world, const char *node, const char *arn, struct arena *arena,
                   struct world_role_credentials *keys, struct err *err)
{
        int r;

        /* Keys that were replaced stay good to their end, and are known as expired for a while after it. */
        r = DB_RUN(world->db, err, "DELETE FROM secret WHERE expires_wall_ms <= ?",
                   DB_NUMBER(keys->issued_ms - EXPIRED_KEPT_MS));
        if (r < 0)
                return r;
        keys->access_key_id = world_random_text(arena, "ASIA", KEY_CHARACTERS, true);
        keys->secret_access_key = world_random_text(arena, "", SECRET_CHARACTERS, false);
        keys->session_token = world_random_text(arena, "IQoJb3JpZ2luX2Vj", 4 * TOKEN_CHARACTERS, false);
        return DB_RUN(world->db, err, "INSERT INTO secret VALUES (?, ?, ?, ?, ?, ?, ?)",
                      DB_TEXT(keys->access_key_id), DB_TEXT(keys->secret_access_key),
                      DB_TEXT(keys->session_token), DB_TEXT(node), DB_NUMBER(keys->issued_ms),
                      DB_NUMBER(keys->expires_ms), DB_TEXT(arn));
}

static int newest(struct world *world, const char *node, int64_t now, struct arena *arena,
                  struct world_role_credentials *ret, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(
                world->db, &statement, err,
                "SELECT access_key_id, secret_access_key, session_token, issued_wall_ms, expires_wall_ms"
                " FROM secret WHERE node = ? AND 2 * ? < issued_wall_ms + expires_wall_ms"
                " ORDER BY expires_wall_ms DESC LIMIT 1",
                DB_TEXT(node), DB_NUMBER(now));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no credentials of '%s'", node);
        *ret = (struct world_role_credentials){
                .access_key_id = db_column_text(statement, 0, arena),
                .secret_access_key = db_column_text(statement, 1, arena),
                .session_token = db_column_text(statement, 2, arena),
                .issued_ms = sqlite3_column_int64(statement, 3),
                .expires_ms = sqlite3_column_int64(statement, 4),
        };
        return 0;
}

int world_role_credentials(struct world *world, const char *node, struct arena *arena,
                           struct world_role_credentials *ret, struct err *err)
{
        int64_t now = world_wall_ms(world);
        int r;

        r = newest(world, node, now, arena, ret, err);
        if (r != -ERR_NOT_FOUND)
                return r;
        *ret = (struct world_role_credentials){
                .issued_ms = now,
                .expires_ms = now + INT64_C(1000) * world->options.credentials_ttl_s,
        };
        return world_new_keys(world, node, NULL, arena, ret, err);
}

int world_node_of_address(struct world *world, struct ip address, struct arena *arena, const char **ret,
                          struct err *err)
{
        int64_t number = address.family == AF_INET ? (int64_t)ip_to_u32(address) : -1;

        return DB_READ_TEXT(
                world->db, arena, ret, err,
                "SELECT i.name FROM address a JOIN attachment t ON t.eni = a.eni JOIN instance i ON"
                " i.id = t.instance WHERE ? BETWEEN a.number AND a.last",
                DB_NUMBER(number));
}

int world_imds_instance(struct world *world, const char *node, struct arena *arena,
                        struct world_instance *ret, struct err *err)
{
        int r;

        world_view_enter(world, WORLD_VIEW_IMDS, node);
        r = world_load_instance(world, node, true, arena, ret, err);
        world_view_leave(world);
        return r;
}

int world_imds_hop_limit(struct world *world, const char *node, unsigned *ret, struct err *err)
{
        int64_t hop_limit;
        int r;

        r = DB_READ_NUMBER(world->db, &hop_limit, err, "SELECT hop_limit FROM instance WHERE name = ?",
                           DB_TEXT(node));
        if (r < 0)
                return r;
        *ret = (unsigned)hop_limit;
        return 0;
}
