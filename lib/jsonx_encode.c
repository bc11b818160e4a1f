// SPDX-License-Identifier: Apache-2.0
/* From structs to JSON. What is unset is left out. */
#include <assert.h>
#include <string.h>

#include <vpcwire/jsonx.h>

#include "jsonx_item.h"

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

static json_t *encode_int(const struct jsonx_field *field, int64_t number)
{
        if ((number < 0 && (field->flags & JSONX_NEGATIVE_UNSET)) ||
            (number == 0 && (field->flags & JSONX_ZERO_UNSET)))
                return NULL;
        return json_integer(number);
}

static json_t *encode_ip(struct ip ip)
{
        return ip_is_set(ip) ? json_string(IP_TEXT(ip)) : NULL;
}

static json_t *encode_prefix(struct prefix prefix)
{
        return ip_is_set(prefix.ip) ? json_string(PREFIX_TEXT(prefix)) : NULL;
}

static json_t *encode_item(const struct jsonx_field *list, const void *item)
{
        if (list->type == JSONX_OBJECTS)
                return jsonx_encode(list->of, item);
        if (list->type == JSONX_PREFIXES)
                return encode_prefix(*(const struct prefix *)item);
        return list->type == JSONX_IPS ? encode_ip(*(const struct ip *)item)
                                       : jsonx_string(*(const char *const *)item);
}

static json_t *encode_list(const struct jsonx_field *field, const void *value)
{
        const unsigned char *base = value;
        const unsigned char *items = *(const unsigned char *const *)(base + field->offset);
        size_t n = *(const size_t *)(base + field->n_offset);
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, encode_item(field, items + i * jsonx_item_bytes(field)));
        return list;
}

/* Where the field's value is; NULL: in the first item of an empty list. */
static const void *find_value(const struct jsonx_field *field, const void *value)
{
        const unsigned char *at = (const unsigned char *)value + field->offset;

        if (!field->first_of)
                return at;
        if (*(const size_t *)((const unsigned char *)value + field->n_offset) == 0)
                return NULL;
        return *(const unsigned char *const *)at + field->item_offset;
}

/* NULL where the field is unset. */
static json_t *encode_field(const struct jsonx_field *field, const void *value)
{
        const void *at = find_value(field, value);

        if (!at)
                return NULL;
        switch (field->type) {
        case JSONX_BOOL: return json_boolean(*(const bool *)at);
        case JSONX_INT: return encode_int(field, *(const int64_t *)at);
        case JSONX_UNSIGNED: return encode_int(field, *(const unsigned *)at);
        case JSONX_STRING: return *(const char *const *)at ? jsonx_string(*(const char *const *)at) : NULL;
        case JSONX_TEXT: return jsonx_string(at);
        case JSONX_ENUM:
                assert(*(const unsigned *)at < field->names->n);
                return *(const unsigned *)at ? json_string(field->names->names[*(const unsigned *)at]) : NULL;
        case JSONX_IP: return encode_ip(*(const struct ip *)at);
        case JSONX_PREFIX: return encode_prefix(*(const struct prefix *)at);
        case JSONX_MAC: return json_string(MAC_TEXT(*(const struct mac *)at));
        case JSONX_OBJECT: return jsonx_encode(field->of, at);
        case JSONX_OBJECTS:
        case JSONX_STRINGS:
        case JSONX_IPS:
        case JSONX_PREFIXES: return encode_list(field, value);
        }
        return NULL;
}

json_t *jsonx_encode(const struct jsonx_schema *schema, const void *value)
{
        json_t *object = json_object();

        for (size_t i = 0; i < schema->n; i++) {
                const struct jsonx_field *field = &schema->fields[i];
                json_t *json = encode_field(field, value);

                assert(json || !(field->flags & JSONX_REQUIRED));
                if (json)
                        json_object_set_new(object, field->name, json);
        }
        return object;
}
