// SPDX-License-Identifier: Apache-2.0
/*
 * Structured logs: one line per event, a fixed message and named fields. key=value with a short time on a terminal,
 * one JSON object per line otherwise. Only the edges log (daemon, reconcile's act, rpc, main); libraries return
 * errors. No secret ever gets here: there is no way to print a credential type.
 *
 *         log_info("eni attached", LOG_STR("eni", id), LOG_INT("device", 1));
 *         log_error("assign addresses", LOG_ERR(&err), LOG_STR("eni", id));
 *
 * Keys are the same everywhere: err is what failed, reason why something is done or not, result one word.
 *
 * A line that repeats too fast is counted instead of said, see log_repeat.h; debug lines are not. The count is said with the
 * first line of any kind after that time.
 *
 * Thread-safe: lines are whole. Logging fails no caller, and holds none for longer than a moment: lines that cannot be
 * written, as when nobody reads the pipe at the other end, are lost, and counted in the log once it can be written again.
 */
#ifndef VPCWIRE_LOG_H
#define VPCWIRE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, _LOG_LEVEL_MAX };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
        const char *key;
        const char *text; /* NULL: a number */
        int64_t number;
};

#define LOG_STR(key_, value_) ((struct log_field){.key = (key_), .text = (value_) ?: ""})
#define LOG_INT(key_, value_) ((struct log_field){.key = (key_), .number = (int64_t)(value_)})
#define LOG_ERR(err_)         LOG_STR("err", (err_)->msg)

/* Once, before the first line. fd is kept, not owned. AUTO: text when fd is a terminal. */
void log_init(int fd, enum log_format format, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_enabled(enum log_level level);

/* Says what was only counted up to now. At the end of a program. */
void log_flush(void);

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n);

#define LOG_FIELDS_(...) ((const struct log_field[]){{0}, __VA_ARGS__})
#define LOG_AT_(level, message, ...)                                                                         \
        do {                                                                                                 \
                if (log_enabled(level))                                                                      \
                        log_write((level), (message), LOG_FIELDS_(__VA_ARGS__) + 1,                          \
                                  ARRAY_SIZE(LOG_FIELDS_(__VA_ARGS__)) - 1);                                 \
        } while (0)
/* Of a level that a program decides. */
#define log_at(level, message, ...) LOG_AT_(level, message, __VA_ARGS__)
#define log_debug(message, ...)     LOG_AT_(LOG_LEVEL_DEBUG, message, __VA_ARGS__)
#define log_info(message, ...)      LOG_AT_(LOG_LEVEL_INFO, message, __VA_ARGS__)
#define log_warn(message, ...)      LOG_AT_(LOG_LEVEL_WARN, message, __VA_ARGS__)
#define log_error(message, ...)     LOG_AT_(LOG_LEVEL_ERROR, message, __VA_ARGS__)

/* "DEBUG", "INFO", "WARN" or "ERROR", any case. ERR_INVALID names the text and what is allowed. */
const char *log_level_to_string(enum log_level level);
int log_level_parse(const char *text, enum log_level *ret, struct err *err);

#endif
