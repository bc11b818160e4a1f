// SPDX-License-Identifier: Apache-2.0
/*
 * Allocation that cannot fail (out of memory aborts: there is nothing a node daemon can do better than restart), and
 * arenas: memory of one reconcile round or one request, freed in one call. Sizes that come from outside are limited
 * by the caller before they get here.
 */
#ifndef VPCWIRE_MEM_H
#define VPCWIRE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "cleanup.h"

void *xcalloc(size_t n, size_t size);
void *xrealloc_array(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) _printf_(1, 2);

#define XNEW(type)          ((type *)xcalloc(1, sizeof(type)))
#define XNEW_ARRAY(type, n) ((type *)xcalloc((n), sizeof(type)))

/*
 * Makes room for one more element in a heap array that grows by doubling: `array` and `capacity` are updated; `n` is
 * the number of elements in use.
 */
#define GROW(array, n, capacity)                                                                             \
        do {                                                                                                 \
                if ((n) == (capacity)) {                                                                     \
                        (capacity) = (capacity) ? (capacity)*2 : 8;                                          \
                        (array) = xrealloc_array((array), (capacity), sizeof(__typeof__(*(array))));         \
                }                                                                                            \
        } while (0)

struct arena;

struct arena *arena_new(void);
struct arena *arena_free(struct arena *arena);
DEFINE_CLEANUP(struct arena *, arena_free)

/* Zeroed memory that lives until arena_free(). */
void *arena_alloc(struct arena *arena, size_t n, size_t size);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *format, ...) _printf_(2, 3);

#define ARENA_NEW(arena, type)      ((type *)arena_alloc((arena), 1, sizeof(type)))
#define ARENA_ARRAY(arena, type, n) ((type *)arena_alloc((arena), (n), sizeof(type)))

/* A growing string; `text` is always NUL-terminated once anything was added (and NULL before). */
struct text {
        char *text;
        size_t bytes, capacity;
};

void text_add(struct text *t, const char *format, ...) _printf_(2, 3);
void text_add_bytes(struct text *t, const void *bytes, size_t n);
void text_done(struct text *t); /* frees the contents; for _cleanup_(text_done) */

#endif
