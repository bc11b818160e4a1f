// SPDX-License-Identifier: Apache-2.0
/*
 * What keeps a log readable when something fails again and again: the same text is said LOG_REPEATS_MAX times in
 * LOG_REPEAT_WINDOW_MS, then only counted, and the count is said when the time is over. Pure: no clock, no lock, no output
 * of its own; log.c has these, and decides what of a line is in the text.
 */
#ifndef VPCWIRE_LOG_REPEAT_H
#define VPCWIRE_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

enum {
        LOG_REPEATS_MAX = 10,
        LOG_REPEAT_WINDOW_MS = 60 * 1000,
        LOG_REPEAT_TEXTS = 64,            /* that are remembered; more push the oldest out */
        LOG_REPEAT_BYTES_MAX = 16 * 1024, /* longer texts are always said */
};

struct log_repeat {
        uint64_t hash; /* 0: unused */
        int64_t since_ms;
        unsigned said, counted;
        char *text; /* from the first one that was only counted; owned */
};

struct log_repeats {
        struct log_repeat texts[LOG_REPEAT_TEXTS];
};

/* May this be said? If not, it is counted. */
bool log_repeat_admit(struct log_repeats *repeats, int64_t now_ms, const char *text);
/* A text that was counted and whose time is over, for the caller to free; NULL: there is none. */
char *log_repeat_take(struct log_repeats *repeats, int64_t now_ms, unsigned *ret_count);

#endif
