// SPDX-License-Identifier: Apache-2.0
#include "report/alarm_watch.h"

#include <stdlib.h>

#include <vpcwire/log.h>

#include "config/config.h"
#include "kube/kube.h"
#include "report/alarm.h"

struct alarm_watch {
        struct store *store;
        const struct config *config;
        struct kube *kube;
        int64_t (*looked_ms)(void *data);
        void *looked_data;
        uv_timer_t timer;
        bool soon; /* the timer runs for a change */
};

static void on_timer(uv_timer_t *timer)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct alarm_watch *watch = timer->data;
        const struct config_warnings *settings = &watch->config->warnings;
        struct kube_notice *notices;
        struct alarm_facts facts;
        bool any_lasts = true;
        struct err err;
        size_t n;

        watch->soon = false;
        if (alarm_read(watch->store, watch->looked_ms(watch->looked_data), arena, &facts, &err) < 0)
                log_error("reading the conditions failed", LOG_ERR(&err));
        else {
                facts.settings = settings->list;
                facts.n_settings = settings->n;
                alarm_list(&facts, arena, &notices, &n);
                kube_tell(watch->kube, notices, n, &any_lasts);
        }
        if (any_lasts)
                uv_timer_start(&watch->timer, on_timer, ALARM_AGAIN_MS, 0);
}

void alarm_watch_changed(struct alarm_watch *watch)
{
        if (!watch || watch->soon)
                return;
        watch->soon = true;
        uv_timer_start(&watch->timer, on_timer, ALARM_SOON_MS, 0);
}

struct alarm_watch *alarm_watch_new(uv_loop_t *loop, struct store *store, const struct config *config,
                                    int64_t (*looked_ms)(void *data), void *looked_data)
{
        const struct kube_options options = {.node_name = config->node_name,
                                             .endpoint = config->cluster_endpoint,
                                             .service_host = config->service_host,
                                             .service_port = config->service_port,
                                             .account_folder = config->account_folder};
        struct alarm_watch *watch = XNEW(struct alarm_watch);
        struct err err;

        if (kube_new(loop, &options, &watch->kube, &err) < 0) {
                log_info("events to Kubernetes are off", LOG_STR("reason", err.msg));
                free(watch);
                return NULL;
        }
        watch->store = store;
        watch->config = config;
        watch->looked_ms = looked_ms;
        watch->looked_data = looked_data;
        uv_timer_init(loop, &watch->timer);
        watch->timer.data = watch;
        alarm_watch_changed(watch);
        return watch;
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

struct alarm_watch *alarm_watch_free(struct alarm_watch *watch)
{
        if (!watch)
                return NULL;
        watch->kube = kube_free(watch->kube);
        uv_close((uv_handle_t *)&watch->timer, on_closed);
        return NULL;
}
