// SPDX-License-Identifier: Apache-2.0
/*
 * The pool's generation: a random word that the schema's triggers change in each transaction by which the pool loses an
 * address, or by which what was given back to EC2 changes. It stands in the database and in a file outside it, with
 * the list of what was given back (given_back.c). Where the two words differ, the database is not the one that was in use
 * last (an older copy, another path, a log that was cut), and EC2 may have given to others what it calls ours.
 */
#ifndef IPAMD_STORE_GENERATION_H
#define IPAMD_STORE_GENERATION_H

#include "store/stmt.h"

struct generation_file {
        const char *generation; /* NULL: there is no file; "": it cannot be read */
        struct store_given_back *given_back;
        size_t n_given_back;
};

/* path may be NULL: the word is kept in the database alone. From here on store_commit() keeps the file. */
void generation_keep(struct store *store, const char *path);

/*
 * Within store_commit(): writes the file where the word has changed. It is written first: a process that dies in between
 * leaves a difference, never a false likeness. Where it cannot be written it is removed, which is a difference, too. So all that
 * fires the triggers is a transaction of store_begin().
 */
int generation_before_commit(struct store *store, struct err *err);

/* A file that cannot be parsed is no error: *ret says so. *ret_differs compares it with the database. */
int generation_read(struct store *store, struct arena *arena, struct generation_file *ret, bool *ret_differs,
                    struct err *err);

/*
 * The file's list replaces the database's, as far as a late reply of EC2 can matter still; what is in it leaves the pool
 * where no pod has it; and the word is a new one.
 */
int generation_adopt(struct store *store, const struct generation_file *file, int64_t now_ms,
                     struct err *err);

#endif
