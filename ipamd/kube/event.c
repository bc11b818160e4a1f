// SPDX-License-Identifier: Apache-2.0
#include "kube/event.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sha1.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>

const char *event_name(const struct event *event, char name[static EVENT_NAME_BYTES])
{
        _cleanup_(text_done) struct text key = {0};
        char hex[SHA1_DIGEST_STRING_LENGTH];

        text_add(&key, "%s/%s/%s", event->node, event->reason, event->subject);
        SHA1Data((const uint8_t *)key.text, key.bytes, hex);
        snprintf(name, EVENT_NAME_BYTES, "%s.%s", EVENT_COMPONENT, hex);
        return name;
}

/* metav1.Time has whole seconds. */
static json_t *time_of(int64_t wall_ms)
{
        char text[CLOCK_TEXT_BYTES];

        clock_wall_format(wall_ms, text);
        return json_sprintf("%.19sZ", text);
}

static char *dump(json_t *object)
{
        char *text = json_dumps(object, JSON_COMPACT);

        json_decref(object);
        if (!text)
                abort(); /* out of memory, see mem.h */
        return text;
}

static json_t *changing_part(const struct event *event)
{
        json_t *object = json_pack("{s:o, s:o}", "message", jsonx_string(event->message), "lastTimestamp",
                                   time_of(event->last_wall_ms));

        if (!object)
                abort();
        if (event->count)
                json_object_set_new(object, "count", json_integer(event->count));
        return object;
}

char *event_patch_body(const struct event *event)
{
        return dump(changing_part(event));
}

/* kubectl looks for a node's Events by its name in the place of the uid, as the kubelet writes them. */
char *event_create_body(const struct event *event)
{
        char name[EVENT_NAME_BYTES];
        json_t *object = changing_part(event), *node = jsonx_string(event->node);
        json_t *fixed = json_pack(
                "{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:O, s:O}, s:s, s:s, s:{s:s, s:O}, s:s, s:O, s:o}",
                "apiVersion", "v1", "kind", "Event", "metadata", "name", event_name(event, name), "namespace",
                EVENT_NAMESPACE, "involvedObject", "apiVersion", "v1", "kind", "Node", "name", node, "uid",
                node, "type", event->type, "reason", event->reason, "source", "component", EVENT_COMPONENT,
                "host", node, "reportingComponent", EVENT_COMPONENT, "reportingInstance", node,
                "firstTimestamp", time_of(event->first_wall_ms));

        if (!fixed || json_object_update(object, fixed) < 0)
                abort(); /* our own words are UTF-8: out of memory */
        json_decref(fixed);
        json_decref(node);
        return dump(object);
}

unsigned event_reply_count(const char *body, size_t bytes)
{
        _cleanup_json_ json_t *object = NULL;
        json_int_t count;

        if (jsonx_parse(body, bytes, &object, NULL) < 0)
                return 0;
        count = json_integer_value(json_object_get(object, "count"));
        return count > 0 && count < INT_MAX ? (unsigned)count : 0;
}
