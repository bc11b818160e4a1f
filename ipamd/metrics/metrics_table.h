// SPDX-License-Identifier: Apache-2.0
/* Inside metrics: one row of the table. */
#ifndef IPAMD_METRICS_METRICS_TABLE_H
#define IPAMD_METRICS_METRICS_TABLE_H

#include <stdbool.h>

#include "metrics/metrics.h"

enum metric_kind {
        METRIC_KIND_COUNTER,
        METRIC_KIND_GAUGE,
        METRIC_KIND_AGE,       /* a gauge: seconds since the boottime that was set */
        METRIC_KIND_HISTOGRAM, /* of microseconds, shown as seconds */
        METRIC_KIND_SUMMARY,   /* the same without quantiles, shown in `per_unit` microseconds */
};

struct metric_label {
        const char *name;
        const char *const *values; /* the names of an enum, or some of them */
        unsigned n;
        const char *more; /* one more value, which no enum has; NULL: none */
};

struct metric_row {
        const char *name, *help;
        enum metric_kind kind;
        struct metric_label labels[METRIC_LABELS_MAX];
        int64_t per_unit;          /* what is stored per what is shown; 0: 1 */
        const int64_t *buckets_us; /* upper bounds, rising; ends with 0 */
        bool sparse;               /* many labels: only the series that ever counted are shown */
};

extern const struct metric_row metric_rows[_METRIC_MAX];

#endif
