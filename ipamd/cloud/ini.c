// SPDX-License-Identifier: Apache-2.0
#include "cloud/ini.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static char *trim(char *text)
{
        size_t n;

        while (isspace((unsigned char)*text))
                text++;
        n = strlen(text);
        while (n && isspace((unsigned char)text[n - 1]))
                text[--n] = '\0';
        return text;
}

static bool is_comment(char c)
{
        return c == '#' || c == ';';
}

/* White space and a comment sign end a value; the sign alone may be a part of it. */
static void cut_comment(char *value)
{
        if (is_comment(*value))
                *value = '\0';
        for (char *c = value; *c; c++)
                if (isspace((unsigned char)*c) && is_comment(c[1]))
                        *c = '\0';
}

/* Where we are: in which section, and below which key that has no value of its own. */
struct place {
        const char *section, *parent;
};

static int read_section(char *line, const struct ini_reader *reader, struct place *place, struct err *err)
{
        char *end = strchr(line, ']'), *rest;

        if (!end)
                return err_set(err, ERR_INVALID, "a section without its ']'");
        *end = '\0';
        rest = trim(end + 1);
        if (*rest && !is_comment(*rest))
                return err_set(err, ERR_INVALID, "text after a section's ']'");
        *place = (struct place){.section = trim(line + 1)};
        if (reader->on_section)
                reader->on_section(reader->data, place->section);
        return 0;
}

/* Takes "Key = value # comment" apart. False: there is no '='. */
static bool split(char *line, char **ret_key, char **ret_value)
{
        char *value = strchr(line, '=');

        if (!value)
                return false;
        *value++ = '\0';
        *ret_key = trim(line);
        for (char *c = *ret_key; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        cut_comment(value);
        *ret_value = trim(value);
        return true;
}

static int read_value(char *line, const struct ini_reader *reader, struct place *place, struct err *err)
{
        char *key, *value;

        if (!split(line, &key, &value))
                return err_set(err, ERR_INVALID, "neither [section] nor key = value");
        if (!*key)
                return err_set(err, ERR_INVALID, "a value without a key");
        place->parent = *value ? NULL : key;
        return place->section ? reader->on_value(reader->data, place->section, key, value, err) : 0;
}

static int read_indented(char *line, const struct ini_reader *reader, const struct place *place,
                         struct err *err)
{
        char *text = trim(line), *key, *value;

        if (!*text || is_comment(*text) || !place->section || !place->parent || !reader->on_nested ||
            !split(text, &key, &value) || !*key)
                return 0;
        return reader->on_nested(reader->data, place->section, place->parent, key, value, err);
}

static int read_line(char *line, const struct ini_reader *reader, struct place *place, struct err *err)
{
        if (strlen(line) > INI_MAX_LINE_BYTES)
                return err_set(err, ERR_INVALID, "more than %d bytes", INI_MAX_LINE_BYTES);
        if (!*line || is_comment(*line))
                return 0;
        if (isspace((unsigned char)*line))
                return read_indented(line, reader, place, err);
        if (*line == '[')
                return read_section(line, reader, place, err);
        return read_value(line, reader, place, err);
}

int ini_read(char *text, const struct ini_reader *reader, struct err *err)
{
        struct place place = {0};
        unsigned number = 0;
        char *line;
        int r;

        while ((line = strsep(&text, "\n"))) {
                number++;
                r = read_line(line, reader, &place, err);
                if (r < 0) {
                        (void)err_wrap(err, "line %u", number);
                        return r;
                }
        }
        return 0;
}
