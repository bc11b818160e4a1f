// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/addr.h>
#include <vpcwire/jsonx.h>

enum { DEPTH_MAX = 8 }; /* of our own tables; they do not recurse */

/* Sets the problem at its origin. The callers above put their names before the path. */
static int refuse_type(struct jsonx_problem *problem, const struct jsonx_field *field, const char *expected,
                       struct err *err)
{
        *problem = (struct jsonx_problem){.missing_or_type = true};
        snprintf(problem->path, sizeof(problem->path), "%s", field->name);
        return err_set(err, ERR_INVALID, "%s", expected);
}

static int refuse_value(struct jsonx_problem *problem, const struct jsonx_field *field, const char *value,
                        const char *allowed, struct err *err)
{
        *problem = (struct jsonx_problem){0};
        snprintf(problem->path, sizeof(problem->path), "%s", field->name);
        snprintf(problem->value, sizeof(problem->value), "%s", value);
        snprintf(problem->allowed, sizeof(problem->allowed), "%s", allowed);
        return err_set(err, ERR_INVALID, "'%.*s' is not allowed (allowed: %s)", JSONX_VALUE_BYTES, value,
                       allowed);
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

static int decode_int(const struct jsonx_field *field, const json_t *value, void *at,
                      struct jsonx_problem *problem, struct err *err)
{
        int64_t max = field->limit ? field->limit : INT64_MAX, number;
        bool negative_ok = field->flags & JSONX_NEGATIVE_UNSET;
        char allowed[64], text[32];

        if (!json_is_integer(value))
                return refuse_type(problem, field, "an integer is wanted", err);
        number = json_integer_value(value);
        if ((number < 0 && !negative_ok) || number > max) {
                snprintf(allowed, sizeof(allowed), "0..%lld", (long long)max);
                snprintf(text, sizeof(text), "%lld", (long long)number);
                return refuse_value(problem, field, text, allowed, err);
        }
        *(int64_t *)at = number;
        return 0;
}

static int decode_string(const struct jsonx_field *field, const json_t *value, struct arena *arena, void *at,
                         struct jsonx_problem *problem, struct err *err)
{
        size_t max = field->limit ? (size_t)field->limit : JSONX_STRING_BYTES_MAX;
        char allowed[64];

        if (!json_is_string(value))
                return refuse_type(problem, field, "a string is wanted", err);
        if (json_string_length(value) > max) {
                snprintf(allowed, sizeof(allowed), "at most %zu bytes", max);
                return refuse_value(problem, field, json_string_value(value), allowed, err);
        }
        if ((field->flags & JSONX_NOT_EMPTY) && json_string_length(value) == 0)
                return refuse_value(problem, field, "", "not empty", err);
        *(const char **)at = arena_strdup(arena, json_string_value(value));
        return 0;
}

static int decode_ip(const struct jsonx_field *field, const json_t *value, void *at,
                     struct jsonx_problem *problem, struct err *err)
{
        if (!json_is_string(value))
                return refuse_type(problem, field, "a string with an IP address is wanted", err);
        if (ip_parse(json_string_value(value), at, NULL) < 0)
                return refuse_value(problem, field, json_string_value(value), "an IPv4 or IPv6 address", err);
        return 0;
}

static int decode_struct(const json_t *object, const struct jsonx_schema *schema, struct arena *arena,
                         void *ret, unsigned depth, struct jsonx_problem *problem, struct err *err);

static int decode_list(const struct jsonx_field *field, const json_t *value, struct arena *arena, void *base,
                       unsigned depth, struct jsonx_problem *problem, struct err *err)
{
        size_t n = json_array_size(value), max = field->limit ? (size_t)field->limit : JSONX_ITEMS_MAX;
        size_t bytes = field->of ? field->of->bytes : sizeof(const char *);
        char text[32], allowed[64];
        unsigned char *items;
        int r = 0;

        if (!json_is_array(value))
                return refuse_type(problem, field, "a list is wanted", err);
        if (n > max) {
                snprintf(text, sizeof(text), "%zu items", n);
                snprintf(allowed, sizeof(allowed), "at most %zu items", max);
                return refuse_value(problem, field, text, allowed, err);
        }
        items = arena_alloc(arena, n, bytes);
        for (size_t i = 0; i < n && r == 0; i++) {
                const json_t *item = json_array_get(value, i);
                const struct jsonx_field text_item = {.name = "", .type = JSONX_STRING};

                r = field->of ? decode_struct(item, field->of, arena, items + i * bytes, depth + 1, problem,
                                              err)
                              : decode_string(&text_item, item, arena, items + i * bytes, problem, err);
                if (r < 0)
                        path_prepend(problem, field, i);
        }
        if (r < 0)
                return r;
        *(void **)((unsigned char *)base + field->offset) = items;
        *(size_t *)((unsigned char *)base + field->n_offset) = n;
        return 0;
}

static int decode_field(const struct jsonx_field *field, const json_t *value, struct arena *arena, void *base,
                        unsigned depth, struct jsonx_problem *problem, struct err *err)
{
        void *at = (unsigned char *)base + field->offset;
        int r;

        switch (field->type) {
        case JSONX_BOOL:
                if (!json_is_boolean(value))
                        return refuse_type(problem, field, "true or false is wanted", err);
                *(bool *)at = json_is_true(value);
                return 0;
        case JSONX_INT: return decode_int(field, value, at, problem, err);
        case JSONX_STRING: return decode_string(field, value, arena, at, problem, err);
        case JSONX_IP: return decode_ip(field, value, at, problem, err);
        case JSONX_OBJECT:
                if (!json_is_object(value))
                        return refuse_type(problem, field, "an object is wanted", err);
                r = decode_struct(value, field->of, arena, at, depth + 1, problem, err);
                if (r < 0)
                        path_prepend(problem, field, 0);
                return r;
        case JSONX_OBJECTS:
        case JSONX_STRINGS: return decode_list(field, value, arena, base, depth, problem, err);
        }
        return err_set(err, ERR_INTERNAL, "field %s has no type", field->name);
}

static int decode_struct(const json_t *object, const struct jsonx_schema *schema, struct arena *arena,
                         void *ret, unsigned depth, struct jsonx_problem *problem, struct err *err)
{
        static const struct jsonx_field nothing = {.name = ""};
        int r;

        if (!json_is_object(object))
                return refuse_type(problem, &nothing, "an object is wanted", err);
        if (depth >= DEPTH_MAX)
                return err_set(err, ERR_INTERNAL, "field tables nest deeper than %d", DEPTH_MAX);
        for (size_t i = 0; i < schema->n; i++) {
                const struct jsonx_field *field = &schema->fields[i];
                const json_t *value = json_object_get(object, field->name);

                if (!value || json_is_null(value)) {
                        if (field->flags & JSONX_REQUIRED)
                                return refuse_type(problem, field, "it is missing", err);
                        continue;
                }
                r = decode_field(field, value, arena, ret, depth, problem, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int jsonx_decode(const json_t *object, const struct jsonx_schema *schema, struct arena *arena, void *ret,
                 struct jsonx_problem *ret_problem, struct err *err)
{
        struct jsonx_problem problem = {0};
        int r = decode_struct(object, schema, arena, ret, 0, &problem, err);

        if (r == 0)
                return 0;
        if (ret_problem)
                *ret_problem = problem;
        if (err && problem.path[0])
                err_wrap(err, "field '%s'", problem.path);
        return r;
}

json_t *jsonx_string(const char *text)
{
        _cleanup_free_ char *ascii = NULL;
        json_t *string = json_string(text);

        if (string)
                return string;
        ascii = xstrdup(text);
        for (char *c = ascii; *c; c++)
                if ((unsigned char)*c >= 0x80)
                        *c = '?';
        return json_string(ascii);
}

static json_t *encode_list(const struct jsonx_field *field, const void *value)
{
        const unsigned char *base = value;
        const unsigned char *items = *(const unsigned char *const *)(base + field->offset);
        size_t n = *(const size_t *)(base + field->n_offset);
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, field->of ? jsonx_encode(field->of, items + i * field->of->bytes)
                                                      : jsonx_string(((const char *const *)items)[i]));
        return list;
}

/* NULL where the field is unset. */
static json_t *encode_field(const struct jsonx_field *field, const void *value)
{
        const void *at = (const unsigned char *)value + field->offset;

        switch (field->type) {
        case JSONX_BOOL: return json_boolean(*(const bool *)at);
        case JSONX_INT:
                if (*(const int64_t *)at < 0 && (field->flags & JSONX_NEGATIVE_UNSET))
                        return NULL;
                return json_integer(*(const int64_t *)at);
        case JSONX_STRING: return *(const char *const *)at ? jsonx_string(*(const char *const *)at) : NULL;
        case JSONX_IP:
                return ip_is_set(*(const struct ip *)at) ? json_string(IP_TEXT(*(const struct ip *)at))
                                                         : NULL;
        case JSONX_OBJECT: return jsonx_encode(field->of, at);
        case JSONX_OBJECTS:
        case JSONX_STRINGS: return encode_list(field, value);
        }
        return NULL;
}

json_t *jsonx_encode(const struct jsonx_schema *schema, const void *value)
{
        json_t *object = json_object();

        for (size_t i = 0; i < schema->n; i++) {
                json_t *field = encode_field(&schema->fields[i], value);

                if (field)
                        json_object_set_new(object, schema->fields[i].name, field);
        }
        return object;
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
