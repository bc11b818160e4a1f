// SPDX-License-Identifier: Apache-2.0
/* expat's events -> tree, within the limits of xml.h. Nothing of the input outlives the parse but the arena's copy. */
#include "cloud/xml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

struct parse {
        XML_Parser parser;
        struct arena *arena;
        struct xml *open[XML_MAX_DEPTH]; /* from the root to the element that is being read */
        size_t depth, n_nodes;
        struct xml *root;
        struct text text; /* of the innermost element, as long as it has no child */
        struct err err;   /* why we stopped expat, if we did */
};

static void stop(struct parse *p, enum err_code code, const char *what, unsigned long limit)
{
        if (p->err.code != ERR_NONE)
                return;
        if (limit)
                err_set(&p->err, code, "XML has %s (at most %lu)", what, limit);
        else
                err_set(&p->err, code, "XML has %s", what);
        XML_StopParser(p->parser, XML_FALSE);
}

/* expat may deliver a few more events after XML_StopParser(). */
static bool stopped(const struct parse *p)
{
        return p->err.code != ERR_NONE;
}

static struct xml *add_node(struct parse *p, const char *qualified_name)
{
        const char *colon = strrchr(qualified_name, ':');
        struct xml *node = ARENA_NEW(p->arena, struct xml);
        struct xml *parent = p->depth ? p->open[p->depth - 1] : NULL;

        node->name = arena_strdup(p->arena, colon ? colon + 1 : qualified_name);
        node->text = "";
        if (!parent)
                p->root = node;
        else if (parent->last_child)
                parent->last_child->next = node;
        else
                parent->first_child = node;
        if (parent)
                parent->last_child = node;
        return node;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes _unused_)
{
        struct parse *p = data;

        if (stopped(p))
                return;
        if (p->depth == XML_MAX_DEPTH)
                return stop(p, ERR_LIMIT, "elements nested too deep", XML_MAX_DEPTH);
        if (++p->n_nodes > XML_MAX_NODES)
                return stop(p, ERR_LIMIT, "too many elements", XML_MAX_NODES);
        if (strlen(name) > XML_MAX_NAME_BYTES)
                return stop(p, ERR_LIMIT, "an element name of too many bytes", XML_MAX_NAME_BYTES);
        p->open[p->depth] = add_node(p, name);
        p->depth++;
        p->text.bytes = 0;
}

static void XMLCALL on_end(void *data, const XML_Char *name _unused_)
{
        struct parse *p = data;
        struct xml *node;

        if (stopped(p))
                return;
        node = p->open[--p->depth];
        if (!node->first_child && p->text.bytes)
                node->text = arena_strdup(p->arena, p->text.text);
        p->text.bytes = 0;
}

static void XMLCALL on_text(void *data, const XML_Char *text, int n)
{
        struct parse *p = data;

        if (stopped(p))
                return;
        if (p->text.bytes + (size_t)n > XML_MAX_TEXT_BYTES)
                return stop(p, ERR_LIMIT, "an element with too many bytes of text", XML_MAX_TEXT_BYTES);
        text_add_bytes(&p->text, text, (size_t)n);
}

static void XMLCALL on_doctype(void *data, const XML_Char *name _unused_, const XML_Char *system_id _unused_,
                               const XML_Char *public_id _unused_, int has_internal_subset _unused_)
{
        stop(data, ERR_PROTOCOL, "a DOCTYPE, which is refused", 0);
}

static int parse_run(struct parse *p, const char *bytes, size_t n, struct err *err)
{
        enum XML_Status status;

        XML_SetUserData(p->parser, p);
        XML_SetElementHandler(p->parser, on_start, on_end);
        XML_SetCharacterDataHandler(p->parser, on_text);
        XML_SetStartDoctypeDeclHandler(p->parser, on_doctype);
        status = XML_Parse(p->parser, bytes, (int)n, /* isFinal= */ 1);
        if (stopped(p))
                return err_set(err, p->err.code, "%s", p->err.msg);
        if (status != XML_STATUS_OK)
                return err_set(err, ERR_PROTOCOL, "not XML: %s at line %lu, column %lu",
                               XML_ErrorString(XML_GetErrorCode(p->parser)),
                               XML_GetCurrentLineNumber(p->parser), XML_GetCurrentColumnNumber(p->parser));
        return 0;
}

int xml_parse(const char *bytes, size_t n, struct arena *arena, const struct xml **ret_root, struct err *err)
{
        struct parse p = {.arena = arena};
        int r;

        if (n > XML_MAX_DOCUMENT_BYTES)
                return err_set(err, ERR_LIMIT, "XML has %zu bytes (at most %d)", n, XML_MAX_DOCUMENT_BYTES);
        p.parser = XML_ParserCreate(NULL);
        if (!p.parser)
                abort(); /* out of memory, see mem.h */
        r = parse_run(&p, bytes, n, err);
        XML_ParserFree(p.parser);
        if (p.text.text)
                explicit_bzero(p.text.text, p.text.capacity); /* STS's replies hold secrets */
        text_done(&p.text);
        if (r < 0)
                return r;
        *ret_root = p.root;
        return 0;
}

void xml_copy_printable(char *to, size_t to_bytes, const char *from)
{
        size_t n = 0;

        for (; from[n] && n < to_bytes - 1; n++)
                to[n] = isprint((unsigned char)from[n]) ? from[n] : '?';
        to[n] = '\0';
}

const struct xml *xml_child(const struct xml *node, const char *name)
{
        for (const struct xml *child = node ? node->first_child : NULL; child; child = child->next)
                if (strcmp(child->name, name) == 0)
                        return child;
        return NULL;
}

const char *xml_text(const struct xml *node, const char *name)
{
        const struct xml *child = xml_child(node, name);

        return child ? child->text : "";
}

const struct xml *xml_item(const struct xml *set, const struct xml *previous)
{
        const struct xml *node = previous ? previous->next : set ? set->first_child : NULL;

        while (node && strcmp(node->name, "item") != 0)
                node = node->next;
        return node;
}

size_t xml_count_items(const struct xml *set)
{
        size_t n = 0;

        for (const struct xml *item = NULL; (item = xml_item(set, item));)
                n++;
        return n;
}

enum { VALUE_BYTES = 64 }; /* longer than any number, address or prefix */

/* Copies the trimmed value; false when the element is absent or empty. A value that is too long is cut, and so refused. */
static bool get_value(const struct xml *node, const char *name, char ret[static VALUE_BYTES])
{
        const char *start = xml_text(node, name);
        size_t n;

        while (isspace((unsigned char)*start))
                start++;
        n = strlen(start);
        while (n && isspace((unsigned char)start[n - 1]))
                n--;
        if (!n)
                return false;
        if (n > VALUE_BYTES - 1)
                n = VALUE_BYTES - 1;
        memcpy(ret, start, n);
        ret[n] = '\0';
        return true;
}

static int bad_value(const char *name, const char *value, const char *expected, struct err *err)
{
        return err_set(err, ERR_PROTOCOL, "<%s> is '%s', not %s", name, value, expected);
}

int xml_get_unsigned(const struct xml *node, const char *name, unsigned *ret, struct err *err)
{
        char value[VALUE_BYTES];
        unsigned result = 0;

        if (!get_value(node, name, value))
                return 0;
        for (const char *c = value; *c; c++) {
                if (!isdigit((unsigned char)*c) || __builtin_mul_overflow(result, 10U, &result) ||
                    __builtin_add_overflow(result, (unsigned)(*c - '0'), &result))
                        return bad_value(name, value, "a number from 0 to 4294967295", err);
        }
        *ret = result;
        return 0;
}

int xml_get_bool(const struct xml *node, const char *name, bool *ret, struct err *err)
{
        char value[VALUE_BYTES];

        if (!get_value(node, name, value))
                return 0;
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
                return bad_value(name, value, "'true' or 'false'", err);
        *ret = *value == 't';
        return 0;
}

int xml_get_ip4(const struct xml *node, const char *name, struct ip *ret, struct err *err)
{
        char value[VALUE_BYTES];
        struct ip ip;

        if (!get_value(node, name, value))
                return 0;
        if (ip_parse(value, &ip, NULL) < 0 || ip.family != AF_INET)
                return bad_value(name, value, "an IPv4 address", err);
        *ret = ip;
        return 0;
}

int xml_get_prefix4(const struct xml *node, const char *name, struct prefix *ret, struct err *err)
{
        char value[VALUE_BYTES];
        struct prefix prefix;

        if (!get_value(node, name, value))
                return 0;
        if (prefix_parse(value, &prefix, NULL) < 0 || prefix.ip.family != AF_INET ||
            !prefix_is_network(prefix))
                return bad_value(name, value, "an IPv4 CIDR", err);
        *ret = prefix;
        return 0;
}

int xml_get_mac(const struct xml *node, const char *name, struct mac *ret, struct err *err)
{
        char value[VALUE_BYTES];
        struct mac mac;

        if (!get_value(node, name, value))
                return 0;
        if (mac_parse(value, &mac, NULL) < 0)
                return bad_value(name, value, "a MAC address", err);
        *ret = mac;
        return 0;
}
