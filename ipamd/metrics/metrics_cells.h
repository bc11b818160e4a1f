// SPDX-License-Identifier: Apache-2.0
/*
 * Inside metrics: where each number is. A metric's series stand side by side in the order of their labels' values, the last
 * label fastest; a series is one cell, or those of a histogram.
 */
#ifndef IPAMD_METRICS_METRICS_CELLS_H
#define IPAMD_METRICS_METRICS_CELLS_H

#include "metrics/histogram.h"
#include "metrics/metrics_table.h"

struct metrics {
        size_t first[_METRIC_MAX]; /* cell of each metric */
        _Atomic int64_t *cells;
};

unsigned cells_label_size(const struct metric_row *row,
                          unsigned place); /* values, and "other"; 1: no label */
/* The i-th value of the label; NULL: it has no more, and what is in no list is "other". */
const char *cells_label_value(const struct metric_label *label, unsigned i);
unsigned cells_width(const struct metric_row *row);
unsigned cells_n_series(const struct metric_row *row);
int64_t cells_read(const struct metrics *metrics, enum metric metric, size_t series, unsigned at);

#endif
