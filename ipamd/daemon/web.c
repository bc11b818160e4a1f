// SPDX-License-Identifier: Apache-2.0
#include "daemon/web.h"

#include "config/config.h"
#include "http/endpoints.h"
#include "metrics/calls.h"
#include "metrics/metrics.h"

void daemon_web_init(struct daemon_web *web, const struct config *config)
{
        *web = (struct daemon_web){.metrics = metrics_new(), .calls = calls_new(), .config = config};
}

static void each_setting(void *data, http_visit_setting *visit, void *to)
{
        const struct daemon_web *web = data;

        config_each(web->config, visit, to);
}

int daemon_web_start(struct daemon_web *web, uv_loop_t *loop, struct rpc *rpc, struct store *store,
                     struct err *err)
{
        const struct config *c = web->config;
        struct bind metrics, introspection;

        if (bind_parse(c->metrics_bind, &metrics, err) < 0 ||
            bind_parse(c->introspection_bind, &introspection, err) < 0)
                return -(int)err->code;
        web->http = http_endpoints_new(
                loop, &(const struct http_endpoints_options){
                              .rpc = rpc,
                              .store = store,
                              .metrics = web->metrics,
                              .calls = web->calls,
                              .settings = each_setting,
                              .settings_data = web,
                              .metrics_bind = c->no_metrics ? NULL : &metrics,
                              .introspection_bind = c->no_introspection ? NULL : &introspection,
                      });
        return 0;
}

void daemon_web_stop(struct daemon_web *web)
{
        web->http = http_endpoints_free(web->http);
}

void daemon_web_done(struct daemon_web *web)
{
        web->metrics = metrics_free(web->metrics);
        web->calls = calls_free(web->calls);
}
