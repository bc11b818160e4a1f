// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "ctl/show.h"

enum { GAP = 2, COLUMNS_MAX = 16 };

static const char *const colour_codes[_SHOW_COLOUR_MAX] = {
        [SHOW_PLAIN] = "",       [SHOW_GOOD] = "\033[32m", [SHOW_WARN] = "\033[33m",
        [SHOW_BAD] = "\033[31m", [SHOW_FAINT] = "\033[2m",
};

/* The first byte of a character in UTF-8 (what comes from the daemon is valid UTF-8). */
static bool starts_character(char c)
{
        return ((unsigned char)c & 0xc0) != 0x80;
}

unsigned show_width(const char *text)
{
        unsigned n = 0;

        for (; *text; text++)
                n += starts_character(*text);
        return n;
}

/* At most `max` characters; what is cut ends in "~". */
static void print_clean(FILE *out, const char *text, unsigned max)
{
        unsigned total = show_width(text), n = 0;

        for (const char *c = text; *c; c++) {
                if (starts_character(*c) && ++n >= max && total > max) {
                        fputc('~', out);
                        return;
                }
                fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
        }
}

void show_text(FILE *out, const char *text, enum show_colour colour, bool colours)
{
        bool paint = colours && colour != SHOW_PLAIN;

        if (paint)
                fputs(colour_codes[colour], out);
        print_clean(out, text, UINT32_MAX);
        if (paint)
                fputs("\033[0m", out);
}

/* How many bytes of the text are `max` characters, or fewer where a word ends before. */
static size_t line_bytes(const char *text, unsigned max)
{
        size_t at = 0, word = 0;
        unsigned n = 0;

        for (; text[at]; at++) {
                if (starts_character(text[at]) && ++n > max)
                        return text[at] == ' ' || !word ? at : word;
                if (text[at] == ' ' && at)
                        word = at;
        }
        return at;
}

void show_wrapped(FILE *out, const char *text, unsigned at, unsigned indent, unsigned width)
{
        enum { LEAST = 20 }; /* a narrower column is not worth a line */

        if (width < indent + LEAST)
                width = UINT32_MAX;
        for (bool first = true; *text || first; first = false) {
                unsigned room = at < width ? width - at : 0;
                size_t n = room < LEAST && show_width(text) > room ? 0 : line_bytes(text, room);
                _cleanup_free_ char *line = xasprintf("%.*s", (int)n, text);

                print_clean(out, line, UINT32_MAX);
                text += n;
                text += strspn(text, " ");
                at = indent;
                if (*text)
                        fprintf(out, "\n%*s", (int)indent, "");
        }
}

static const char *cell_text(const struct show_table *table, size_t row, size_t column)
{
        const char *text = table->cells[row * table->n_columns + column].text;

        return text && text[0] ? text : "-";
}

static unsigned total_width(const unsigned *widths, size_t n)
{
        unsigned sum = 0;

        for (size_t i = 0; i < n; i++)
                if (widths[i])
                        sum += widths[i] + (sum ? GAP : 0);
        return sum;
}

/* 0 means left out. */
static void choose_widths(const struct show_table *table, unsigned width, unsigned widths[static COLUMNS_MAX])
{
        for (size_t i = 0; i < table->n_columns; i++) {
                widths[i] = show_width(table->columns[i].title);
                for (size_t row = 0; row < table->n_rows; row++) {
                        unsigned n = show_width(cell_text(table, row, i));

                        widths[i] = n > widths[i] ? n : widths[i];
                }
        }
        for (unsigned turn = 0; width && turn <= table->n_columns; turn++) {
                for (size_t i = 0; turn && i < table->n_columns; i++)
                        if (table->columns[i].dropped == turn &&
                            total_width(widths, table->n_columns) > width)
                                widths[i] = 0;
                for (size_t i = 0; i < table->n_columns; i++) {
                        unsigned all = total_width(widths, table->n_columns),
                                 least = table->columns[i].shrinks_to;
                        unsigned over = all > width ? all - width : 0;

                        if (!least || widths[i] <= least || !over || widths[i] - least < over)
                                continue;
                        widths[i] -= over;
                }
        }
        /* Nothing more can go: cut what may be cut, and let the rest be wide. */
        for (size_t i = 0; width && i < table->n_columns; i++)
                if (total_width(widths, table->n_columns) > width && table->columns[i].shrinks_to &&
                    widths[i] > table->columns[i].shrinks_to)
                        widths[i] = table->columns[i].shrinks_to;
}

static void print_cell(FILE *out, const char *text, unsigned width, bool right, bool last,
                       enum show_colour colour, bool colours)
{
        unsigned n = show_width(text), pad = n < width ? width - n : 0;
        bool paint = colours && colour != SHOW_PLAIN;

        if (right)
                fprintf(out, "%*s", (int)pad, "");
        if (paint)
                fputs(colour_codes[colour], out);
        print_clean(out, text, width);
        if (paint)
                fputs("\033[0m", out);
        if (!right && !last)
                fprintf(out, "%*s", (int)pad, "");
        if (!last)
                fprintf(out, "%*s", GAP, "");
}

void show_table(FILE *out, const struct show_table *table, unsigned width, bool colours)
{
        unsigned widths[COLUMNS_MAX];
        size_t last = 0;

        if (table->n_columns > COLUMNS_MAX)
                abort();
        choose_widths(table, width, widths);
        for (size_t i = 0; i < table->n_columns; i++)
                last = widths[i] ? i : last;
        for (size_t i = 0; i < table->n_columns; i++)
                if (widths[i])
                        print_cell(out, table->columns[i].title, widths[i], table->columns[i].right,
                                   i == last, SHOW_FAINT, colours);
        fputc('\n', out);
        for (size_t row = 0; row < table->n_rows; row++) {
                for (size_t i = 0; i < table->n_columns; i++)
                        if (widths[i])
                                print_cell(out, cell_text(table, row, i), widths[i], table->columns[i].right,
                                           i == last, table->cells[row * table->n_columns + i].colour,
                                           colours);
                fputc('\n', out);
        }
}

const char *show_age(int64_t age_ms, char text[static SHOW_AGE_BYTES])
{
        return clock_span_format(age_ms, text);
}

int show_parse_age(const char *text, int64_t *ret_ms)
{
        static const struct {
                char unit;
                int64_t ms;
        } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};
        enum { MOST = 1000 * 1000 };
        char *end;
        long n = strtol(text, &end, 10); /* what is too large is LONG_MAX, and above MOST */

        if (end == text || n < 1 || n > MOST || !*end || end[1])
                return -1;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                if (units[i].unit == *end) {
                        *ret_ms = n * units[i].ms;
                        return 0;
                }
        }
        return -1;
}
