// SPDX-License-Identifier: Apache-2.0
#include "daemon/database_open.h"

#include <errno.h>
#include <unistd.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "config/config.h"
#include "migrate/running.h"

static void close_one(int *fd)
{
        if (*fd >= 0)
                close(TAKE_FD(*fd));
}

void database_unlock(struct database_locks *locks)
{
        close_one(&locks->database);
        close_one(&locks->lock_file);
}

int database_lock(const char *path, struct database_locks *locks, struct err *err)
{
        return store_lock(path, &locks->lock_file, err) < 0 ? err_wrap(err, "open the database") : 0;
}

/* Beside the socket: whichever database is used, the pods are the same. */
struct store_options database_options(const struct config *config)
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
int database_remove(const struct config *config, struct err *err)
{
        static const char *const files[] = {"-wal", "-shm", ""};
        struct store_options options = database_options(config);
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
                r = remove_file(arena_printf(config->arena, "%s%s", options.path, files[i]), err);
        return r == 0 ? remove_file(options.generation_path, err) : r;
}

static void tell_prepared(const struct store_options *options, const struct store_prepared *prepared)
{
        if (*prepared->backup)
                log_error(
                        "database unusable: kept as a backup, and a new one is made from EC2 and the kernel",
                        LOG_STR("reason", prepared->why_backup), LOG_STR("backup", prepared->backup));
        if (prepared->outdated)
                log_warn("database is an older copy: pods get no address before a sync with EC2",
                         LOG_STR("database", options->path));
        if (prepared->ended)
                log_warn("leases released: the kernel shows other pods with their addresses",
                         LOG_STR("database", options->path), LOG_INT("leases", prepared->ended));
        if (prepared->held)
                log_warn("running pods unknown to the database: no other pod gets their addresses",
                         LOG_STR("database", options->path), LOG_INT("pods", prepared->held));
}

/* Each time with what the kernel shows: no file is believed against it. */
static int open_database(const struct store_options *options, struct database_locks *locks,
                         struct store **ret, struct err *err)
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

/* As if the database had been lost: the pods that run, ours among them, are known by the kernel and the checkpoint. */
static int begin_anew(const struct config *config, const struct store_options *options,
                      struct database_locks *locks, struct store **store, struct err *err)
{
        log_warn("aws-vpc-cni has run here since: starting with a new database",
                 LOG_STR("checkpoint", config->backing_store));
        *store = store_free(*store);
        close_one(&locks->database);
        if (database_remove(config, err) < 0)
                return -(int)err->code;
        return open_database(options, locks, store, err);
}

int database_open(const struct config *config, const struct store_options *given,
                  struct database_locks *locks, struct store **ret, struct err *err)
{
        struct store_options options = *given;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_freep) struct store *store = NULL;
        struct running running = {0};
        bool outdated = false;

        if (running_find(config->backing_store, arena, &running, err) < 0)
                return -(int)err->code;
        options.running = running.joined;
        options.n_running = running.n_recovered;
        if (open_database(&options, locks, &store, err) < 0 ||
            running_is_other(store, arena, &running, &outdated, err) < 0 ||
            (outdated && begin_anew(config, &options, locks, &store, err) < 0) ||
            running_import(config->backing_store, store, &running, err) < 0)
                return -(int)err->code;
        *ret = TAKE_PTR(store);
        return 0;
}
