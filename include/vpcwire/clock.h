// SPDX-License-Identifier: Apache-2.0
/*
 * The two clocks we use. Durations and deadlines are on CLOCK_BOOTTIME: it never jumps and goes on through suspend.
 * Wall-clock time is for people, SigV4 and expiry times that others give us.
 */
#ifndef VPCWIRE_CLOCK_H
#define VPCWIRE_CLOCK_H

#include <stdint.h>

int64_t clock_boottime_ms(void);
int64_t clock_boottime_us(void);
int64_t clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */

enum { CLOCK_TEXT_BYTES = 25 };
/* "2026-11-23T06:12:22.123Z" */
const char *clock_wall_format(int64_t wall_ms, char text[static CLOCK_TEXT_BYTES]);

#endif
