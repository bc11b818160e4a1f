// SPDX-License-Identifier: Apache-2.0
#include "ctl/bundle/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* After "name: " in prose a secret is told from a word by these. */
enum { SECRET_BYTES_MIN = 16, KEY_ID_BYTES = 20, JWT_BYTES_MIN = 40 };

/*
 * Who looks ahead looks no further, unless it then leaves out what it saw: else a text of many such places would be read
 * again from each of them. No prose has as much without a space, so what is longer is a secret.
 */
enum { LOOK_AHEAD_BYTES_MAX = 512 };

/* What is in the name of a secret. */
static const char *const names[] = {"secret",    "token",     "password",     "passwd",      "credential",
                                    "signature", "accesskey", "access_key",   "private_key", "privatekey",
                                    "api_key",   "apikey",    "authorization"};

#define ENDS_OF_TOKEN " \t\n\"'\\,;&"

/* The text and the place in it. */
struct reader {
        const char *start, *at, *end;
        struct text *to;
};

static size_t left(const struct reader *r)
{
        return (size_t)(r->end - r->at);
}

static void copy(struct reader *r, size_t n)
{
        text_add_bytes(r->to, r->at, n);
        r->at += n;
}

static void leave_out(struct reader *r, size_t n)
{
        text_add(r->to, "%s", REDACTED);
        r->at += n;
}

static bool in_word(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Bytes up to the first of `stops`, which may be the end. */
static size_t span_until(const char *from, const char *end, const char *stops)
{
        const char *c = from;

        while (c < end && !(*c && strchr(stops, *c)))
                c++;
        return (size_t)(c - from);
}

static const char *skip(const char *from, const char *end, const char *what)
{
        while (from < end && *from && strchr(what, *from))
                from++;
        return from;
}

static bool has_name_of_secret(const char *word, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t bytes = strlen(names[i]);

                for (size_t at = 0; at + bytes <= n; at++) {
                        if (strncasecmp(word + at, names[i], bytes) == 0)
                                return true;
                }
        }
        return false;
}

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: AKIA and ASIA begin access key ids. */
static bool is_key_id(const char *word, size_t n)
{
        if (n != KEY_ID_BYTES || (memcmp(word, "AKIA", 4) != 0 && memcmp(word, "ASIA", 4) != 0))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!isupper((unsigned char)word[i]) && !isdigit((unsigned char)word[i]))
                        return false;
        }
        return true;
}

static bool starts_line(const struct reader *r, const char *word)
{
        while (word > r->start && strchr(" \t-#", word[-1]))
                word--;
        return word == r->start || word[-1] == '\n';
}

static bool looks_secret(const char *value, size_t n)
{
        bool digit = n >= LOOK_AHEAD_BYTES_MAX;

        for (size_t i = 0; i < n && !digit; i++)
                digit = isdigit((unsigned char)value[i]) != 0;
        return digit && n >= SECRET_BYTES_MIN;
}

static size_t at_most(size_t n, size_t most)
{
        return n < most ? n : most;
}

/* How many bytes of a quoted value are inside: `quote` ends it, unless escaped. */
static size_t span_quoted(const char *from, const char *end, char quote)
{
        const char *c = from;

        while (c < end && *c != quote)
                c += *c == '\\' && c + 1 < end ? 2 : 1;
        return (size_t)(c - from);
}

/* Behind the name of a secret: leaves its value out, if there is one. */
static void pass_value(struct reader *r, bool at_line_start)
{
        const char *c = r->at;
        size_t n;
        bool equals;

        c = skip(c, r->end, "\"'\\");
        c = skip(c, r->end, " \t");
        if (c >= r->end || (*c != '=' && *c != ':'))
                return;
        equals = *c++ == '=';
        c = skip(c, r->end, " \t\\");
        copy(r, (size_t)(c - r->at));
        if (!left(r) || *c == '{' || *c == '[')
                return;
        if (*c == '"' || *c == '\'') {
                copy(r, 1);
                leave_out(r, span_quoted(r->at, r->end, *c));
                return;
        }
        if (at_line_start || equals) {
                n = span_until(c, r->end, at_line_start ? "\n" : ENDS_OF_TOKEN);
                if (n)
                        leave_out(r, n);
                return;
        }
        n = span_until(c, c + at_most(left(r), LOOK_AHEAD_BYTES_MAX), ENDS_OF_TOKEN);
        if (looks_secret(c, n))
                leave_out(r, span_until(c, r->end, ENDS_OF_TOKEN));
}

static void pass_word(struct reader *r)
{
        const char *word = r->at;
        size_t n = 0, token;

        while (n < left(r) && in_word(word[n]))
                n++;
        if (is_key_id(word, n)) {
                leave_out(r, n);
        } else if (n >= 3 && memcmp(word, "eyJ", 3) == 0 &&
                   span_until(word, word + at_most(left(r), JWT_BYTES_MIN), ENDS_OF_TOKEN) == JWT_BYTES_MIN) {
                leave_out(r, span_until(word, r->end, ENDS_OF_TOKEN));
        } else if (n == 6 && strncasecmp(word, "bearer", n) == 0 && left(r) > n + 1 && word[n] == ' ') {
                copy(r, n + 1);
                token = span_until(r->at, r->end, ENDS_OF_TOKEN);
                if (token >= SECRET_BYTES_MIN)
                        leave_out(r, token);
        } else {
                copy(r, n);
                if (has_name_of_secret(word, n))
                        pass_value(r, starts_line(r, word));
        }
}

/* "://user:password@host" */
static void pass_url(struct reader *r)
{
        size_t n;

        copy(r, 3);
        n = span_until(r->at, r->end, "@/ \t\n\"'\\");
        if (n < left(r) && r->at[n] == '@')
                leave_out(r, n);
}

static void pass_key_block(struct reader *r)
{
        static const char end[] = "-----END";
        size_t n = span_until(r->at, r->end, "\n");
        const char *c;

        if (!memmem(r->at, n, "PRIVATE", 7)) {
                copy(r, n);
                return;
        }
        c = memmem(r->at, left(r), end, sizeof(end) - 1);
        leave_out(r, c ? (size_t)(c - r->at) : left(r));
}

void redact(const char *text, size_t n, struct text *to)
{
        static const char begin[] = "-----BEGIN";
        struct reader r = {text, text, text + n, to};

        while (left(&r)) {
                if (left(&r) >= 3 && memcmp(r.at, "://", 3) == 0)
                        pass_url(&r);
                else if (left(&r) >= sizeof(begin) && memcmp(r.at, begin, sizeof(begin) - 1) == 0)
                        pass_key_block(&r);
                else if (in_word(*r.at))
                        pass_word(&r);
                else
                        copy(&r, 1);
        }
}
