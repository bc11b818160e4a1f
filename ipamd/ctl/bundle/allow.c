// SPDX-License-Identifier: Apache-2.0
#include "ctl/bundle/allow.h"

#include <string.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>

#include "ctl/bundle/scrub.h"
#include "ctl/bundle/span.h"

enum {
        KEY_BYTES_MAX = 128,
        NUL_SHOWN = '?',
};

/* ---- JSON ---- */

static json_t *shown_value(const json_t *value, bool known)
{
        _cleanup_(text_done) struct text text = {0};

        if (!known)
                return json_string(SCRUB_HIDDEN);
        if (!json_is_string(value))
                return json_deep_copy(value);
        scrub(json_string_value(value), json_string_length(value), &text);
        return jsonx_string(text.text ?: "");
}

/* What of an object or a list may be shown; a list's items are its key's. jsonx_parse() bounds the depth. */
static json_t *shown(enum allow how, const json_t *json, bool known) /* NOLINT(misc-no-recursion) */
{
        json_t *copy, *value;
        const char *key;
        size_t i;

        if (json_is_object(json)) {
                copy = json_object();
                json_object_foreach((json_t *)(uintptr_t)json, key, value) json_object_set_new(
                        copy, key, shown(how, value, json_is_boolean(value) || allow_knows(how, key)));
                return copy;
        }
        if (!json_is_array(json))
                return shown_value(json, known);
        copy = json_array();
        json_array_foreach(json, i, value) json_array_append_new(copy, shown(how, value, known));
        return copy;
}

/* As log.c begins each line; few others put the time first. */
static bool is_log_entry(const char *text, size_t n, const json_t *json)
{
        enum log_level level;
        const char *name = json_string_value(json_object_get(json, "level"));

        return span_begins_with(text, text + n, "{\"time\":\"") && name &&
               log_level_parse(name, &level, NULL) == 0 && json_is_string(json_object_get(json, "msg"));
}

/* False: it is no JSON, or as a line of a log not ours. */
static bool add_json(enum allow how, const char *text, size_t n, size_t flags, struct text *to)
{
        _cleanup_json_ json_t *json = NULL, *copy = NULL;
        _cleanup_free_ char *dump = NULL;

        if (jsonx_parse(text, n, &json, NULL) < 0 || (how == ALLOW_LOG && !is_log_entry(text, n, json)))
                return false;
        copy = shown(how, json, false);
        dump = json_dumps(copy, flags | JSON_ENCODE_ANY);
        text_add(to, "%s\n", dump ?: SCRUB_HIDDEN);
        return true;
}

/* ---- lines ---- */

/* A key without its quotes, and of a line of a list without the dash. */
static void copy_key(const char *from, size_t n, char ret[static KEY_BYTES_MAX])
{
        while (n && strchr(" \t\"'", from[n - 1]))
                n--;
        while (n && strchr(" \t\"'", *from)) {
                from++;
                n--;
        }
        snprintf(ret, KEY_BYTES_MAX, "%.*s", (int)(n < KEY_BYTES_MAX ? n : 0), from);
}

/*
 * Whether another key follows in a value, as in JSON that was cut and in YAML's and TOML's inline tables: only the first of
 * a line is judged.
 */
static bool has_key(const char *value, const char *end)
{
        char quote = 0;

        for (const char *c = value; c < end; c++) {
                if (quote) {
                        quote = *c == quote ? 0 : quote;
                } else if (*c == '"' || *c == '\'') {
                        quote = *c;
                } else if (*c == '{' || *c == '=' ||
                           (*c == ':' && (c + 1 == end || strchr(" \t\"'", c[1]) ||
                                          (c > value && strchr("\"'", c[-1]))))) {
                        return true;
                }
        }
        return quote != 0;
}

/* "key: value", "key = value", "[section]", "- item" of the key above it; `known` goes from line to line. Comments are left out. */
static void add_config_line(enum allow how, const char *line, size_t n, bool *known, struct text *to)
{
        const char *end = line + n, *c = line + span_of(line, end, " \t"), *value;
        char key[KEY_BYTES_MAX];
        size_t bytes;
        bool item;

        if (c >= end || *c == '#')
                return;
        item = end - c >= 2 && c[0] == '-' && c[1] == ' ';
        c += item ? 2 : 0;
        bytes = span_until(c, end, "=:");
        value = c + bytes + 1;
        if (how == ALLOW_CONTAINERD && *c == '[' && end[-1] == ']') {
                *known = false;
                scrub(line, n, to);
        } else if (value <= end) {
                copy_key(c, bytes, key);
                value += span_of(value, end, " \t");
                *known = allow_knows(how, key) && (how == ALLOW_SETTINGS || !has_key(value, end));
                text_add_bytes(to, line, (size_t)(value - line));
                if (*known)
                        scrub(value, (size_t)(end - value), to);
                else if (value < end)
                        text_add(to, SCRUB_HIDDEN);
        } else if (item && *known) {
                scrub(line, n, to);
        } else {
                text_add(to, SCRUB_HIDDEN);
        }
        text_add(to, "\n");
}

/* As log.c writes them for a terminal, "12:00:00.000 info  text key=value", and a word of ours about our end. */
static bool is_ours(const char *line, const char *end)
{
        enum { CLOCK_BYTES = 12 };

        return span_begins_with(line, end, "ipamd: ") || span_begins_with(line, end, "vpcwire") ||
               (span_of(line, end, "0123456789:.") == CLOCK_BYTES &&
                span_begins_with(line + CLOCK_BYTES, end, " "));
}

/* Of "word", "key=value" and "key=\"a value\"", in which log.c writes a quote with a backslash. */
static size_t pair_bytes(const char *pair, const char *end)
{
        const char *c = pair + span_until(pair, end, " =");

        if (end - c < 2 || *c != '=' || !strchr("\"'", c[1]))
                return (size_t)(c - pair) + span_until(c, end, " ");
        for (char quote = *++c; ++c < end && *c != quote;)
                c += *c == '\\' && c + 1 < end;
        return (size_t)(c - pair) + span_until(c, end, " ");
}

static void add_pairs(const char *line, size_t n, struct text *to)
{
        const char *end = line + n;

        while (line < end) {
                size_t word = pair_bytes(line, end), bytes = span_until(line, line + word, "=");
                char key[KEY_BYTES_MAX];

                copy_key(line, bytes, key);
                if (bytes < word && !allow_knows(ALLOW_LOG, key))
                        text_add(to, "%s=" SCRUB_HIDDEN, key);
                else
                        scrub(line, word, to);
                line += word;
                if (line < end)
                        text_add_bytes(to, line++, 1);
        }
}

/* What stands before the brace is a runtime's: time, stream and flag. */
static void add_log_line(const char *line, size_t n, struct text *to)
{
        const char *brace = memchr(line, '{', n);
        size_t head = brace ? (size_t)(brace - line) : n;
        bool plain = brace && span_of(line, brace, "0123456789-:+.TZ stdouterFP") == head;

        if (plain && head)
                text_add_bytes(to, line, head);
        if (plain && add_json(ALLOW_LOG, brace, n - head, JSON_COMPACT, to))
                return;
        if (!plain && is_ours(line, line + n))
                add_pairs(line, n, to);
        else
                text_add(to, SCRUB_HIDDEN);
        text_add(to, "\n");
}

/* Lines of JSON that does not parse are no lines of configuration. In TOML '[' begins a section. */
static bool begins_as_json(enum allow how, const char *text, const char *end)
{
        const char *c = text + span_of(text, end, " \t\r\n");

        return how != ALLOW_LOG && how != ALLOW_SETTINGS && c < end &&
               (*c == '{' || (*c == '[' && how != ALLOW_CONTAINERD));
}

void allow(enum allow how, const char *text, size_t n, struct text *to)
{
        _cleanup_free_ char *copy = xcalloc(n + 1, 1);
        bool known = false;

        for (size_t i = 0; i < n; i++)
                copy[i] = text[i] ? text[i] : NUL_SHOWN;
        if (how == ALLOW_PROSE) {
                scrub(copy, n, to);
                return;
        }
        if (how != ALLOW_LOG && how != ALLOW_SETTINGS && add_json(how, copy, n, JSON_INDENT(2), to))
                return;
        if (begins_as_json(how, copy, copy + n)) {
                text_add(to, "(not shown: it begins as JSON, and is none)\n");
                return;
        }
        for (const char *line = copy, *end = copy + n; line < end; line++) {
                size_t bytes = span_until(line, end, "\n");

                if (how == ALLOW_LOG)
                        add_log_line(line, bytes, to);
                else
                        add_config_line(how, line, bytes, &known, to);
                line += bytes;
        }
}
