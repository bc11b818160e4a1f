// SPDX-License-Identifier: Apache-2.0
/* Pieces of a text that may be long: each byte is looked at once, also by tools that check that strings end. */
#ifndef IPAMD_CTL_BUNDLE_SPAN_H
#define IPAMD_CTL_BUNDLE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes up to the first of `stops`, which may be the end. */
static inline size_t span_until(const char *from, const char *end, const char *stops)
{
        const char *c = from;

        while (c < end && !(*c && strchr(stops, *c)))
                c++;
        return (size_t)(c - from);
}

/* Bytes that are all among `what`. */
static inline size_t span_of(const char *from, const char *end, const char *what)
{
        const char *c = from;

        while (c < end && *c && strchr(what, *c))
                c++;
        return (size_t)(c - from);
}

static inline bool span_begins_with(const char *from, const char *end, const char *word)
{
        size_t n = strlen(word);

        return (size_t)(end - from) >= n && memcmp(from, word, n) == 0;
}

#endif
