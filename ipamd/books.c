// SPDX-License-Identifier: Apache-2.0
#include "books.h"

#include <vpcwire/cleanup.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "config.h"
#include "reconcile/survivors.h"
#include "reconcile/takeover.h"

/* Once in a database's life. */
static int take_over(const struct config *config, struct store *store, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct store_import *rows, *survivors, *imports;
        size_t n_rows, n_survivors, n;
        bool done = false;

        if (takeover_read(config->backing_store, arena, &rows, &n_rows, err) < 0 ||
            survivors_find(arena, &survivors, &n_survivors, err) < 0)
                return -(int)err->code;
        survivors_join(arena, rows, n_rows, survivors, n_survivors, &imports, &n);
        if (store_import_begin(store, imports, n, &done, err) < 0)
                return -(int)err->code;
        if (done && n_survivors)
                log_warn("the books are new, and pods run: they keep their addresses",
                         LOG_INT("pods", n_survivors));
        if (done && n > n_survivors)
                log_info("pods of aws-vpc-cni are to be taken over", LOG_STR("file", config->backing_store),
                         LOG_INT("pods", n - n_survivors));
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
        if (take_over(config, store, err) < 0)
                return -(int)err->code;
        *ret_lock_fd = lock_fd;
        lock_fd = -1;
        *ret = TAKE_PTR(store);
        return 0;
}
