// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/mem.h>
#include <vpcwire/varlink.h>

enum { QUEUE_FIRST_BYTES = 1024 };

void varlink_queue_init(struct varlink_queue *queue, size_t max_bytes)
{
        *queue = (struct varlink_queue){.max = max_bytes};
}

void varlink_queue_done(struct varlink_queue *queue)
{
        free(queue->bytes);
        *queue = (struct varlink_queue){.max = queue->max};
}

int varlink_queue_feed(struct varlink_queue *queue, const void *bytes, size_t n, struct err *err)
{
        size_t waiting = queue->n - queue->start, capacity = queue->capacity;

        if (n > queue->max - waiting)
                return err_set(err, ERR_LIMIT, "more than %zu bytes without a message that can be taken",
                               queue->max);
        if (queue->start) {
                memmove(queue->bytes, queue->bytes + queue->start, waiting);
                queue->scanned -= queue->start;
                queue->start = 0;
                queue->n = waiting;
        }
        if (!capacity)
                capacity = QUEUE_FIRST_BYTES;
        while (capacity < waiting + n)
                capacity *= 2;
        if (capacity != queue->capacity)
                queue->bytes = xrealloc_array(queue->bytes, capacity, 1);
        queue->capacity = capacity;
        if (n)
                memcpy(queue->bytes + queue->n, bytes, n);
        queue->n += n;
        return 0;
}

size_t varlink_queue_room(const struct varlink_queue *queue)
{
        return queue->max - (queue->n - queue->start);
}

bool varlink_queue_has_message(const struct varlink_queue *queue)
{
        return queue->n > queue->scanned &&
               memchr(queue->bytes + queue->scanned, '\0', queue->n - queue->scanned);
}

int varlink_queue_next(struct varlink_queue *queue, json_t **ret, struct err *err)
{
        const char *end = NULL, *message;
        size_t bytes;

        if (queue->n > queue->scanned)
                end = memchr(queue->bytes + queue->scanned, '\0', queue->n - queue->scanned);
        if (!end) {
                queue->scanned = queue->n;
                *ret = NULL;
                return 0;
        }
        message = queue->bytes + queue->start;
        bytes = (size_t)(end - message);
        queue->start += bytes + 1;
        queue->scanned = queue->start;
        if (bytes == 0)
                return err_set(err, ERR_PROTOCOL, "an empty message");
        return jsonx_parse(message, bytes, ret, err);
}

/* A bool that may be absent. */
static int get_flag(const json_t *message, const char *name, bool *ret, struct err *err)
{
        const json_t *value = json_object_get(message, name);

        if (value && !json_is_boolean(value) && !json_is_null(value))
                return err_set(err, ERR_PROTOCOL, "'%s' is neither true nor false", name);
        *ret = json_is_true(value);
        return 0;
}

static int get_parameters(json_t *message, json_t **ret, struct err *err)
{
        json_t *value = json_object_get(message, "parameters");

        if (value && !json_is_object(value) && !json_is_null(value))
                return err_set(err, ERR_PROTOCOL, "'parameters' is not an object");
        *ret = json_is_object(value) ? value : NULL;
        return 0;
}

/* A name that may be absent (NULL). */
static int get_name(const json_t *message, const char *key, const char **ret, struct err *err)
{
        const json_t *value = json_object_get(message, key);

        if (!value || json_is_null(value)) {
                *ret = NULL;
                return 0;
        }
        if (!json_is_string(value) || json_string_length(value) > VARLINK_NAME_BYTES_MAX)
                return err_set(err, ERR_PROTOCOL, "'%s' is not a name of at most %d bytes", key,
                               VARLINK_NAME_BYTES_MAX);
        *ret = json_string_value(value);
        return 0;
}

int varlink_call_parse(json_t *message, struct varlink_call *ret, struct err *err)
{
        struct varlink_call call = {0};

        if (get_name(message, "method", &call.method, err) < 0 ||
            get_parameters(message, &call.parameters, err) < 0 ||
            get_flag(message, "more", &call.more, err) < 0 ||
            get_flag(message, "oneway", &call.oneway, err) < 0 ||
            get_flag(message, "upgrade", &call.upgrade, err) < 0)
                return -ERR_PROTOCOL;
        if (!call.method)
                return err_set(err, ERR_PROTOCOL, "a call without 'method'");
        *ret = call;
        return 0;
}

int varlink_reply_parse(json_t *message, struct varlink_reply *ret, struct err *err)
{
        struct varlink_reply reply = {0};

        if (get_name(message, "error", &reply.error, err) < 0 ||
            get_parameters(message, &reply.parameters, err) < 0 ||
            get_flag(message, "continues", &reply.continues, err) < 0)
                return -ERR_PROTOCOL;
        if (reply.error && reply.continues)
                return err_set(err, ERR_PROTOCOL, "an error that continues");
        *ret = reply;
        return 0;
}

static void set_flag(json_t *message, const char *name, bool value)
{
        if (value)
                json_object_set_new(message, name, json_true());
}

json_t *varlink_call_new(const struct varlink_call *call)
{
        json_t *message = json_object();

        json_object_set_new(message, "method", json_string(call->method));
        if (call->parameters)
                json_object_set(message, "parameters", call->parameters);
        set_flag(message, "more", call->more);
        set_flag(message, "oneway", call->oneway);
        set_flag(message, "upgrade", call->upgrade);
        return message;
}

json_t *varlink_reply_new(const struct varlink_reply *reply)
{
        json_t *message = json_object();

        if (reply->error)
                json_object_set_new(message, "error", json_string(reply->error));
        if (reply->parameters)
                json_object_set(message, "parameters", reply->parameters);
        else
                json_object_set_new(message, "parameters", json_object());
        set_flag(message, "continues", reply->continues);
        return message;
}

char *varlink_message_format(const json_t *message, size_t *ret_bytes)
{
        char *text = json_dumps(message, JSON_COMPACT);

        if (!text)
                abort(); /* out of memory; what we build is always an object */
        *ret_bytes = strlen(text) + 1;
        return text;
}

size_t varlink_interface_bytes(const char *method)
{
        const char *dot = strrchr(method, '.');

        return dot && dot != method && dot[1] ? (size_t)(dot - method) : 0;
}
