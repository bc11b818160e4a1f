// SPDX-License-Identifier: Apache-2.0
#include "migrate/running.h"

#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <vpcwire/log.h>
#include <vpcwire/netlink.h>

#include "migrate/recovered.h"

int running_find(const char *backing_store, struct arena *arena, struct running *ret, struct err *err)
{
        struct import *recovered;
        size_t n;

        if (checkpoint_read(backing_store, arena, &ret->rows, &ret->n_rows, err) < 0 ||
            recovered_find(arena, &recovered, &n, err) < 0)
                return -(int)err->code;
        recovered_join(arena, ret->rows, ret->n_rows, recovered, n, &ret->joined, &ret->n_joined,
                       &ret->n_recovered);
        checkpoint_print(ret->rows, ret->n_rows, ret->print);
        return 0;
}

int running_import(const char *backing_store, struct store *store, const struct running *running,
                   struct err *err)
{
        size_t n = running->n_joined - running->n_recovered;
        bool done = false;

        if (store_import_begin(store, running->joined + running->n_recovered, n, &done, err) < 0)
                return -(int)err->code;
        if (!done)
                return 0;
        if (n)
                log_info("adopting aws-vpc-cni's pods", LOG_STR("file", backing_store), LOG_INT("pods", n));
        return store_fact_set(store, STORE_FACT_CHECKPOINT, running->print, err);
}

static int has_foreign(struct store *store, struct arena *arena, const struct running *running, bool *ret,
                       struct err *err)
{
        const struct route_filter in_main = {.family = AF_INET, .table = RT_TABLE_MAIN};
        _cleanup_(netlink_freep) struct netlink *netlink = NULL;
        struct lease *leases;
        struct route_info *routes;
        size_t n_leases, n_routes;

        if (store_leases(store, NULL, arena, &leases, &n_leases, err) < 0 ||
            netlink_open(-1, &netlink, err) < 0 ||
            route_dump(netlink, arena, &in_main, &routes, &n_routes, err) < 0)
                return err_wrap(err, "look for pods that aws-vpc-cni made since");
        *ret = recovered_has_foreign(running->rows, running->n_rows, leases, n_leases, routes, n_routes);
        return 0;
}

int running_is_other(struct store *store, struct arena *arena, const struct running *running, bool *ret,
                     struct err *err)
{
        const char *known;

        *ret = false;
        if (store_fact_get(store, STORE_FACT_CHECKPOINT, arena, &known, err) < 0)
                return -(int)err->code;
        if (!known || strcmp(known, running->print) == 0)
                return 0;
        return has_foreign(store, arena, running, ret, err);
}
