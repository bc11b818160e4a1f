// SPDX-License-Identifier: Apache-2.0
/*
 * JSON objects to structs and back, by field tables. A table is written once per struct and serves decoding, encoding
 * and the limits on what comes in. Unknown fields are ignored; null is the same as absent; a wrong type, a missing
 * required field or a value past its limit is an error that names the field by its path ("attachments[3].ifname").
 *
 * A struct of ours that becomes JSON, or is made of it, has a table. What is no struct of ours is put together where it is written, with
 * jansson's own functions: other programs' shapes (CNI's results, a Kubernetes Event, the introspection and the checkpoint of
 * aws-vpc-cni), objects whose names are values, and what an answer adds to its structs.
 */
#ifndef VPCWIRE_JSONX_H
#define VPCWIRE_JSONX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "addr.h"
#include "err.h"
#include "mem.h"

enum jsonx_type {
        JSONX_BOOL,     /* bool */
        JSONX_INT,      /* int64_t, 0..limit */
        JSONX_UNSIGNED, /* unsigned, 0..limit */
        JSONX_STRING,   /* const char *, at most `limit` bytes; NULL is unset */
        JSONX_TEXT,     /* char[limit + 1] in the struct: longer text is cut; always set */
        JSONX_ENUM,     /* an enum whose names are in `names`, any case in JSON; JSONX_ENUM_UNSET is unset */
        JSONX_IP,       /* struct ip, as text in JSON; IP_NONE is unset */
        JSONX_PREFIX,   /* struct prefix, as text in JSON ("10.0.0.0/16"); without an address it is unset */
        JSONX_MAC,      /* struct mac, as text in JSON; always set */
        JSONX_OBJECT,   /* a struct by value, described by `of` */
        JSONX_OBJECTS, /* pointer to an array of structs described by `of`, its length in the size_t at n_offset */
        JSONX_STRINGS,  /* const char **, its length in the size_t at n_offset */
        JSONX_IPS,      /* struct ip *, as above */
        JSONX_PREFIXES, /* struct prefix *, as above */
};

/* The first values of every enum that travels. */
enum {
        JSONX_ENUM_UNSET,   /* not there */
        JSONX_ENUM_UNKNOWN, /* a newer peer's, whose name this version does not know */
};

/* An enum's names by value; [JSONX_ENUM_UNSET] is NULL, [JSONX_ENUM_UNKNOWN] "unknown". */
struct jsonx_names {
        const char *const *names;
        size_t n;
};

enum jsonx_flags {
        JSONX_REQUIRED = 1 << 0,  /* must be there when decoding, and be set when encoding */
        JSONX_NOT_EMPTY = 1 << 1, /* a string that is there is not "" */
        JSONX_NEGATIVE_UNSET =
                1 << 2, /* a JSONX_INT below 0 is unset: encoding leaves it out, decoding gives -1 */
        JSONX_ZERO_UNSET = 1 << 3, /* an int that is 0 is unset: encoding leaves it out */
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
        const struct jsonx_names *names;
        /*
         * Set: what a peer that knows no list says of the one thing that there was. It is no member of the struct, but of the
         * first item of the list that goes by this name in JSON and is at offset and n_offset; `of` describes its items (NULL:
         * they are addresses), item_offset is where it is in an item and item_name what it is called there. When decoding, what
         * the list says counts. Such fields come behind their list.
         */
        const char *first_of;
        size_t item_offset;
        const char *item_name;
};

struct jsonx_schema {
        const struct jsonx_field *fields;
        size_t n;
        size_t bytes; /* of the struct */
        bool closed; /* an enum's name that is not known, here or further in, is refused, and not JSONX_ENUM_UNKNOWN */
};

/* JSONX_FIELD(struct ipam_add_request, network, JSONX_STRING, .flags = JSONX_REQUIRED, .limit = 128) */
#define JSONX_FIELD(struct_, member_, type_, ...) JSONX_NAMED(struct_, member_, #member_, type_, __VA_ARGS__)
/* The same, and JSON calls it otherwise. */
#define JSONX_NAMED(struct_, member_, name_, type_, ...)                                                     \
        {                                                                                                    \
                .name = (name_), .type = (type_), .offset = offsetof(struct_, member_), __VA_ARGS__          \
        }
/* A JSONX_TEXT as long as its member. */
#define JSONX_CHARS(struct_, member_, name_, ...)                                                            \
        JSONX_NAMED(struct_, member_, name_, JSONX_TEXT, .limit = sizeof(((struct_ *)0)->member_) - 1,       \
                    __VA_ARGS__)
/* A list `member_` whose length is in `n_<member_>`. */
#define JSONX_LIST(struct_, member_, type_, ...)                                                             \
        JSONX_NAMED_LIST(struct_, member_, #member_, type_, __VA_ARGS__)
#define JSONX_NAMED_LIST(struct_, member_, name_, type_, ...)                                                \
        JSONX_NAMED(struct_, member_, name_, type_, .n_offset = offsetof(struct_, n_##member_), __VA_ARGS__)
/* `name_` in JSON is what older peers know of the first item of `list_`. */
#define JSONX_FIRST(struct_, list_, name_, type_, ...)                                                       \
        {                                                                                                    \
                .name = (name_), .type = (type_), .offset = offsetof(struct_, list_),                        \
                .n_offset = offsetof(struct_, n_##list_), .first_of = #list_, __VA_ARGS__                    \
        }
#define JSONX_SCHEMA(struct_, fields_)                                                                       \
        {                                                                                                    \
                .fields = (fields_), .n = ARRAY_SIZE(fields_), .bytes = sizeof(struct_)                      \
        }

/*
 * Fills *ret, which was zeroed, from a JSON object. Fields that are absent keep what the caller put there. Strings and lists are copied into the arena. On failure (ERR_INVALID) *ret is partly filled, and ret_problem
 * (may be NULL) has the details.
 */
int jsonx_decode(const json_t *object, const struct jsonx_schema *schema, struct arena *arena, void *ret,
                 struct jsonx_problem *ret_problem, struct err *err);

/*
 * A new object with all set fields (new reference); that one which is required is not set, is a bug. `value` may be NULL
 * where the schema has no fields.
 */
json_t *jsonx_encode(const struct jsonx_schema *schema, const void *value);

/* The value whose name this is, in any case; where it is none, ERR_INVALID names `what`, the text and what is allowed. */
int jsonx_enum_parse(const struct jsonx_names *names, const char *what, const char *text, unsigned *ret,
                     struct err *err);

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
