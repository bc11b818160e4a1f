// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>
#include <vpcwire/log_repeat.h>
#include <vpcwire/mem.h>

static struct {
        int fd;
        bool json;
        atomic_int level;
} logger = {.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};

static struct log_repeats repeats;
static pthread_mutex_t repeats_lock =
        PTHREAD_MUTEX_INITIALIZER; /* held for looking only, never while writing */

enum { READER_WAIT_MS = 100 }; /* for one that is only slow */

/* What is between us and who reads the log: a pipe that is full must not stop the daemon, which would serve no pod any more. */
static struct {
        pthread_mutex_t lock; /* nobody else fills the room that was seen */
        unsigned lost;        /* lines, since the last one that was taken */
        bool torn;            /* the last one that was taken lacks its end */
} reader = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const level_names[_LOG_LEVEL_MAX] = {
        [LOG_LEVEL_DEBUG] = "debug",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_WARN] = "warn",
        [LOG_LEVEL_ERROR] = "error",
};

void log_init(int fd, enum log_format format, enum log_level level)
{
        logger.fd = fd;
        logger.json = format == LOG_FORMAT_JSON || (format == LOG_FORMAT_AUTO && !isatty(fd));
        log_set_level(level);
}

void log_set_level(enum log_level level)
{
        atomic_store_explicit(&logger.level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
        return (enum log_level)atomic_load_explicit(&logger.level, memory_order_relaxed);
}

const char *log_level_to_string(enum log_level level)
{
        return level_names[level];
}

bool log_enabled(enum log_level level)
{
        return (int)level >= atomic_load_explicit(&logger.level, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret, struct err *err)
{
        for (int i = 0; i < _LOG_LEVEL_MAX; i++) {
                if (strcasecmp(text, level_names[i]) == 0) {
                        *ret = (enum log_level)i;
                        return 0;
                }
        }
        return err_set(err, ERR_INVALID, "'%.64s' is not a log level (debug, info, warn, error)", text);
}

/* Quoted as JSON wants it; bytes that are not UTF-8 come out as \u00XX, so that a line is always valid JSON. */
static void add_quoted(struct text *line, const char *s)
{
        text_add_bytes(line, "\"", 1);
        for (const unsigned char *c = (const unsigned char *)s; *c; c++) {
                if (*c == '"' || *c == '\\')
                        text_add(line, "\\%c", *c);
                else if (*c < 0x20 || *c >= 0x7f)
                        text_add(line, "\\u%04x", *c);
                else
                        text_add_bytes(line, c, 1);
        }
        text_add_bytes(line, "\"", 1);
}

static bool is_plain(const char *s)
{
        return *s && s[strcspn(s, " \"\\=\t\r\n")] == '\0';
}

/* The time, and for JSON the brace. */
static void add_head(struct text *line)
{
        char at[CLOCK_TEXT_BYTES];

        clock_wall_format(clock_wall_ms(), at);
        if (logger.json)
                text_add(line, "{\"time\":\"%s\",", at);
        else
                text_add(line, "%.12s ", at + 11); /* the clock part: a person at a terminal knows the day */
}

static void add_field(struct text *line, const struct log_field *field)
{
        if (logger.json)
                text_add(line, ",\"%s\":", field->key);
        else
                text_add(line, " %s=", field->key);
        if (!field->text)
                text_add(line, "%lld", (long long)field->number);
        else if (!logger.json && is_plain(field->text))
                text_add(line, "%s", field->text);
        else
                add_quoted(line, field->text);
}

static void add_body(struct text *line, enum log_level level, const char *message,
                     const struct log_field *fields, size_t n, bool numbers)
{
        if (logger.json) {
                text_add(line, "\"level\":\"%s\",\"msg\":", level_names[level]);
                add_quoted(line, message);
        } else {
                text_add(line, "%-5s %s", level_names[level], message);
        }
        for (size_t i = 0; i < n; i++) {
                /* A field without a value says nothing. */
                if (fields[i].text ? *fields[i].text != '\0' : numbers)
                        add_field(line, &fields[i]);
        }
}

/* Room for PIPE_BUF bytes, which a pipe takes in one piece or not at all. */
static bool has_room(void)
{
        struct pollfd fd = {.fd = logger.fd, .events = POLLOUT};
        int r;

        do
                r = poll(&fd, 1, reader.lost ? 0 : READER_WAIT_MS);
        while (r < 0 && errno == EINTR);
        return r != 0; /* an error is write()'s to find */
}

static bool write_pieces(const char *bytes, size_t n)
{
        for (size_t at = 0; at < n;) {
                ssize_t written = -1;

                if (has_room())
                        written = write(logger.fd, bytes + at, n - at < PIPE_BUF ? n - at : PIPE_BUF);
                if (written < 0) {
                        reader.torn |= at > 0;
                        return false;
                }
                at += (size_t)written;
        }
        return true;
}

static bool write_lost(void)
{
        _cleanup_(text_done) struct text line = {0};

        if (reader.torn)
                text_add(&line, "\n");
        add_head(&line);
        add_body(&line, LOG_LEVEL_WARN, "log lines lost: nobody reads the log",
                 &LOG_INT("lines", reader.lost), 1, true);
        text_add(&line, logger.json ? "}\n" : "\n");
        if (!write_pieces(line.text, line.bytes))
                return false;
        reader.lost = 0;
        reader.torn = false;
        return true;
}

static void end_line(struct text *line)
{
        text_add(line, logger.json ? "}\n" : "\n");
        pthread_mutex_lock(&reader.lock);
        if ((reader.lost && !write_lost()) || !write_pieces(line->text, line->bytes))
                reader.lost++;
        pthread_mutex_unlock(&reader.lock);
}

/* Lines that were only counted, once their time is over. */
static void write_counts(int64_t now_ms)
{
        for (;;) {
                _cleanup_(text_done) struct text line = {0};
                _cleanup_free_ char *body = NULL;
                unsigned count = 0;

                pthread_mutex_lock(&repeats_lock);
                body = log_repeat_take(&repeats, now_ms, &count);
                pthread_mutex_unlock(&repeats_lock);
                if (!body)
                        return;
                add_head(&line);
                text_add(&line, "%s", body);
                add_field(&line, &LOG_INT("more_times", count));
                end_line(&line);
        }
}

/* The same message with the same texts is the same line, whatever its numbers (how long, which try) are. */
static bool may_say(int64_t now_ms, enum log_level level, const char *message, const struct log_field *fields,
                    size_t n)
{
        _cleanup_(text_done) struct text body = {0};
        bool admitted;

        if (level == LOG_LEVEL_DEBUG)
                return true; /* who asks for that wants all of it */
        add_body(&body, level, message, fields, n, false);
        pthread_mutex_lock(&repeats_lock);
        admitted = log_repeat_admit(&repeats, now_ms, body.text);
        pthread_mutex_unlock(&repeats_lock);
        return admitted;
}

void log_flush(void)
{
        int saved = errno;

        write_counts(INT64_MAX);
        errno = saved;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
        _cleanup_(text_done) struct text line = {0};
        int64_t now_ms = clock_boottime_ms();
        int saved = errno;

        if (!log_enabled(level))
                return;
        write_counts(now_ms);
        if (may_say(now_ms, level, message, fields, n)) {
                add_head(&line);
                add_body(&line, level, message, fields, n, true);
                end_line(&line);
        }
        errno = saved;
}
