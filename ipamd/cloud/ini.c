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

static int read_section(char *line, const struct ini_reader *reader, const char **ret_section,
                        struct err *err)
{
        char *end = strchr(line, ']'), *rest;

        if (!end)
                return err_set(err, ERR_INVALID, "a section without its ']'");
        *end = '\0';
        rest = trim(end + 1);
        if (*rest && !is_comment(*rest))
                return err_set(err, ERR_INVALID, "something behind a section's ']'");
        *ret_section = trim(line + 1);
        if (reader->on_section)
                reader->on_section(reader->data, *ret_section);
        return 0;
}

static int read_value(char *line, const struct ini_reader *reader, const char *section, struct err *err)
{
        char *value = strchr(line, '='), *key;

        if (!value)
                return err_set(err, ERR_INVALID, "neither [section] nor key = value");
        *value++ = '\0';
        key = trim(line);
        if (!*key)
                return err_set(err, ERR_INVALID, "a value without a key");
        for (char *c = key; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        cut_comment(value);
        return section ? reader->on_value(reader->data, section, key, trim(value), err) : 0;
}

static int read_line(char *line, const struct ini_reader *reader, const char **section, struct err *err)
{
        if (strlen(line) > INI_MAX_LINE_BYTES)
                return err_set(err, ERR_INVALID, "more than %d bytes", INI_MAX_LINE_BYTES);
        if (!*line || isspace((unsigned char)*line) || is_comment(*line))
                return 0;
        if (*line == '[')
                return read_section(line, reader, section, err);
        return read_value(line, reader, *section, err);
}

int ini_read(char *text, const struct ini_reader *reader, struct err *err)
{
        const char *section = NULL;
        unsigned number = 0;
        char *line;
        int r;

        while ((line = strsep(&text, "\n"))) {
                number++;
                r = read_line(line, reader, &section, err);
                if (r < 0) {
                        (void)err_wrap(err, "line %u", number);
                        return r;
                }
        }
        return 0;
}
