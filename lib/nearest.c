// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/nearest.h>

#include <ctype.h>
#include <stddef.h>
#include <string.h>

unsigned nearest_distance(const char *a, const char *b)
{
        unsigned row[NEAREST_BYTES_MAX + 1], above_left, above;
        size_t n = strnlen(b, NEAREST_BYTES_MAX);

        for (size_t j = 0; j <= n; j++)
                row[j] = (unsigned)j;
        for (size_t i = 0; a[i] && i < NEAREST_BYTES_MAX; i++) {
                above_left = row[0];
                row[0] = (unsigned)i + 1;
                for (size_t j = 0; j < n; j++) {
                        unsigned best =
                                above_left + (toupper((unsigned char)a[i]) != toupper((unsigned char)b[j]));

                        above = row[j + 1];
                        if (above + 1 < best)
                                best = above + 1;
                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        above_left = above;
                        row[j + 1] = best;
                }
        }
        return row[n];
}
