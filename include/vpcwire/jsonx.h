// SPDX-License-Identifier: Apache-2.0
/*
 * JSON objects to structs and back, by field tables. A table is written once per struct and serves decoding, encoding
 * and the limits on what comes in. Unknown fields are ignored; null is the same as absent; a wrong type, a missing
 * required field or a value past its limit is an error that names the field by its path ("attachments[3].ifname").
 */
#ifndef VPCWIRE_JSONX_H
#define VPCWIRE_JSONX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "err.h"
#include "mem.h"

enum jsonx_type {
        JSONX_BOOL,   /* bool */
        JSONX_INT,    /* int64_t, 0..limit */
        JSONX_STRING, /* const char *, at most `limit` bytes; NULL is unset */
        JSONX_IP,     /* struct ip, as text in JSON; IP_NONE is unset */
        JSONX_OBJECT, /* a struct by value, described by `of` */
        JSONX_OBJECTS, /* pointer to an array of structs described by `of`, its length in the size_t at n_offset */
        JSONX_STRINGS, /* const char **, its length in the size_t at n_offset */
};

enum jsonx_flags {
        JSONX_REQUIRED = 1 << 0,       /* must be there when decoding */
        JSONX_NOT_EMPTY = 1 << 1,      /* a string that is there is not "" */
        JSONX_NEGATIVE_UNSET = 1 << 2, /* an int below 0 is unset: encoding leaves it out */
};

enum {
        JSONX_STRING_BYTES_MAX = 4096, /* of a string field without a limit of its own */
        JSONX_ITEMS_MAX = 65536,       /* of a list without a limit of its own */
        JSONX_PATH_BYTES = 96,         /* text of a path, with the NUL */
        JSONX_VALUE_BYTES = 160,       /* text of a refused value, cut to this */
};

/* What was wrong with a document: which field, and for a value of the right type what was allowed instead. */
struct jsonx_problem {
        char path[JSONX_PATH_BYTES]; /* "attachments[3].ifname" */
        bool missing_or_type;        /* not there, or of another type; value is "" then */
        char value[JSONX_VALUE_BYTES];
        char allowed[JSONX_VALUE_BYTES];
};

struct jsonx_schema;

struct jsonx_field {
        const char *name;
        enum jsonx_type type;
        unsigned flags;
        size_t offset, n_offset;
        int64_t limit; /* 0: the type's own */
        const struct jsonx_schema *of;
};

struct jsonx_schema {
        const struct jsonx_field *fields;
        size_t n;
        size_t bytes; /* of the struct */
};

/* JSONX_FIELD(struct ipam_add_request, network, JSONX_STRING, .flags = JSONX_REQUIRED, .limit = 128) */
#define JSONX_FIELD(struct_, member_, type_, ...)                                                            \
        {                                                                                                    \
                .name = #member_, .type = (type_), .offset = offsetof(struct_, member_), __VA_ARGS__         \
        }
/* A list `member_` whose length is in `n_<member_>`. */
#define JSONX_LIST(struct_, member_, type_, ...)                                                             \
        {                                                                                                    \
                .name = #member_, .type = (type_), .offset = offsetof(struct_, member_),                     \
                .n_offset = offsetof(struct_, n_##member_), __VA_ARGS__                                      \
        }
#define JSONX_SCHEMA(struct_, fields_)                                                                       \
        {                                                                                                    \
                .fields = (fields_), .n = ARRAY_SIZE(fields_), .bytes = sizeof(struct_)                      \
        }

/*
 * Fills *ret from a JSON object. Fields that are absent keep what the caller put there, so zero it or set defaults
 * first. Strings and lists are copied into the arena. On failure (ERR_INVALID) *ret is partly filled, and ret_problem
 * (may be NULL) has the details.
 */
int jsonx_decode(const json_t *object, const struct jsonx_schema *schema, struct arena *arena, void *ret,
                 struct jsonx_problem *ret_problem, struct err *err);

/* A new object with all set fields (new reference). `value` may be NULL where the schema has no fields. */
json_t *jsonx_encode(const struct jsonx_schema *schema, const void *value);

/* A new JSON string. Text that is not UTF-8 gets '?' for its high bytes: a reply must not be lost over one name. */
json_t *jsonx_string(const char *text);

/*
 * Parses exactly one JSON object from n bytes: duplicate keys, NULs in strings, bad UTF-8, other things behind it and
 * nesting past the parser's limit are ERR_PROTOCOL. The new reference is the caller's.
 */
int jsonx_parse(const char *bytes, size_t n, json_t **ret, struct err *err);

static inline void jsonx_decrefp(json_t **json)
{
        json_decref(*json);
}
#define _cleanup_json_ _cleanup_(jsonx_decrefp)

#endif
