// SPDX-License-Identifier: Apache-2.0
/*
 * Wanted against seen: one walk over two sorted arrays of the same type that says what must be added, what removed,
 * and what is right already. The comparison is the caller's, so that "equal" can mean the key or every field.
 *
 * Elements are matched one to one: what is there twice and wanted once is removed once.
 */
#ifndef VPCWIRE_DIFF_H
#define VPCWIRE_DIFF_H

#include <stddef.h>

struct diff_calls {
        /* As for qsort(): both arrays are sorted by it. */
        int (*compare)(const void *a, const void *b);
        /* Any of these may be NULL. */
        void (*add)(const void *wanted, void *arg);
        void (*remove)(const void *seen, void *arg);
        void (*keep)(const void *wanted, const void *seen, void *arg);
};

struct diff_input {
        const void *wanted;
        size_t n_wanted;
        const void *seen;
        size_t n_seen;
        size_t size; /* of one element, in bytes */
};

/* Calls come in sorted order. The callbacks must not change the arrays. */
void diff_sorted(const struct diff_input *input, const struct diff_calls *calls, void *arg);

#endif
