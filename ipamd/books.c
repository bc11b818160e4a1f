// SPDX-License-Identifier: Apache-2.0
#include "books.h"

#include <vpcwire/cleanup.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "config.h"
#include "reconcile/takeover.h"

/* Once in a database's life. */
static int take_over(const char *path, struct store *store, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct store_import *imports;
        bool done = false;
        size_t n;

        if (takeover_read(path, arena, &imports, &n, err) < 0 ||
            store_import_begin(store, imports, n, &done, err) < 0)
                return -(int)err->code;
        if (done && n)
                log_info("pods of aws-vpc-cni are to be taken over", LOG_STR("file", path),
                         LOG_INT("pods", n));
        return 0;
}

int books_open(const struct config *config, const struct store_options *options, int *ret_lock_fd,
               struct store **ret, struct err *err)
{
        _cleanup_(store_freep) struct store *store = NULL;
        _cleanup_close_ int lock_fd = -1;

        if (store_lock(options->path, &lock_fd, err) < 0 || store_prepare(options, err) < 0 ||
            store_open(options, &store, err) < 0)
                return err_wrap(err, "open the database");
        if (take_over(config->backing_store, store, err) < 0)
                return -(int)err->code;
        *ret_lock_fd = lock_fd;
        lock_fd = -1;
        *ret = TAKE_PTR(store);
        return 0;
}
