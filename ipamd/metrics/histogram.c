// SPDX-License-Identifier: Apache-2.0
#include <stdatomic.h>
#include <stddef.h>

#include "metrics/histogram.h"

static int64_t read_cell(const _Atomic int64_t *cell)
{
        return atomic_load_explicit(cell, memory_order_relaxed);
}

static void add_to_cell(_Atomic int64_t *cell, int64_t n)
{
        atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

unsigned histogram_n_bounds(const int64_t *bounds)
{
        unsigned n = 0;

        while (bounds && bounds[n])
                n++;
        return n;
}

void histogram_observe(const int64_t *bounds, _Atomic int64_t *cells, int64_t number)
{
        unsigned n = histogram_n_bounds(bounds), at = 0;

        while (at < n && number > bounds[at])
                at++;
        add_to_cell(&cells[at], 1);
        add_to_cell(&cells[n + 1], number);
}

void histogram_merge(const int64_t *bounds, _Atomic int64_t *to, const _Atomic int64_t *from)
{
        unsigned n = HISTOGRAM_CELLS(histogram_n_bounds(bounds));

        for (unsigned i = 0; i < n; i++)
                add_to_cell(&to[i], read_cell(&from[i]));
}

int64_t histogram_count(const int64_t *bounds, const _Atomic int64_t *cells)
{
        unsigned n = histogram_n_bounds(bounds);
        int64_t count = 0;

        for (unsigned i = 0; i <= n; i++)
                count += read_cell(&cells[i]);
        return count;
}

int64_t histogram_quantile(const int64_t *bounds, const _Atomic int64_t *cells, unsigned percent)
{
        int64_t all = histogram_count(bounds, cells), seen = 0;
        unsigned n = histogram_n_bounds(bounds);

        for (unsigned i = 0; i < n; i++) {
                seen += read_cell(&cells[i]);
                if (seen * 100 >= all * percent)
                        return bounds[i];
        }
        return INT64_MAX;
}
