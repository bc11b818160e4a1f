// SPDX-License-Identifier: Apache-2.0
/* A clock that stands until a test moves it. One per test program. */
#ifndef HAND_CLOCK_H
#define HAND_CLOCK_H

#include <stdint.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

struct hand_clock {
        int64_t wall_ms, boottime_ms;
};
extern struct hand_clock hand_clock;

/* Sets both: the wall clock to this, the time since boot to a little. */
void hand_clock_set(int64_t wall_ms);
void hand_clock_advance(int64_t ms);

/* What code under test is given instead of clock_wall_ms() and clock_boottime_ms(). */
int64_t hand_clock_wall_ms(void);
int64_t hand_clock_boottime_ms(void);

#endif
