// SPDX-License-Identifier: Apache-2.0
/* Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
#include <stdio.h>

#include "metrics/metrics_cells.h"

enum { US_PER_SECOND = 1000000, MS_PER_SECOND = 1000 };

static const char OTHER[] = "other";

static void add_escaped(struct text *to, const char *value, bool quotes)
{
        for (; *value; value++) {
                switch (*value) {
                case '\\': text_add(to, "\\\\"); break;
                case '\n': text_add(to, "\\n"); break;
                case '"': text_add(to, quotes ? "\\\"" : "\""); break;
                default: text_add_bytes(to, value, 1);
                }
        }
}

static void add_label(struct text *to, bool first, const char *name, const char *value)
{
        text_add(to, "%s%s=\"", first ? "{" : ",", name);
        add_escaped(to, value, true);
        text_add(to, "\"");
}

static const char *value_of(const struct metric_row *row, unsigned place, size_t series)
{
        for (unsigned i = METRIC_LABELS_MAX - 1; i > place; i--)
                series /= cells_label_size(row, i);
        return cells_label_value(&row->labels[place], (unsigned)(series % cells_label_size(row, place)))
                       ?: OTHER;
}

/* Name and labels of one sample; le may be NULL. */
static void add_name(struct text *to, const struct metric_row *row, const char *suffix, size_t series,
                     const char *le)
{
        bool first = true;

        text_add(to, "%s%s", row->name, suffix);
        for (unsigned i = 0; i < METRIC_LABELS_MAX && row->labels[i].name; i++) {
                add_label(to, first, row->labels[i].name, value_of(row, i, series));
                first = false;
        }
        if (le)
                add_label(to, first, "le", le);
        text_add(to, !first || le ? "} " : " ");
}

static void add_number(struct text *to, int64_t stored, int64_t per_unit)
{
        if (per_unit <= 1)
                text_add(to, "%lld\n", (long long)stored);
        else
                text_add(to, "%.15g\n", (double)stored / (double)per_unit);
}

static void add_histogram(struct text *to, const struct metrics *metrics, enum metric metric, size_t series)
{
        const struct metric_row *row = &metric_rows[metric];
        unsigned n = histogram_n_bounds(row->buckets_us);
        int64_t below = 0;
        char le[32];

        for (unsigned i = 0; i <= n; i++) {
                below += cells_read(metrics, metric, series, i);
                snprintf(le, sizeof(le), "%.15g", i < n ? (double)row->buckets_us[i] / US_PER_SECOND : 0.0);
                add_name(to, row, "_bucket", series, i < n ? le : "+Inf");
                add_number(to, below, 1);
        }
        add_name(to, row, "_sum", series, NULL);
        add_number(to, cells_read(metrics, metric, series, n + 1), US_PER_SECOND);
        add_name(to, row, "_count", series, NULL);
        add_number(to, below, 1);
}

static void add_summary(struct text *to, const struct metrics *metrics, enum metric metric, size_t series)
{
        const struct metric_row *row = &metric_rows[metric];

        add_name(to, row, "_sum", series, NULL);
        add_number(to, cells_read(metrics, metric, series, 1), row->per_unit);
        add_name(to, row, "_count", series, NULL);
        add_number(to, cells_read(metrics, metric, series, 0), 1);
}

/* "other" is no series until something came there. */
static bool is_shown(const struct metrics *metrics, enum metric metric, size_t series)
{
        const struct metric_row *row = &metric_rows[metric];
        bool optional = row->sparse || row->kind == METRIC_KIND_AGE;

        for (unsigned i = 0; i < METRIC_LABELS_MAX && row->labels[i].name; i++)
                optional |= value_of(row, i, series) == OTHER;
        for (unsigned i = 0; optional && i < cells_width(row); i++)
                optional = cells_read(metrics, metric, series, i) == 0;
        return !optional;
}

static void add_series(struct text *to, const struct metrics *metrics, enum metric metric, size_t series,
                       int64_t now_ms)
{
        const struct metric_row *row = &metric_rows[metric];

        switch (row->kind) {
        case METRIC_KIND_COUNTER:
        case METRIC_KIND_GAUGE:
                add_name(to, row, "", series, NULL);
                add_number(to, cells_read(metrics, metric, series, 0), row->per_unit);
                break;
        case METRIC_KIND_AGE:
                add_name(to, row, "", series, NULL);
                add_number(to, now_ms - cells_read(metrics, metric, series, 0), MS_PER_SECOND);
                break;
        case METRIC_KIND_HISTOGRAM: add_histogram(to, metrics, metric, series); break;
        case METRIC_KIND_SUMMARY: add_summary(to, metrics, metric, series); break;
        }
}

void metrics_write_head(struct text *to, const char *name, const char *type, const char *help)
{
        text_add(to, "# HELP %s ", name);
        add_escaped(to, help, false);
        text_add(to, "\n# TYPE %s %s\n", name, type);
}

void metrics_write_sample(struct text *to, const char *name, const char *label, const char *value,
                          int64_t number)
{
        metrics_write_labels(to, name, &(const struct metrics_label){label, value}, 1, number);
}

void metrics_write_labels(struct text *to, const char *name, const struct metrics_label *labels, size_t n,
                          int64_t number)
{
        text_add(to, "%s", name);
        for (size_t i = 0; i < n; i++)
                add_label(to, i == 0, labels[i].name, labels[i].value ?: "");
        text_add(to, "} %lld\n", (long long)number);
}

void metrics_write(const struct metrics *metrics, int64_t now_ms, struct text *to)
{
        static const char *const types[] = {
                [METRIC_KIND_COUNTER] = "counter", [METRIC_KIND_GAUGE] = "gauge",
                [METRIC_KIND_AGE] = "gauge",       [METRIC_KIND_HISTOGRAM] = "histogram",
                [METRIC_KIND_SUMMARY] = "summary",
        };

        for (int i = 0; i < _METRIC_MAX; i++) {
                const struct metric_row *row = &metric_rows[i];

                metrics_write_head(to, row->name, types[row->kind], row->help);
                for (size_t series = 0; series < cells_n_series(row); series++)
                        if (is_shown(metrics, (enum metric)i, series))
                                add_series(to, metrics, (enum metric)i, series, now_ms);
        }
}
