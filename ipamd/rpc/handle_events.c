// SPDX-License-Identifier: Apache-2.0
/* Looking closer: what happened, one address, and how much is logged. */
#include <assert.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "rpc/handlers.h"
#include "rpc/wire.h"

static const char *or_null(const char *text)
{
        return text && text[0] ? text : NULL;
}

struct ipam_event event_of(const struct store_event *event)
{
        return (struct ipam_event){
                .id = event->id,
                .at_ms = event->at_wall_ms,
                .kind = event->kind,
                .subject = event->subject,
                .text = event->text,
                .pod = or_null(event->pod),
                .container_id = or_null(event->container_id),
                .eni_id = or_null(event->eni_id),
                .lease_end = wire_lease_end(event->lease_end),
        };
}

int handle_events(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_events_request *events = request;
        const struct store_event_filter filter = {.before_id = events->before,
                                                  .since_wall_ms = events->since_ms,
                                                  .subject = events->subject,
                                                  .pod = events->pod};
        struct ipam_events_reply *ret = reply;
        struct store_event *rows;
        size_t n;

        if (store_events_before(call->rpc->options.store, &filter,
                                events->max ? (size_t)events->max : IPAM_EVENTS_MAX, call->arena, &rows, &n,
                                err) < 0)
                return -ERR_INTERNAL;
        ret->events = ARENA_ARRAY(call->arena, struct ipam_event, n);
        ret->n_events = n;
        for (size_t i = 0; i < n; i++)
                ret->events[i] = event_of(&rows[i]);
        return 0;
}

int handle_address(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_address_request *wanted = request;
        struct ipam_address_reply *ret = reply;
        struct block_address address;
        int r = store_address_get(call->rpc->options.store, wanted->address, call->now_ms, call->arena,
                                  &address, err);

        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r; /* not known is an answer */
        *ret = (struct ipam_address_reply){
                .known = true,
                .state = wire_address_state(address.state),
                .eni_id = or_null(address.eni_id),
                .device_index = address.device_index,
                .until_ms = address.cooling_until_ms
                                    ? address.cooling_until_ms + clock_wall_ms() - call->now_ms
                                    : 0,
        };
        return 0;
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
