// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <time.h>

#include <vpcwire/clock.h>

enum {
        PAIR_US = 50, /* three readings take less, unless somebody else has the processor meanwhile */
        PAIR_TRIES = 8,
};

static int64_t now_ms(clockid_t id)
{
        struct timespec ts;

        clock_gettime(id, &ts);
        return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_boottime_ms(void)
{
        return now_ms(CLOCK_BOOTTIME);
}

static int64_t now_us(clockid_t id)
{
        struct timespec ts;

        clock_gettime(id, &ts);
        return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_boottime_us(void)
{
        return now_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
        return now_ms(CLOCK_REALTIME);
}

int64_t clock_wall_minus_boottime_ms(void)
{
        int64_t best_us = INT64_MAX, difference_us = 0;

        for (int i = 0; i < PAIR_TRIES && best_us > PAIR_US; i++) {
                int64_t before_us = now_us(CLOCK_BOOTTIME), wall_us = now_us(CLOCK_REALTIME);
                int64_t took_us = now_us(CLOCK_BOOTTIME) - before_us;

                if (took_us >= best_us)
                        continue;
                best_us = took_us;
                difference_us = wall_us - before_us - took_us / 2;
        }
        return (difference_us + 500) / 1000;
}

const char *clock_wall_format(int64_t wall_ms, char text[static CLOCK_TEXT_BYTES])
{
        time_t seconds = (time_t)(wall_ms / 1000);
        char whole[CLOCK_TEXT_BYTES];
        struct tm tm = {0};

        gmtime_r(&seconds, &tm);
        strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text, CLOCK_TEXT_BYTES, "%.19s.%03uZ", whole, (unsigned)(wall_ms % 1000) % 1000U);
        return text;
}

const char *clock_span_format(int64_t span_ms, char text[static CLOCK_SPAN_BYTES])
{
        enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
        long long s = span_ms < 0 ? 0 : span_ms / 1000;

        if (s < MINUTE)
                snprintf(text, CLOCK_SPAN_BYTES, "%llds", s);
        else if (s < HOUR)
                snprintf(text, CLOCK_SPAN_BYTES, "%lldm%02llds", s / MINUTE, s % MINUTE);
        else if (s < DAY)
                snprintf(text, CLOCK_SPAN_BYTES, "%lldh%02lldm", s / HOUR, s % HOUR / MINUTE);
        else
                snprintf(text, CLOCK_SPAN_BYTES, "%lldd%lldh", s / DAY % 100000, s % DAY / HOUR);
        return text;
}

const char *clock_until_format(int64_t span_ms, char text[static CLOCK_SPAN_BYTES])
{
        return clock_span_format(span_ms <= 0 ? 1000 : span_ms + 999, text);
}
