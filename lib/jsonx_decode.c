// SPDX-License-Identifier: Apache-2.0
/* From JSON to structs; a problem is told with the path of the field. */
#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <vpcwire/jsonx.h>

#include "jsonx_item.h"

enum { DEPTH_MAX = 8 }; /* of our own tables; they do not recurse */

/* A document that is being read. */
struct reader {
        struct arena *arena;
        bool closed;
        unsigned depth;
        struct jsonx_problem problem;
        struct err *err;
};

/* Sets the problem at its origin. The callers above put their names before the path. */
static int refuse_type(struct reader *reader, const struct jsonx_field *field, const char *expected)
{
        reader->problem = (struct jsonx_problem){.missing_or_type = true};
        snprintf(reader->problem.path, sizeof(reader->problem.path), "%s", field->name);
        return err_set(reader->err, ERR_INVALID, "%s", expected);
}

static int refuse_value(struct reader *reader, const struct jsonx_field *field, const char *value,
                        const char *allowed)
{
        struct jsonx_problem *problem = &reader->problem;

        *problem = (struct jsonx_problem){0};
        snprintf(problem->path, sizeof(problem->path), "%s", field->name);
        snprintf(problem->value, sizeof(problem->value), "%s", value);
        snprintf(problem->allowed, sizeof(problem->allowed), "%s", allowed);
        return err_set(reader->err, ERR_INVALID, "'%.*s' is not allowed (allowed: %s)", JSONX_VALUE_BYTES,
                       value, allowed);
}

static void path_prepend(struct jsonx_problem *problem, const struct jsonx_field *field, size_t index)
{
        char inner[JSONX_PATH_BYTES];

        memcpy(inner, problem->path, sizeof(inner));
        if (field->type == JSONX_OBJECT)
                snprintf(problem->path, sizeof(problem->path), "%.32s.%.60s", field->name, inner);
        else if (field->type == JSONX_OBJECTS)
                snprintf(problem->path, sizeof(problem->path), "%.32s[%zu].%.40s", field->name, index, inner);
        else
                snprintf(problem->path, sizeof(problem->path), "%.32s[%zu]", field->name, index);
}

/* What is allowed of an enum, into the caller's buffer. */
static const char *list_names(const struct jsonx_names *names, char text[static JSONX_VALUE_BYTES])
{
        size_t n = 0;

        for (size_t i = JSONX_ENUM_UNKNOWN + 1; i < names->n && n < JSONX_VALUE_BYTES; i++)
                n += (size_t)snprintf(text + n, JSONX_VALUE_BYTES - n, "%s%s", n ? ", " : "",
                                      names->names[i]);
        return text;
}

/* The value whose name this is, in any case; JSONX_ENUM_UNKNOWN where it is none. */
static unsigned enum_find(const struct jsonx_names *names, const char *text)
{
        for (unsigned i = JSONX_ENUM_UNKNOWN + 1; i < names->n; i++)
                if (strcasecmp(names->names[i], text) == 0)
                        return i;
        return JSONX_ENUM_UNKNOWN;
}

int jsonx_enum_parse(const struct jsonx_names *names, const char *what, const char *text, unsigned *ret,
                     struct err *err)
{
        char allowed[JSONX_VALUE_BYTES];
        unsigned found = enum_find(names, text);

        if (found == JSONX_ENUM_UNKNOWN)
                return err_set(err, ERR_INVALID, "%s '%.*s' is not allowed (allowed: %s)", what,
                               JSONX_VALUE_BYTES, text, list_names(names, allowed));
        *ret = found;
        return 0;
}

/* max: where the field has no limit of its own. */
static int decode_int(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                      int64_t max, int64_t *ret)
{
        int64_t number;
        bool negative_ok = field->flags & JSONX_NEGATIVE_UNSET;
        char allowed[64], text[32];

        if (!json_is_integer(value))
                return refuse_type(reader, field, "an integer is wanted");
        max = field->limit ?: max;
        number = json_integer_value(value);
        if ((number < 0 && !negative_ok) || number > max) {
                snprintf(allowed, sizeof(allowed), "0..%lld", (long long)max);
                snprintf(text, sizeof(text), "%lld", (long long)number);
                return refuse_value(reader, field, text, allowed);
        }
        *ret = number;
        return 0;
}

static int decode_unsigned(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                           unsigned *at)
{
        int64_t number;
        int r = decode_int(reader, field, value, UINT_MAX, &number);

        if (r == 0)
                *at = (unsigned)number;
        return r;
}

static int decode_string(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                         void *at)
{
        size_t max = field->limit ? (size_t)field->limit : JSONX_STRING_BYTES_MAX;
        char allowed[64];

        if (!json_is_string(value))
                return refuse_type(reader, field, "a string is wanted");
        if (json_string_length(value) > max) {
                snprintf(allowed, sizeof(allowed), "at most %zu bytes", max);
                return refuse_value(reader, field, json_string_value(value), allowed);
        }
        if ((field->flags & JSONX_NOT_EMPTY) && json_string_length(value) == 0)
                return refuse_value(reader, field, "", "not empty");
        *(const char **)at = arena_strdup(reader->arena, json_string_value(value));
        return 0;
}

static int decode_text(struct reader *reader, const struct jsonx_field *field, const json_t *value, char *at)
{
        if (!json_is_string(value))
                return refuse_type(reader, field, "a string is wanted");
        snprintf(at, (size_t)field->limit + 1, "%s", json_string_value(value));
        return 0;
}

static int decode_enum(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                       unsigned *at)
{
        char allowed[JSONX_VALUE_BYTES];
        unsigned found;

        if (!json_is_string(value))
                return refuse_type(reader, field, "a string is wanted");
        found = enum_find(field->names, json_string_value(value));
        if (found == JSONX_ENUM_UNKNOWN && reader->closed)
                return refuse_value(reader, field, json_string_value(value),
                                    list_names(field->names, allowed));
        *at = found;
        return 0;
}

static int decode_ip(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                     struct ip *at)
{
        if (!json_is_string(value))
                return refuse_type(reader, field, "a string with an IP address is wanted");
        if (ip_parse(json_string_value(value), at, NULL) < 0)
                return refuse_value(reader, field, json_string_value(value), "an IPv4 or IPv6 address");
        return 0;
}

static int decode_prefix(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                         struct prefix *at)
{
        if (!json_is_string(value))
                return refuse_type(reader, field, "a string with a CIDR is wanted");
        if (prefix_parse(json_string_value(value), at, NULL) < 0)
                return refuse_value(reader, field, json_string_value(value), "a CIDR, say 10.0.0.0/16");
        return 0;
}

static int decode_mac(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                      struct mac *at)
{
        if (!json_is_string(value))
                return refuse_type(reader, field, "a string with a MAC address is wanted");
        if (mac_parse(json_string_value(value), at, NULL) < 0)
                return refuse_value(reader, field, json_string_value(value), "a MAC address");
        return 0;
}

static int decode_struct(struct reader *reader, const json_t *object, const struct jsonx_schema *schema,
                         void *ret);

static int decode_item(struct reader *reader, const struct jsonx_field *list, const json_t *value, void *at)
{
        static const struct jsonx_field item = {.name = ""};

        if (list->type == JSONX_OBJECTS)
                return decode_struct(reader, value, list->of, at);
        if (list->type == JSONX_PREFIXES)
                return decode_prefix(reader, &item, value, at);
        return list->type == JSONX_IPS ? decode_ip(reader, &item, value, at)
                                       : decode_string(reader, &item, value, at);
}

static int decode_list(struct reader *reader, const struct jsonx_field *field, const json_t *value,
                       void *base)
{
        size_t n = json_array_size(value), max = field->limit ? (size_t)field->limit : JSONX_ITEMS_MAX;
        size_t bytes = jsonx_item_bytes(field);
        char text[32], allowed[64];
        unsigned char *items;

        if (!json_is_array(value))
                return refuse_type(reader, field, "a list is wanted");
        if (n > max) {
                snprintf(text, sizeof(text), "%zu items", n);
                snprintf(allowed, sizeof(allowed), "at most %zu items", max);
                return refuse_value(reader, field, text, allowed);
        }
        items = arena_alloc(reader->arena, n, bytes);
        for (size_t i = 0; i < n; i++) {
                int r = decode_item(reader, field, json_array_get(value, i), items + i * bytes);

                if (r < 0) {
                        path_prepend(&reader->problem, field, i);
                        return r;
                }
        }
        *(void **)((unsigned char *)base + field->offset) = items;
        *(size_t *)((unsigned char *)base + field->n_offset) = n;
        return 0;
}

static int decode_field(struct reader *reader, const struct jsonx_field *field, const json_t *value, void *at,
                        void *base)
{
        int r;

        switch (field->type) {
        case JSONX_BOOL:
                if (!json_is_boolean(value))
                        return refuse_type(reader, field, "true or false is wanted");
                *(bool *)at = json_is_true(value);
                return 0;
        case JSONX_INT: return decode_int(reader, field, value, INT64_MAX, at);
        case JSONX_UNSIGNED: return decode_unsigned(reader, field, value, at);
        case JSONX_STRING: return decode_string(reader, field, value, at);
        case JSONX_TEXT: return decode_text(reader, field, value, at);
        case JSONX_ENUM: return decode_enum(reader, field, value, at);
        case JSONX_IP: return decode_ip(reader, field, value, at);
        case JSONX_PREFIX: return decode_prefix(reader, field, value, at);
        case JSONX_MAC: return decode_mac(reader, field, value, at);
        case JSONX_OBJECT:
                if (!json_is_object(value))
                        return refuse_type(reader, field, "an object is wanted");
                r = decode_struct(reader, value, field->of, at);
                if (r < 0)
                        path_prepend(&reader->problem, field, 0);
                return r;
        case JSONX_OBJECTS:
        case JSONX_STRINGS:
        case JSONX_IPS:
        case JSONX_PREFIXES: return decode_list(reader, field, value, base);
        }
        return err_set(reader->err, ERR_INTERNAL, "field %s has no type", field->name);
}

static bool is_there(const json_t *value)
{
        return value && !json_is_null(value);
}

/* Where a peer's only one goes: the first item of the list, made now if need be. NULL: it is in the list that the peer sent. */
static void *place_first(struct reader *reader, const struct jsonx_field *field, const json_t *object,
                         void *base)
{
        const json_t *sent = json_array_get(json_object_get(object, field->first_of), 0);
        void **items = (void **)((unsigned char *)base + field->offset);
        size_t *n = (size_t *)((unsigned char *)base + field->n_offset);

        if (sent && (!field->item_name || is_there(json_object_get(sent, field->item_name))))
                return NULL;
        if (*n == 0) {
                *items = arena_alloc(reader->arena, 1, jsonx_item_bytes(field));
                *n = 1;
        }
        return (unsigned char *)*items + field->item_offset;
}

static int decode_member(struct reader *reader, const struct jsonx_field *field, const json_t *object,
                         void *ret)
{
        const json_t *value = json_object_get(object, field->name);
        void *at = (unsigned char *)ret + field->offset;

        if (!is_there(value)) {
                if (field->flags & JSONX_REQUIRED)
                        return refuse_type(reader, field, "it is missing");
                if (field->flags & JSONX_NEGATIVE_UNSET) {
                        assert(field->type == JSONX_INT);
                        *(int64_t *)at = -1;
                }
                return 0;
        }
        if (field->first_of)
                at = place_first(reader, field, object, ret);
        return at ? decode_field(reader, field, value, at, ret) : 0;
}

static int decode_struct(struct reader *reader, const json_t *object, const struct jsonx_schema *schema,
                         void *ret)
{
        static const struct jsonx_field nothing = {.name = ""};
        int r = 0;

        if (!json_is_object(object))
                return refuse_type(reader, &nothing, "an object is wanted");
        assert(reader->depth < DEPTH_MAX);
        reader->depth++;
        for (size_t i = 0; i < schema->n && r == 0; i++)
                r = decode_member(reader, &schema->fields[i], object, ret);
        reader->depth--;
        return r;
}

int jsonx_decode(const json_t *object, const struct jsonx_schema *schema, struct arena *arena, void *ret,
                 struct jsonx_problem *ret_problem, struct err *err)
{
        struct reader reader = {.arena = arena, .closed = schema->closed, .err = err};
        int r = decode_struct(&reader, object, schema, ret);

        if (r == 0)
                return 0;
        if (ret_problem)
                *ret_problem = reader.problem;
        if (err && reader.problem.path[0])
                err_wrap(err, "field '%s'", reader.problem.path);
        return r;
}

int jsonx_parse(const char *bytes, size_t n, json_t **ret, struct err *err)
{
        json_error_t problem;
        json_t *json = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &problem);

        if (!json)
                return err_set(err, ERR_PROTOCOL, "not JSON: %s (byte %d of %zu)", problem.text,
                               problem.position, n);
        if (!json_is_object(json)) {
                json_decref(json);
                return err_set(err, ERR_PROTOCOL, "not a JSON object");
        }
        *ret = json;
        return 0;
}
