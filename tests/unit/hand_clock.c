// SPDX-License-Identifier: Apache-2.0
#include "hand_clock.h"

struct hand_clock hand_clock;

void hand_clock_set(int64_t wall_ms)
{
        hand_clock = (struct hand_clock){.wall_ms = wall_ms, .boottime_ms = 5000};
}

void hand_clock_advance(int64_t ms)
{
        hand_clock.wall_ms += ms;
        hand_clock.boottime_ms += ms;
}

int64_t hand_clock_wall_ms(void)
{
        return hand_clock.wall_ms;
}

int64_t hand_clock_boottime_ms(void)
{
        return hand_clock.boottime_ms;
}
