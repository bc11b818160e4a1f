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

/*
 * What a time on CLOCK_BOOTTIME is later on the wall clock, by now. Both are read together, and again where the thread had
 * to wait in between: one clock after the other would be wrong by that wait.
 */
int64_t clock_wall_minus_boottime_ms(void);

enum { CLOCK_TEXT_BYTES = 25 };
/* "2026-11-23T06:12:22.123Z" */
const char *clock_wall_format(int64_t wall_ms, char text[static CLOCK_TEXT_BYTES]);

enum { CLOCK_SPAN_BYTES = 16 };
/*
 * How long something takes, or is ago, as kubectl writes it: "42s", "12m05s", "3h20m", "5d3h". Less than 0 is 0s.
 * The one way in which a duration is said to people.
 */
const char *clock_span_format(int64_t span_ms, char text[static CLOCK_SPAN_BYTES]);
/* The same of a time to come, rounded up: what is not over is not "0s". */
const char *clock_until_format(int64_t span_ms, char text[static CLOCK_SPAN_BYTES]);

#endif
