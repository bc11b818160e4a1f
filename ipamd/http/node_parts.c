// SPDX-License-Identifier: Apache-2.0
/* Of /v1/node: which pods wait for an address, and the newest events of the history. */
#include <string.h>

#include <vpcwire/ipam.h>
#include <vpcwire/jsonx.h>

#include "http/routes.h"
#include "model/event.h"
#include "rpc/stored.h"

enum { EVENTS_SHOWN = 20 };

void http_add_short_id(json_t *json, const char *container_id)
{
        if (strlen(container_id) > SHORT_ID_CHARS)
                json_object_set_new(json, "container", json_sprintf("%.*s", SHORT_ID_CHARS, container_id));
}

static const struct jsonx_field waiting_fields[] = {
        JSONX_NAMED(struct ipam_waiting, pod_namespace, "namespace", JSONX_STRING),
        JSONX_NAMED(struct ipam_waiting, pod_name, "pod", JSONX_STRING),
        JSONX_FIELD(struct ipam_waiting, since_ms, JSONX_INT),
        JSONX_FIELD(struct ipam_waiting, deadline_ms, JSONX_INT),
};
static const struct jsonx_schema waiting_schema = JSONX_SCHEMA(struct ipam_waiting, waiting_fields);

json_t *http_waiting(struct rpc *rpc, struct arena *arena)
{
        struct ipam_list_reply list = {0};
        json_t *json = json_array();

        rpc_list_waiting(rpc, arena, &list);
        for (size_t i = 0; i < list.n_waiting; i++) {
                json_t *waiting = jsonx_encode(&waiting_schema, &list.waiting[i]);

                http_add_short_id(waiting, list.waiting[i].container_id);
                json_array_append_new(json, waiting);
        }
        return json;
}

static const struct jsonx_field event_fields[] = {
        JSONX_FIELD(struct ipam_event, id, JSONX_INT),
        JSONX_FIELD(struct ipam_event, at_ms, JSONX_INT),
        JSONX_FIELD(struct ipam_event, kind, JSONX_STRING),
        JSONX_FIELD(struct ipam_event, subject, JSONX_STRING),
        JSONX_FIELD(struct ipam_event, text, JSONX_STRING),
        JSONX_FIELD(struct ipam_event, pod, JSONX_STRING),
};
static const struct jsonx_schema event_schema = JSONX_SCHEMA(struct ipam_event, event_fields);

int http_events(struct store *store, struct arena *arena, json_t **ret, struct err *err)
{
        struct ipam_events_reply reply = {0};
        json_t *json;
        int r = stored_events(store, &(const struct ipam_events_request){.max = EVENTS_SHOWN}, arena, &reply,
                              err);

        if (r < 0)
                return r;
        json = json_array();
        for (size_t i = 0; i < reply.n_events; i++) {
                struct ipam_event *event = &reply.events[i];

                event->subject = event_short_ids(event->subject, event->container_id, arena);
                event->text = event_short_ids(event->text, event->container_id, arena);
                json_array_append_new(json, jsonx_encode(&event_schema, event));
        }
        *ret = json;
        return 0;
}
