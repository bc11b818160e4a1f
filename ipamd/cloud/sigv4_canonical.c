// SPDX-License-Identifier: Apache-2.0
/*
 * The canonical request of SigV4: the same text for the same request, whatever order, case and white space it came in.
 * As for all services but S3, the path's segments are encoded once more than they are on the wire; dot segments and
 * empty segments are not resolved (the query API has one path, "/").
 */
#include "cloud/sigv4_canonical.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

void sigv4_hex(const unsigned char hash[static SIGV4_HASH_BYTES], char ret[static SIGV4_HEX_BYTES])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < SIGV4_HASH_BYTES; i++) {
                ret[2 * i] = digits[hash[i] >> 4];
                ret[2 * i + 1] = digits[hash[i] & 15];
        }
        ret[SIGV4_HEX_BYTES - 1] = '\0';
}

void sigv4_hash(const void *bytes, size_t n, char ret[static SIGV4_HEX_BYTES])
{
        unsigned char hash[SIGV4_HASH_BYTES];

        if (EVP_Digest(n ? bytes : "", n, hash, NULL, EVP_sha256(), NULL) != 1)
                abort(); /* fails only without memory or without SHA-256 */
        sigv4_hex(hash, ret);
}

static bool is_unreserved(unsigned char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_' || c == '~';
}

static void add_encoded(struct text *out, const char *s, size_t n, char keep)
{
        static const char digits[] = "0123456789ABCDEF";

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];
                char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

                if (is_unreserved(c) || (keep && s[i] == keep))
                        text_add_bytes(out, s + i, 1);
                else
                        text_add_bytes(out, escape, sizeof(escape));
        }
}

void sigv4_encode(struct text *out, const char *s, size_t n)
{
        add_encoded(out, s, n, '\0');
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes, then encodes our way. '+' is itself: in a query string that is signed, a space is "%20". */
static int recode(const char *s, size_t n, char **ret, struct err *err)
{
        _cleanup_(text_done) struct text out = {0};

        text_add_bytes(&out, "", 0);
        for (size_t i = 0; i < n; i++) {
                char c = s[i];

                if (c == '%') {
                        int high = i + 1 < n ? hex_value(s[i + 1]) : -1;
                        int low = i + 2 < n ? hex_value(s[i + 2]) : -1;

                        if (high < 0 || low < 0)
                                return err_set(err, ERR_INVALID, "query string: '%.*s' is no percent-escape",
                                               (int)(n - i < 3 ? n - i : 3), s + i);
                        c = (char)(high * 16 + low);
                        i += 2;
                }
                sigv4_encode(&out, &c, 1);
        }
        *ret = TAKE_PTR(out.text);
        return 0;
}

struct parameter {
        char *key, *value; /* encoded */
};

static int parameter_compare(const void *left, const void *right)
{
        const struct parameter *a = left, *b = right;
        int r = strcmp(a->key, b->key);

        return r ? r : strcmp(a->value, b->value);
}

struct parameters {
        struct parameter *array;
        size_t n, capacity;
};

static void parameters_done(struct parameters *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->array[i].key);
                free(p->array[i].value);
        }
        free(p->array);
}

static int parse_parameters(const char *query, struct parameters *p, struct err *err)
{
        int r;

        while (*query) {
                size_t n = strcspn(query, "&"), key_bytes = strcspn(query, "=&");

                if (n) {
                        const char *value = query + key_bytes + (key_bytes < n);

                        GROW(p->array, p->n, p->capacity);
                        p->array[p->n] = (struct parameter){0};
                        p->n++;
                        r = recode(query, key_bytes, &p->array[p->n - 1].key, err);
                        if (r >= 0)
                                r = recode(value, (size_t)(query + n - value), &p->array[p->n - 1].value,
                                           err);
                        if (r < 0)
                                return r;
                }
                query += n + (query[n] == '&');
        }
        return 0;
}

static int add_query(const char *query, struct text *out, struct err *err)
{
        _cleanup_(parameters_done) struct parameters p = {0};
        int r;

        r = parse_parameters(query, &p, err);
        if (r < 0)
                return r;
        if (p.n)
                qsort(p.array, p.n, sizeof(*p.array), parameter_compare);
        for (size_t i = 0; i < p.n; i++)
                text_add(out, "%s%s=%s", i ? "&" : "", p.array[i].key, p.array[i].value);
        return 0;
}

/* By name; headers of one name stay in their order, which is part of what is signed. */
static int header_compare(const void *left, const void *right)
{
        const struct sigv4_header *const *a = left, *const *b = right;
        int r = strcasecmp((*a)->name, (*b)->name);

        return r ? r : (*a > *b) - (*a < *b);
}

static const struct sigv4_header **sort_headers(const struct sigv4_request *request)
{
        const struct sigv4_header **sorted = XNEW_ARRAY(const struct sigv4_header *, request->n_headers);

        for (size_t i = 0; i < request->n_headers; i++)
                sorted[i] = &request->headers[i];
        qsort(sorted, request->n_headers, sizeof(struct sigv4_header *), header_compare);
        return sorted;
}

static void add_lower(struct text *out, const char *s)
{
        for (; *s; s++) {
                char c = (char)tolower((unsigned char)*s);

                text_add_bytes(out, &c, 1);
        }
}

/* Trimmed, each run of white space one space. */
static void add_collapsed(struct text *out, const char *s)
{
        static const char space[] = " \t\r\n\v\f";

        for (s += strspn(s, space); *s;) {
                size_t n = strcspn(s, space);

                text_add_bytes(out, s, n);
                s += n;
                s += strspn(s, space);
                if (*s)
                        text_add_bytes(out, " ", 1);
        }
}

static void add_headers(const struct sigv4_request *request, struct text *out)
{
        _cleanup_free_ const struct sigv4_header **sorted = sort_headers(request);

        for (size_t i = 0; i < request->n_headers; i++) {
                bool same = i && strcasecmp(sorted[i]->name, sorted[i - 1]->name) == 0;

                if (same) {
                        text_add(out, ",");
                } else {
                        text_add(out, "%s", i ? "\n" : "");
                        add_lower(out, sorted[i]->name);
                        text_add(out, ":");
                }
                add_collapsed(out, sorted[i]->value);
        }
        text_add(out, "\n");
}

void sigv4_add_signed_headers(const struct sigv4_request *request, struct text *out)
{
        _cleanup_free_ const struct sigv4_header **sorted = sort_headers(request);

        for (size_t i = 0; i < request->n_headers; i++) {
                if (i && strcasecmp(sorted[i]->name, sorted[i - 1]->name) == 0)
                        continue;
                if (i)
                        text_add(out, ";");
                add_lower(out, sorted[i]->name);
        }
}

int sigv4_add_canonical_request(const struct sigv4_request *request, struct text *out, struct err *err)
{
        const char *path = request->path && *request->path ? request->path : "/";
        char hash[SIGV4_HEX_BYTES];
        int r;

        text_add(out, "%s\n", request->method);
        add_encoded(out, path, strlen(path), '/');
        text_add(out, "\n");
        r = add_query(request->query ?: "", out, err);
        if (r < 0)
                return r;
        text_add(out, "\n");
        add_headers(request, out);
        text_add(out, "\n");
        sigv4_add_signed_headers(request, out);
        sigv4_hash(request->body, request->body_bytes, hash);
        text_add(out, "\n%s", hash);
        return 0;
}
