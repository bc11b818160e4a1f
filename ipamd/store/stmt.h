// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the store: one connection, its prepared statements (each made once, kept until the connection ends), and
 * transactions that end with their scope. SQL text is a string literal: its address is the cache's key.
 *
 *         _cleanup_(store_tx_done) struct store_tx tx = {0};
 *         if (store_begin(store, &tx, err) < 0)
 *                 return ...;
 *         ...                                  // leaving the scope here rolls back
 *         return store_commit(&tx, err);
 */
#ifndef IPAMD_STORE_STMT_H
#define IPAMD_STORE_STMT_H

#include <sqlite3.h>

#include <vpcwire/mem.h>

#include "store/store.h"

enum {
        STORE_STATEMENTS_MAX = 128,  /* different SQL texts of one connection */
        STORE_GENERATION_BYTES = 40, /* a word of the schema's triggers, and room */
};

struct store {
        sqlite3 *db;
        char *path;
        int64_t cooldown_ms;
        int64_t busy_timeout_ms;
        int64_t busy_until_ms;                   /* of the wait that is on, see busy() */
        char *generation_path;                   /* NULL: no such file; see generation.h */
        char generation[STORE_GENERATION_BYTES]; /* as this connection wrote it last */
        struct {
                const char *sql;
                sqlite3_stmt *stmt;
        } statements[STORE_STATEMENTS_MAX];
        size_t n_statements;
};

/* Opens the file (it exists) with our settings: busy handler, foreign keys, defensive mode. WAL is store_prepare()'s. */
int store_connect(const char *path, struct store **ret, struct err *err);
/* The same by a name of SQLite's (a URI of the path), and with its SQLITE_OPEN_ flags. */
int store_connect_as(const char *path, const char *name, int flags, struct store **ret, struct err *err);

/* The error of the connection's last call, which returned rc. */
int store_fail(struct store *store, int rc, struct err *err);

/* ---- values and statements ---- */

struct sql_value {
        int64_t number;
        const char *text; /* NULL: the number, or NULL where is_null */
        bool is_null;
};

#define SQL_INT(v)          ((struct sql_value){.number = (int64_t)(v)})
#define SQL_TEXT(v)         sql_text(v)
#define SQL_TEXT_OR_NULL(v) sql_text_or_null(v)
#define SQL_HEX(v)          SQL_TEXT(HEX_TEXT(v))

/* An address as the schema has it: its bytes in digits, "" for none. The buffer of HEX_TEXT() lives to the end of its block. */
enum { HEX_BYTES = 2 * 16 + 1 };
const char *hex_format(struct ip ip, char text[static HEX_BYTES]);
#define HEX_TEXT(ip) hex_format((ip), (char[HEX_BYTES]){0})
/* 4 or 6, as the schema has it. */
unsigned sql_family(struct ip ip);

/* Two arguments: the values of ?1, ?2, ... and their number. */
#define VALUES(...)                                                                                          \
        ((const struct sql_value[]){__VA_ARGS__}), ARRAY_SIZE(((const struct sql_value[]){__VA_ARGS__}))
#define NO_VALUES NULL, 0

static inline struct sql_value sql_text(const char *text)
{
        return (struct sql_value){.text = text ?: ""};
}

/* "" and NULL are NULL: what EC2 has not told us yet must not collide in a UNIQUE column. */
static inline struct sql_value sql_text_or_null(const char *text)
{
        bool none = !text || !*text;

        return (struct sql_value){.text = none ? NULL : text, .is_null = none};
}

/* Binds; the statement is ended by its scope: _cleanup_(stmt_donep) sqlite3_stmt *s = NULL. Values must live as long. */
int stmt_start(struct store *store, const char *sql, const struct sql_value *values, size_t n,
               sqlite3_stmt **ret, struct err *err);
/* 1: a row, 0: no more, < 0: failed. */
int stmt_step(struct store *store, sqlite3_stmt *stmt, struct err *err);
void stmt_donep(sqlite3_stmt **stmt);

/* A statement without rows. store_changes() tells how many it touched. */
int stmt_run(struct store *store, const char *sql, const struct sql_value *values, size_t n, struct err *err);
unsigned store_changes(struct store *store);

/* The first column of the first row; *ret is untouched (and 0 returned) where there is none: 1 when there was. */
int stmt_number(struct store *store, const char *sql, const struct sql_value *values, size_t n, int64_t *ret,
                struct err *err);

/* Columns: text is never NULL; the arena's copy, or valid until the next step. */
const char *stmt_peek(sqlite3_stmt *stmt, int column);
const char *stmt_text(sqlite3_stmt *stmt, int column, struct arena *arena);
void stmt_copy(sqlite3_stmt *stmt, int column, char *buffer, size_t bytes);
int64_t stmt_int(sqlite3_stmt *stmt, int column);
unsigned stmt_unsigned(sqlite3_stmt *stmt, int column);
struct ip stmt_ip(sqlite3_stmt *stmt, int column); /* of its digits; none stays none */
/* Two columns: first and bits. */
struct prefix stmt_prefix(sqlite3_stmt *stmt, int column);

/* The arena's copy of a list that was gathered on the heap; never NULL. */
void *stmt_rows(struct arena *arena, const void *rows, size_t n, size_t bytes);

/* ---- transactions ---- */

struct store_tx {
        struct store *store; /* NULL: none is open */
};

/* BEGIN IMMEDIATE: the write lock first, so that what was read is still true when it is written. */
int store_begin(struct store *store, struct store_tx *tx, struct err *err);
/* Several statements of one moment, which only read; ended by its scope. */
int store_begin_read(struct store *store, struct store_tx *tx, struct err *err);
int store_commit(struct store_tx *tx, struct err *err);
void store_tx_done(struct store_tx *tx);

/* ---- what more than one file needs, inside the caller's transaction ---- */

/* An event, and the end of the oldest one beyond the bound. A lease is noted after it begins and before it ends. */
int store_note(struct store *store, enum event_kind kind, const char *subject, const char *text,
               struct err *err);

/* The same of a lease; its key is in the text, and how it ended is also a field. */
int store_note_lease(struct store *store, enum event_kind kind, const struct lease_key *key,
                     struct ip address, const char *text, enum lease_end end, struct err *err);
int store_note_lease_end(struct store *store, struct ip address, const char *text, enum lease_end end,
                         struct err *err);

/* The lease's row goes, and its addresses cool; a lost one goes, too. any_lost: one of them is. */
int store_end_lease(struct store *store, int64_t key, bool any_lost, int64_t now_ms, struct err *err);
/* Lost blocks of which no pod has an address any more. */
int store_remove_lost_blocks(struct store *store, struct err *err);

/* A lease's key as one text; no part of it has a '/'. Of a row l, or of parameters. */
#define STORE_KEY_TEXT(network, container_id, ifname) network " || '/' || " container_id " || '/' || " ifname

/* The addresses of leases that end: the beginning of a statement whose end says which. ?1: the end of their cooldown. */
#define STORE_END_ADDRESSES                                                                                  \
        "UPDATE addresses SET lease = NULL, usable_from_ms = max(?1, 1), had_by = (SELECT " STORE_KEY_TEXT(  \
                "l.network", "l.container_id",                                                               \
                "l.ifname") " FROM leases l WHERE l.key = addresses.lease), held = EXISTS (SELECT 1 FROM"    \
                            " imports i WHERE i.hex = addresses.hex AND i.verdict = 'pending') WHERE lease "

/* Addresses with a pending import are nobody's: not free, not on their way back to EC2, and neither is their ENI. */
int store_hold_imports(struct store *store, int64_t now_ms, struct err *err);

/* Names of facts, as SQL has them, that tell of this boot and what was learnt at its starts. */
#define STORE_FACT_BOOT        "boot-id"
#define STORE_FACT_IMPORT_DONE "import-done"
#define STORE_FACT_GENERATION  "generation" /* see generation.h */
#define STORE_FACTS_OF_A_START                                                                               \
        "'" STORE_FACT_BOOT "', '" STORE_FACT_IMPORT_DONE "', '" STORE_FACT_CHECKPOINT                       \
        "', '" STORE_FACT_GENERATION "'"

/*
 * Chooses, in the order of `wanted`, a name for its host link that no other live lease has. An older sandbox's lease of the
 * same pod loses it, where may_take_over. 1: *ret is the name; 0: all are other pods', and *ret_refusal (in the arena) says so.
 */
int store_choose_host_link(struct store *store, const struct lease *wanted, bool may_take_over,
                           struct arena *arena, const char **ret, const char **ret_refusal, struct err *err);

/*
 * block.c: EC2 shows or gave this block on the ENI: comes in as preparing (leaving, where the ENI itself leaves), moves here from
 * another ENI of ours unless an address of it is leased there. One that is here already is left alone. *ret_new tells which.
 */
int store_block_arrives(struct store *store, int64_t key, enum eni_state eni_state, struct prefix block,
                        bool *ret_new, struct err *err);
/* Ends the row of a block without leases, and those of its addresses. */
int store_block_remove(struct store *store, int64_t key, struct err *err);
/* What a person calls a block: the address where it is one. */
#define BLOCK_TEXT(b) ((b).bits == ip_max_bits((b).ip) ? IP_TEXT((b).ip) : PREFIX_TEXT(b))

/* eni_number.c: gives all ENIs that are routed, and have none yet, their mark and table. */
int eni_number_all(struct store *store, struct err *err);

/* An ENI of this node has it as its own address: it is no pod's any more, unless a pod still holds it. */
int store_primary_arrives(struct store *store, struct ip address, struct err *err);

/* given_back.c: EC2 took this block of the ENI back (unset: the ENI itself); or gave it anew. */
int given_back_note(struct store *store, int64_t key, struct prefix block, int64_t now_ms, struct err *err);
int given_back_add(struct store *store, const struct store_given_back *row, struct err *err);
int given_back_drop(struct store *store, const struct store_given_back *row, struct err *err);
int given_back_forget(struct store *store, int64_t key, struct prefix block, struct err *err);

/* NULL for what is not known yet. */
#define SQL_HEX_OR_NULL(i) SQL_TEXT_OR_NULL(HEX_TEXT(i))
#define SQL_MAC(m)         SQL_TEXT_OR_NULL(mac_equal((m), (struct mac){0}) ? "" : MAC_TEXT(m))
#define SQL_CIDR(p)        SQL_TEXT(ip_is_set((p).ip) ? PREFIX_TEXT(p) : "")

#endif
