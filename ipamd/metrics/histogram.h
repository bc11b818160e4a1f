// SPDX-License-Identifier: Apache-2.0
/*
 * A histogram: how often a number was at most each of some bounds, and the sum. It is a row of cells wherever its owner has
 * room for them, all 0 at first: a count for each bound (of what is not within the one before), the count beyond the last
 * one, the sum. Bounds rise and end with 0; NULL: there are none. Any thread may observe while others read: who reads may
 * see a number in one cell and not yet in another.
 */
#ifndef IPAMD_METRICS_HISTOGRAM_H
#define IPAMD_METRICS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_CELLS(n_bounds) ((n_bounds) + 2)

/* Without the 0 at the end. */
unsigned histogram_n_bounds(const int64_t *bounds);
/* Counts `number` once. */
void histogram_observe(const int64_t *bounds, _Atomic int64_t *cells, int64_t number);
/* Adds all that `from` has observed, by the same bounds. */
void histogram_merge(const int64_t *bounds, _Atomic int64_t *to, const _Atomic int64_t *from);

/* How often something was observed. */
int64_t histogram_count(const int64_t *bounds, const _Atomic int64_t *cells);
/* The least bound that `percent` of all are not beyond; INT64_MAX: there is none. */
int64_t histogram_quantile(const int64_t *bounds, const _Atomic int64_t *cells, unsigned percent);

#endif
