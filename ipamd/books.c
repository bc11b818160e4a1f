// SPDX-License-Identifier: Apache-2.0
#include "books.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "config/config.h"
#include "node/want.h"
#include "reconcile/survivors.h"
#include "reconcile/takeover.h"

static void close_one(int *fd)
{
        if (*fd >= 0)
                close(TAKE_FD(*fd));
}

void books_unlock(struct books_locks *locks)
{
        close_one(&locks->database);
        close_one(&locks->lock_file);
}

int books_lock(const char *path, struct books_locks *locks, struct err *err)
{
        return store_lock(path, &locks->lock_file, err) < 0 ? err_wrap(err, "open the database") : 0;
}

/* What the kernel and aws-vpc-cni's checkpoint say of pods that run. */
struct running {
        struct store_import *rows;   /* of the checkpoint */
        struct store_import *joined; /* survivors, and rows of other addresses */
        size_t n_rows, n_joined, n_survivors;
        char print[TAKEOVER_PRINT_BYTES]; /* of the rows */
};

static int find_running(const struct config *config, struct arena *arena, struct running *ret,
                        struct err *err)
{
        struct store_import *survivors;
        size_t n;

        if (takeover_read(config->backing_store, arena, &ret->rows, &ret->n_rows, err) < 0 ||
            survivors_find(arena, &survivors, &n, err) < 0)
                return -(int)err->code;
        survivors_join(arena, ret->rows, ret->n_rows, survivors, n, &ret->joined, &ret->n_joined,
                       &ret->n_survivors);
        takeover_print(ret->rows, ret->n_rows, ret->print);
        return 0;
}

/* The checkpoint's, once in a database's life. */
static int take_over(const struct config *config, struct store *store, const struct running *running,
                     struct err *err)
{
        size_t n = running->n_joined - running->n_survivors;
        bool done = false;

        if (store_import_begin(store, running->joined + running->n_survivors, n, &done, err) < 0)
                return -(int)err->code;
        if (!done)
                return 0;
        if (n)
                log_info("pods of aws-vpc-cni are to be taken over", LOG_STR("file", config->backing_store),
                         LOG_INT("pods", n));
        return store_fact_set(store, STORE_FACT_CHECKPOINT, running->print, err);
}

static int has_stranger(struct store *store, struct arena *arena, const struct running *running, bool *ret,
                        struct err *err)
{
        const struct route_filter in_main = {.family = AF_INET, .table = RT_TABLE_MAIN};
        _cleanup_(netlink_freep) struct netlink *netlink = NULL;
        struct store_lease *leases;
        struct route_info *routes;
        size_t n_leases, n_routes;

        if (store_leases(store, NULL, arena, &leases, &n_leases, err) < 0 ||
            netlink_open(-1, &netlink, err) < 0 ||
            route_dump(netlink, arena, &in_main, &routes, &n_routes, err) < 0)
                return err_wrap(err, "look for pods that aws-vpc-cni made since");
        *ret = survivors_has_stranger(running->rows, running->n_rows, leases, n_leases, routes, n_routes);
        return 0;
}

/* aws-vpc-cni has run since: what the books call free, a pod of it may have. Our own export is no sign of that. */
static int is_outdated(struct store *store, struct arena *arena, const struct running *running, bool *ret,
                       struct err *err)
{
        const char *known;

        *ret = false;
        if (store_fact_get(store, STORE_FACT_CHECKPOINT, arena, &known, err) < 0)
                return -(int)err->code;
        if (!known || strcmp(known, running->print) == 0)
                return 0;
        return has_stranger(store, arena, running, ret, err);
}

/* Beside the socket: whichever database is used, the pods are the same. */
struct store_options books_options(const struct config *config)
{
        return (struct store_options){
                .path = config->db_path,
                .generation_path = arena_printf(config->arena, "%s.generation", config->socket_path),
                .cooldown_ms = (int64_t)config->ip_cooldown_s * 1000,
        };
}

static int remove_file(const char *path, struct err *err)
{
        return unlink(path) < 0 && errno != ENOENT ? err_set_errno(err, errno, "remove %s", path) : 0;
}

/* The database last: a log without one is refused, a database without its log is as it once was. */
int books_remove(const struct config *config, struct err *err)
{
        static const char *const files[] = {"-wal", "-shm", ""};
        struct store_options options = books_options(config);
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
                r = remove_file(arena_printf(config->arena, "%s%s", options.path, files[i]), err);
        return r == 0 ? remove_file(options.generation_path, err) : r;
}

static void tell_prepared(const struct store_options *options, const struct store_prepared *prepared)
{
        if (*prepared->aside)
                log_error("the database cannot be used and is put aside; a new one learns from EC2 and the "
                          "kernel",
                          LOG_STR("why", prepared->why_aside), LOG_STR("aside", prepared->aside));
        if (prepared->outdated)
                log_warn("another copy of the database was in use last; EC2 is asked before anything is "
                         "offered",
                         LOG_STR("database", options->path));
        if (prepared->ended)
                log_warn("leases ended: the kernel shows their addresses, or their containers, otherwise",
                         LOG_STR("database", options->path), LOG_INT("leases", prepared->ended));
        if (prepared->held)
                log_warn("pods run that the database does not know; they keep their addresses",
                         LOG_STR("database", options->path), LOG_INT("pods", prepared->held));
}

/* Each time with what the kernel shows: no file is believed against it. */
static int open_database(const struct store_options *options, struct books_locks *locks, struct store **ret,
                         struct err *err)
{
        struct store_prepared prepared;

        if (store_prepare(options, &prepared, err) < 0)
                return err_wrap(err, "open the database");
        locks->database = prepared.lock_fd;
        if (store_open(options, ret, err) < 0)
                return err_wrap(err, "open the database");
        tell_prepared(options, &prepared);
        return 0;
}

/* As if the books had been lost: the pods that run, ours among them, are known by the kernel and the checkpoint. */
static int begin_anew(const struct config *config, const struct store_options *options,
                      struct books_locks *locks, struct store **store, struct err *err)
{
        log_warn("aws-vpc-cni has run here since; the books begin anew",
                 LOG_STR("checkpoint", config->backing_store));
        *store = store_free(*store);
        close_one(&locks->database);
        if (books_remove(config, err) < 0)
                return -(int)err->code;
        return open_database(options, locks, store, err);
}

int books_open(const struct config *config, const struct store_options *given, struct books_locks *locks,
               struct store **ret, struct err *err)
{
        struct store_options options = *given;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_freep) struct store *store = NULL;
        struct running running = {0};
        bool outdated = false;

        if (find_running(config, arena, &running, err) < 0)
                return -(int)err->code;
        options.running = running.joined;
        options.n_running = running.n_survivors;
        if (open_database(&options, locks, &store, err) < 0 ||
            is_outdated(store, arena, &running, &outdated, err) < 0 ||
            (outdated && begin_anew(config, &options, locks, &store, err) < 0) ||
            take_over(config, store, &running, err) < 0)
                return -(int)err->code;
        *ret = TAKE_PTR(store);
        return 0;
}
