// SPDX-License-Identifier: Apache-2.0
/* Text for people: tables with aligned columns, ages, colours. Nothing that came from outside reaches a terminal raw. */
#ifndef IPAMD_CTL_SHOW_H
#define IPAMD_CTL_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vpcwire/clock.h>
#include <vpcwire/mem.h>

enum show_colour { SHOW_PLAIN, SHOW_GOOD, SHOW_WARN, SHOW_BAD, SHOW_FAINT, _SHOW_COLOUR_MAX };

struct show_column {
        const char *title;
        bool right;          /* numbers */
        unsigned shrinks_to; /* too wide for the terminal: may be cut to this many characters; 0: never */
        unsigned dropped;    /* still too wide: columns are left out in this order, 1 first; 0: never */
};

struct show_cell {
        const char *text; /* NULL or "" shows "-" */
        enum show_colour colour;
};

struct show_table {
        const struct show_column *columns;
        size_t n_columns;
        const struct show_cell *cells; /* row by row */
        size_t n_rows;
};

enum { SHOW_AGE_BYTES = CLOCK_SPAN_BYTES };

/* As wide as the text is on a terminal. */
unsigned show_width(const char *text);

/* Prints the table in at most `width` characters per line if it can (0: as wide as it is). */
void show_table(FILE *out, const struct show_table *table, unsigned width, bool colours);

/* Text with control characters as '?', coloured if wanted. */
void show_text(FILE *out, const char *text, enum show_colour colour, bool colours);

/*
 * The same without colours, on as many lines as it needs where it is wider than `width` (0: on one): the cursor is at
 * column `at`, and each further line begins at `indent`. Broken between words where it can be.
 */
void show_wrapped(FILE *out, const char *text, unsigned at, unsigned indent, unsigned width);

/* "8s", "4m10s", "2h05m", "3d4h"; "-" for what has no time, "0s" for the future. */
const char *show_age(int64_t age_ms, char text[static SHOW_AGE_BYTES]);

/* What people write: "90s", "10m", "2h", "3d". Negative: it is none of these. */
int show_parse_age(const char *text, int64_t *ret_ms);

#endif
