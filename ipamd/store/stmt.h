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
        STORE_BUSY_TIMEOUT_MS = 5000, /* the other thread's transaction takes microseconds */
        STORE_STATEMENTS_MAX = 96,    /* different SQL texts of one connection */
        STORE_GENERATION_BYTES = 40,  /* a word of the schema's triggers, and room */
};

struct store {
        sqlite3 *db;
        char *path;
        int64_t cooldown_ms;
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
#define SQL_IP(v)           SQL_TEXT(IP_TEXT(v))

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
struct ip stmt_ip(sqlite3_stmt *stmt, int column);

/* The arena's copy of a list that was gathered on the heap; never NULL. */
void *stmt_rows(struct arena *arena, const void *rows, size_t n, size_t bytes);

/* ---- transactions ---- */

struct store_tx {
        struct store *store; /* NULL: none is open */
};

/* BEGIN IMMEDIATE: the write lock first, so that what was read is still true when it is written. */
int store_begin(struct store *store, struct store_tx *tx, struct err *err);
int store_commit(struct store_tx *tx, struct err *err);
void store_tx_done(struct store_tx *tx);

/* ---- what more than one file needs, inside the caller's transaction ---- */

/* An event, and the end of the oldest one beyond the bound. A lease is noted after it begins and before it ends. */
int store_note(struct store *store, const char *kind, const char *subject, const char *text, struct err *err);

/* The same of a lease; its key is in the text. */
int store_note_lease(struct store *store, const char *kind, const struct store_lease_key *key,
                     const char *address, const char *text, struct err *err);

/* The lease's row goes, and its address cools; a lost one goes, too. */
int store_end_lease(struct store *store, const struct store_lease_key *key, const char *address, bool lost,
                    int64_t now_ms, struct err *err);

/* Addresses with a pending import are nobody's: not free, not on their way back to EC2, and neither is their ENI. */
int store_hold_imports(struct store *store, int64_t now_ms, struct err *err);

/* Names of facts, as SQL has them, that tell of this boot and what was learnt at its starts. */
#define STORE_FACT_BOOT        "boot-id"
#define STORE_FACT_IMPORT_DONE "import-done"
#define STORE_FACT_GENERATION  "generation" /* see generation.h */
#define STORE_FACTS_OF_A_START                                                                               \
        "'" STORE_FACT_BOOT "', '" STORE_FACT_IMPORT_DONE "', '" STORE_FACT_CHECKPOINT                       \
        "', '" STORE_FACT_GENERATION "'"

/* No cooldown ends later than one that begins now: the setting may be shorter by now, and the clock may have gone back. */
int store_bound_cooling(struct store *store, int64_t now_ms, struct err *err);

/* Addresses whose cooldown is over are free from here on. */
int store_thaw(struct store *store, int64_t now_ms, struct err *err);

/*
 * Chooses, in the order of `wanted`, a name for its host link that no other live lease has. An older sandbox's lease of the
 * same pod loses it, where may_take_over. 1: *ret is the name; 0: all are other pods', and *ret_refusal (in the arena) says so.
 */
int store_choose_host_link(struct store *store, const struct store_lease *wanted, bool may_take_over,
                           struct arena *arena, const char **ret, const char **ret_refusal, struct err *err);

/*
 * The address for a new lease: wanted's, or the best one. 1: *ret is it; 0: *ret_result is NONE_FREE, or REFUSED and
 * *ret_refusal (in the arena) says why.
 */
int store_find_free(struct store *store, const struct store_lease *wanted, int64_t now_ms,
                    struct arena *arena, char ret[static IP_TEXT_BYTES], enum lease_result *ret_result,
                    const char **ret_refusal, struct err *err);

/*
 * The allocation policy: ENIs one after the other, so that later ones empty; in an ENI the longest unused. CROSS keeps
 * SQLite at this order of loops, in which two indexes serve it without sorting (a test looks at the query plan).
 */
#define STORE_FREE_ADDRESSES                                                                                 \
        "SELECT a.address FROM enis e CROSS JOIN addresses a ON a.eni = e.key AND a.state = 'free'"          \
        " WHERE e.state = 'ready' AND e.managed = 1"
#define STORE_PICK_ADDRESS                                                                                   \
        STORE_FREE_ADDRESSES                                                                                 \
        " ORDER BY e.network_card, e.device_index, e.key, a.last_used_ms, a.address LIMIT 1"

enum store_address_state {
        ADDRESS_PREPARING,
        ADDRESS_FREE,
        ADDRESS_LEASED,
        ADDRESS_COOLING,
        ADDRESS_LEAVING,
        ADDRESS_LOST,
        _ADDRESS_STATE_MAX,
};
const char *address_state_to_string(enum store_address_state state);

/*
 * EC2 shows or gave this address on the ENI: comes in as preparing (leaving, where the ENI itself leaves), moves here from another ENI of ours unless it is leased
 * there. One that is here already is left alone. *ret_new tells which.
 */
int store_address_arrives(struct store *store, int64_t key, enum eni_state eni_state, struct ip address,
                          bool *ret_new, struct err *err);
bool eni_state_is_leaving(enum eni_state state);
enum eni_state eni_state_parse(const char *text);

/* An ENI of this node has it as its own address: it is no pod's any more, unless a pod still holds it. */
int store_primary_arrives(struct store *store, struct ip address, struct err *err);

/* given_back.c: EC2 took this address of the ENI back (IP_NONE: the ENI itself); or gave it anew. */
int given_back_note(struct store *store, int64_t key, struct ip address, int64_t now_ms, struct err *err);
int given_back_add(struct store *store, const struct store_given_back *row, struct err *err);
int given_back_forget(struct store *store, int64_t key, struct ip address, struct err *err);

/* NULL for what is not known yet. */
#define SQL_IP_OR_NULL(i) SQL_TEXT_OR_NULL(ip_is_set(i) ? IP_TEXT(i) : "")
#define SQL_MAC(m)        SQL_TEXT_OR_NULL(mac_equal((m), (struct mac){0}) ? "" : MAC_TEXT(m))
#define SQL_CIDR(p)       SQL_TEXT(ip_is_set((p).ip) ? PREFIX_TEXT(p) : "")

#endif
