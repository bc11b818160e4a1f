// SPDX-License-Identifier: Apache-2.0
/* Prints every metric, its labels and their values, as JSON: what dashboards and alerts may ask for. */
#include <jansson.h>
#include <stdio.h>

#include "metrics/metrics_cells.h"

static json_t *values_of(const struct metric_label *label)
{
        json_t *values = json_array();

        for (unsigned i = 0; cells_label_value(label, i); i++)
                json_array_append_new(values, json_string(cells_label_value(label, i)));
        return values;
}

int main(void)
{
        json_t *all = json_object();

        for (int i = 0; i < _METRIC_MAX; i++) {
                const struct metric_row *row = &metric_rows[i];
                json_t *labels = json_object();

                for (unsigned k = 0; k < METRIC_LABELS_MAX && row->labels[k].name; k++)
                        json_object_set_new(labels, row->labels[k].name, values_of(&row->labels[k]));
                json_object_set_new(all, row->name, labels);
        }
        json_dumpf(all, stdout, JSON_INDENT(1));
        json_decref(all);
        return 0;
}
