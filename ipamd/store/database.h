// SPDX-License-Identifier: Apache-2.0
/*
 * The database is the pool: ENIs, addresses, leases, pending ADDs, conditions, and the history of it all, in one
 * SQLite file. There is no second copy in memory. Every function here is one transaction: it happens whole or not
 * at all, and has happened when it returns 0. What must be unique is UNIQUE, what must not happen is a CHECK, a foreign
 * key or a trigger: two leases on one address, or a leased address on its way back to EC2, cannot be written down.
 *
 * A `struct store` is one connection and belongs to one thread; each thread opens its own. Times named _ms are
 * CLOCK_BOOTTIME unless they say wall. Lists and strings are in the caller's arena.
 *
 * Here: the file, from the lock to a connection. By subject: leases.h, enis.h, blocks.h (what EC2 gave, and what is free of
 * it), imports.h, conditions.h, notes.h (facts, pending ADDs), history.h.
 */
#ifndef IPAMD_STORE_DATABASE_H
#define IPAMD_STORE_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct store;
struct import;

enum {
        STORE_PATH_BYTES = 4096,
        STORE_BUSY_TIMEOUT_MS = 5000, /* the other thread's transaction takes microseconds */
        STORE_BACKUPS_MAX = 3,        /* databases that were kept as a backup; older ones are removed */
};

struct store_options {
        const char *path;
        const char *boot_id; /* NULL: /proc/sys/kernel/random/boot_id */
        int64_t cooldown_ms; /* IP_COOLDOWN_PERIOD: of addresses released by any function here */
        int64_t busy_timeout_ms; /* how long a call waits for other threads' transactions; 0: STORE_BUSY_TIMEOUT_MS */
        const char *generation_path; /* a file outside the database, see generation.h; NULL: none */
        /* For store_prepare(): which container has which address by which host link (key.ifname), as the kernel shows it. */
        const struct import *running;
        size_t n_running;
};

/*
 * Takes the lock (path + ".lock", flock) that makes a second ipamd on the same database impossible. ERR_BUSY names the
 * file and the pid that holds it. A lock file can be removed: the database itself is locked, too, from store_prepare() on,
 * and looked at here. The caller owns *ret_fd and closes it last, when nothing of this process has the database open.
 */
int store_lock(const char *path, int *ret_fd, struct err *err);

/* What store_prepare() found. */
struct store_prepared {
        unsigned ended; /* leases that the kernel contradicted */
        unsigned held;  /* addresses that the kernel shows in use and no lease did: pending imports now */
        bool outdated;  /* another copy of the database was in use last: nothing is offered before a resync */
        char backup[STORE_PATH_BYTES]; /* the file that could not be used, under its new name; "": none */
        char why_backup[256];
        int lock_fd; /* the database itself, locked: see store_lock(); the caller's, closed last */
};

/*
 * The daemon's start, once, under the lock, before any store_open(): makes or migrates the schema (a newer one than
 * ours is refused), keeps as a backup a file that is no database, fails its check or has a schema that is not our text, and begins
 * anew (EC2 and the kernel know what it knew), and brings the database to a state that is true
 * for a new process: after another boot all leases are released into cooldown; ENIs that were ready are configuring again
 * (the kernel must be looked at before an address of theirs is offered); nobody waits. Whatever the file says, an address
 * that the kernel shows in use (options->running) is its container's lease afterwards, or held as a pending import. ret may be NULL.
 */
int store_prepare(const struct store_options *options, struct store_prepared *ret, struct err *err);

int store_open(const struct store_options *options, struct store **ret, struct err *err);
/*
 * For looking at the database beside a daemon that does not run, or hangs: nothing is made, changed or locked, and it
 * is in the way of no daemon's start. ERR_NOT_FOUND where there is none; ERR_INTERNAL where its schema is another version's.
 * *ret_written_wall_ms: when it was written last.
 */
int store_open_read_only(const char *path, struct store **ret, int64_t *ret_written_wall_ms, struct err *err);
struct store *store_free(struct store *store);
DEFINE_CLEANUP(struct store *, store_free)
void store_set_cooldown(struct store *store, int64_t cooldown_ms);

/*
 * The database is another instance's (an imaged disk): a copy is kept beside it (ret_backup; "" and *ret_not_kept where that
 * failed), and all that it says of ENIs, addresses and the past goes. Pods that the kernel showed at this start are pending imports
 * afterwards. For the reconciler, before anything is offered; instance_id may be NULL: not known.
 */
int store_begin_anew(struct store *store, const char *instance_id, const char *why,
                     char ret_backup[static STORE_PATH_BYTES], struct err *ret_not_kept, struct err *err);

#endif
