// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>

enum { ARENA_BLOCK_BYTES = 16 * 1024, ARENA_ALIGN = 16 };

struct block {
        struct block *next;
        size_t used, size;
        _Alignas(ARENA_ALIGN) unsigned char bytes[];
};

struct arena {
        struct block *blocks;
};

static void *checked(void *p)
{
        if (!p) {
                fputs("out of memory\n", stderr);
                abort();
        }
        return p;
}

void *xcalloc(size_t n, size_t size)
{
        return checked(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc_array(void *p, size_t n, size_t size)
{
        return checked(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
        return checked(strdup(s));
}

/* Not by strndup(): AddressSanitizer's strict checks want an end in what has none. */
char *xstrndup(const char *s, size_t n)
{
        size_t length = strnlen(s, n);
        char *copy = checked(malloc(length + 1));

        memcpy(copy, s, length);
        copy[length] = '\0';
        return copy;
}

char *xasprintf(const char *format, ...)
{
        char *s = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&s, format, args) < 0)
                s = NULL;
        va_end(args);
        return checked(s);
}

struct arena *arena_new(void)
{
        return XNEW(struct arena);
}

struct arena *arena_free(struct arena *arena)
{
        if (!arena)
                return NULL;
        for (struct block *b = arena->blocks, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        free(arena);
        return NULL;
}

void *arena_alloc(struct arena *arena, size_t n, size_t size)
{
        struct block *b = arena->blocks;
        size_t want, capacity;
        void *p;

        if (__builtin_mul_overflow(n ? n : 1, size ? size : 1, &want) || want > SIZE_MAX / 2)
                checked(NULL);
        want = (want + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
        if (!b || b->size - b->used < want) {
                capacity = want > ARENA_BLOCK_BYTES ? want : ARENA_BLOCK_BYTES;
                b = xcalloc(1, sizeof(*b) + capacity);
                b->size = capacity;
                b->next = arena->blocks;
                arena->blocks = b;
        }
        p = b->bytes + b->used;
        b->used += want;
        return p;
}

char *arena_strdup(struct arena *arena, const char *s)
{
        size_t n = strlen(s) + 1;

        return memcpy(arena_alloc(arena, n, 1), s, n);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
        va_list args, again;
        char *s;
        int n;

        va_start(args, format);
        va_copy(again, args);
        n = vsnprintf(NULL, 0, format, args);
        va_end(args);
        s = arena_alloc(arena, (size_t)n + 1, 1);
        vsnprintf(s, (size_t)n + 1, format, again);
        va_end(again);
        return s;
}

void text_add_bytes(struct text *t, const void *bytes, size_t n)
{
        if (t->capacity - t->bytes < n + 1) {
                t->capacity = (t->bytes + n + 1) * 2;
                t->text = xrealloc_array(t->text, t->capacity, 1);
        }
        if (n)
                memcpy(t->text + t->bytes, bytes, n);
        t->bytes += n;
        t->text[t->bytes] = '\0';
}

void text_add(struct text *t, const char *format, ...)
{
        _cleanup_free_ char *s = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&s, format, args);
        va_end(args);
        if (n < 0)
                checked(NULL);
        text_add_bytes(t, s, (size_t)n);
}

void text_done(struct text *t)
{
        free(t->text);
        *t = (struct text){0};
}
