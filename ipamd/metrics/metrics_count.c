// SPDX-License-Identifier: Apache-2.0
/* The numbers: one atomic per series; of histograms and summaries, which are histograms without bounds, a row of them. */
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

unsigned cells_width(const struct metric_row *row)
{
        switch (row->kind) {
        case METRIC_KIND_COUNTER:
        case METRIC_KIND_GAUGE:
        case METRIC_KIND_AGE: break;
        case METRIC_KIND_HISTOGRAM:
        case METRIC_KIND_SUMMARY: return HISTOGRAM_CELLS(histogram_n_bounds(row->buckets_us));
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

void metrics_add(struct metrics *metrics, enum metric metric,
                 const char *const labels[static METRIC_LABELS_MAX], int64_t n)
{
        if (metrics)
                atomic_fetch_add_explicit(cells_of(metrics, metric, labels), n, memory_order_relaxed);
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
        if (metrics)
                histogram_observe(metric_rows[metric].buckets_us, cells_of(metrics, metric, labels),
                                  us > 0 ? us : 0);
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
        const struct metric_row *row = &metric_rows[metric];

        return cells_width(row) > 1 ? histogram_count(row->buckets_us, cells)
                                    : atomic_load_explicit(cells, memory_order_relaxed);
}
