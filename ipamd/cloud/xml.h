// SPDX-License-Identifier: Apache-2.0
/*
 * An XML reply as a small tree in an arena. What others send is bounded: document, depth, nodes, text of one
 * element. A DOCTYPE is refused, so there are no entities but the five built in. Namespaces and attributes are ignored;
 * text beside child elements (mixed content) too.
 *
 * Elements may be absent, empty, unknown and in any order: every reader takes NULL for a node that is not there.
 */
#ifndef IPAMD_CLOUD_XML_H
#define IPAMD_CLOUD_XML_H

#include <stdbool.h>
#include <stddef.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum {
        XML_MAX_DOCUMENT_BYTES = 8 * 1024 * 1024,
        XML_MAX_DEPTH = 32,
        XML_MAX_NODES = 256 * 1024, /* 40,000 addresses as DescribeNetworkInterfaces lists them */
        XML_MAX_NAME_BYTES = 256,
        XML_MAX_TEXT_BYTES = 64 * 1024, /* encoded authorization messages are a few KiB */
};

struct xml {
        const char *name; /* without namespace prefix */
        const char *text; /* "" where there are children */
        struct xml *first_child, *last_child, *next;
};

/* ERR_PROTOCOL (not well-formed, DOCTYPE) or ERR_LIMIT. *ret_root lives in the arena; nothing is kept of bytes. */
int xml_parse(const char *bytes, size_t n, struct arena *arena, const struct xml **ret_root, struct err *err);

/* Copies a text for people: printable ASCII, all else as '?', cut off where it is too long. */
void xml_copy_printable(char *to, size_t to_bytes, const char *from);

/* The first child of that name, or NULL. */
const struct xml *xml_child(const struct xml *node, const char *name);
/* The text of the first child of that name, "" when it is not there. As sent: no white space is taken off. */
const char *xml_text(const struct xml *node, const char *name);
/* Walks the <item>s of a set: previous = NULL for the first; NULL after the last. */
const struct xml *xml_item(const struct xml *set, const struct xml *previous);
size_t xml_count_items(const struct xml *set);

/*
 * Typed children. An absent or empty element leaves *ret as it is and returns 0, so set the default before; white space
 * around the value is fine. ERR_PROTOCOL names element and value.
 */
int xml_get_unsigned(const struct xml *node, const char *name, unsigned *ret, struct err *err);
int xml_get_bool(const struct xml *node, const char *name, bool *ret, struct err *err);
int xml_get_ip4(const struct xml *node, const char *name, struct ip *ret, struct err *err);
int xml_get_prefix4(const struct xml *node, const char *name, struct prefix *ret, struct err *err);
int xml_get_mac(const struct xml *node, const char *name, struct mac *ret, struct err *err);

#endif
