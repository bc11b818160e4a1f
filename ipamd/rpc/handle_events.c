// SPDX-License-Identifier: Apache-2.0
/* Looking closer: what happened, one address, and how much is logged. */
#include <assert.h>

#include <vpcwire/log.h>

#include "rpc/handlers.h"
#include "rpc/stored.h"

int handle_events(struct method_call *call, const void *request, void *reply, struct err *err)
{
        return stored_events(call->rpc->options.store, request, call->arena, reply, err);
}

int handle_address(struct method_call *call, const void *request, void *reply, struct err *err)
{
        return stored_address(call->rpc->options.store, request, call->now_ms, call->arena, reply, err);
}

/* The same levels in the same order. */
static_assert(IPAM_LEVEL_ERROR - IPAM_LEVEL_DEBUG == LOG_LEVEL_ERROR - LOG_LEVEL_DEBUG,
              "a level is one of the log's");
static_assert(_LOG_LEVEL_MAX == LOG_LEVEL_ERROR + 1 && _IPAM_LEVEL_MAX == IPAM_LEVEL_ERROR + 1,
              "all are known");

static enum ipam_level level_of(enum log_level level)
{
        return (enum ipam_level)(IPAM_LEVEL_DEBUG + (level - LOG_LEVEL_DEBUG));
}

static void switch_level(enum log_level from, enum log_level to, int64_t peer)
{
        /* Said even where the new level is silent about such things. */
        log_set_level(to < LOG_LEVEL_INFO ? to : LOG_LEVEL_INFO);
        log_info("log level switched", LOG_STR("from", log_level_to_string(from)),
                 LOG_STR("to", log_level_to_string(to)), LOG_INT("peer", peer));
        log_set_level(to);
}

int handle_log_level(struct method_call *call, const void *request, void *reply, struct err *err _unused_)
{
        const struct ipam_log_level_request *wanted = request;
        struct ipam_log_level_reply *ret = reply;
        enum log_level before = log_get_level(), level = before;

        if (wanted->level != IPAM_LEVEL_UNSET) {
                level = (enum log_level)(LOG_LEVEL_DEBUG + (wanted->level - IPAM_LEVEL_DEBUG));
                switch_level(before, level, call->connection->pid);
        }
        *ret = (struct ipam_log_level_reply){
                .level = level_of(level),
                .configured = level_of(call->rpc->settings.log_level),
        };
        return 0;
}
