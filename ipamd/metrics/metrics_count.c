// SPDX-License-Identifier: Apache-2.0
/* The numbers: one atomic per series; of a histogram one per bucket, and the sum. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics_cells.h"

/* ---- the shape of a metric, from its row ---- */

const char *cells_label_value(const struct metric_label *label, unsigned i)
{
        if (i < label->n)
                return label->values[i];
        return i == label->n ? label->more : NULL;
}

static unsigned n_values(const struct metric_label *label)
{
        return label->n + (label->more != NULL);
}

unsigned cells_label_size(const struct metric_row *row, unsigned place)
{
        return row->labels[place].name ? n_values(&row->labels[place]) + 1 : 1; /* one more: "other" */
}

unsigned cells_n_buckets(const struct metric_row *row)
{
        unsigned n = 0;

        while (row->buckets_us && row->buckets_us[n])
                n++;
        return n;
}

unsigned cells_width(const struct metric_row *row)
{
        switch (row->kind) {
        case METRIC_KIND_COUNTER:
        case METRIC_KIND_GAUGE:
        case METRIC_KIND_AGE: break;
        case METRIC_KIND_HISTOGRAM: return cells_n_buckets(row) + 2; /* beyond the last one, and the sum */
        case METRIC_KIND_SUMMARY: return 2;
        }
        return 1;
}

unsigned cells_n_series(const struct metric_row *row)
{
        unsigned n = 1;

        for (unsigned i = 0; i < METRIC_LABELS_MAX; i++)
                n *= cells_label_size(row, i);
        return n;
}

struct metrics *metrics_new(void)
{
        struct metrics *metrics = XNEW(struct metrics);
        size_t n = 0;

        for (int i = 0; i < _METRIC_MAX; i++) {
                metrics->first[i] = n;
                n += (size_t)cells_n_series(&metric_rows[i]) * cells_width(&metric_rows[i]);
        }
        metrics->cells = XNEW_ARRAY(_Atomic int64_t, n);
        return metrics;
}

struct metrics *metrics_free(struct metrics *metrics)
{
        if (metrics) {
                free(metrics->cells);
                free(metrics);
        }
        return NULL;
}

/* ---- counting ---- */

static unsigned value_index(const struct metric_label *label, const char *value)
{
        unsigned i = 0;

        while (i < n_values(label) && (!value || strcmp(cells_label_value(label, i), value) != 0))
                i++;
        return i; /* behind the last one: "other" */
}

static _Atomic int64_t *cells_of(const struct metrics *metrics, enum metric metric,
                                 const char *const labels[static METRIC_LABELS_MAX])
{
        const struct metric_row *row = &metric_rows[metric];
        size_t series = 0;

        for (unsigned i = 0; i < METRIC_LABELS_MAX; i++) {
                if (row->labels[i].name)
                        series = series * cells_label_size(row, i) + value_index(&row->labels[i], labels[i]);
        }
        return &metrics->cells[metrics->first[metric] + series * cells_width(row)];
}

static void count(_Atomic int64_t *cell, int64_t n)
{
        atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

void metrics_add(struct metrics *metrics, enum metric metric,
                 const char *const labels[static METRIC_LABELS_MAX], int64_t n)
{
        if (metrics)
                count(cells_of(metrics, metric, labels), n);
}

void metrics_set(struct metrics *metrics, enum metric metric,
                 const char *const labels[static METRIC_LABELS_MAX], int64_t value)
{
        if (metrics)
                atomic_store_explicit(cells_of(metrics, metric, labels), value, memory_order_relaxed);
}

void metrics_clear(struct metrics *metrics, enum metric metric)
{
        const struct metric_row *row = &metric_rows[metric];
        size_t n = (size_t)cells_n_series(row) * cells_width(row);

        for (size_t i = 0; metrics && i < n; i++)
                atomic_store_explicit(&metrics->cells[metrics->first[metric] + i], 0, memory_order_relaxed);
}

void metrics_observe(struct metrics *metrics, enum metric metric,
                     const char *const labels[static METRIC_LABELS_MAX], int64_t us)
{
        const struct metric_row *row = &metric_rows[metric];
        unsigned bucket = 0, n = cells_n_buckets(row);
        _Atomic int64_t *cells;

        if (!metrics)
                return;
        if (us < 0)
                us = 0;
        cells = cells_of(metrics, metric, labels);
        while (bucket < n && us > row->buckets_us[bucket])
                bucket++;
        count(&cells[bucket], 1);
        count(&cells[cells_width(row) - 1], us);
}

/* ---- reading ---- */

int64_t cells_read(const struct metrics *metrics, enum metric metric, size_t series, unsigned at)
{
        return atomic_load_explicit(
                &metrics->cells[metrics->first[metric] + series * cells_width(&metric_rows[metric]) + at],
                memory_order_relaxed);
}

int64_t metrics_value(const struct metrics *metrics, enum metric metric,
                      const char *const labels[static METRIC_LABELS_MAX])
{
        const _Atomic int64_t *cells = cells_of(metrics, metric, labels);
        unsigned width = cells_width(&metric_rows[metric]);
        int64_t sum = 0;

        for (unsigned i = 0; i < (width > 1 ? width - 1 : 1); i++)
                sum += atomic_load_explicit(&cells[i], memory_order_relaxed);
        return sum;
}
