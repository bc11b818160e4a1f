// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

static struct {
        int fd;
        bool json;
        atomic_int level;
} logger = {.fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};

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

static void add_json(struct text *line, enum log_level level, const char *message,
                     const struct log_field *fields, size_t n)
{
        text_add(line, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":",
                 clock_wall_format(clock_wall_ms(), (char[CLOCK_TEXT_BYTES]){0}), level_names[level]);
        add_quoted(line, message);
        for (size_t i = 0; i < n; i++) {
                text_add(line, ",\"%s\":", fields[i].key);
                if (fields[i].text)
                        add_quoted(line, fields[i].text);
                else
                        text_add(line, "%lld", (long long)fields[i].number);
        }
        text_add(line, "}\n");
}

static void add_text(struct text *line, enum log_level level, const char *message,
                     const struct log_field *fields, size_t n)
{
        /* The clock part of the ISO time: a person at a terminal knows the day. */
        text_add(line, "%.12s %-5s %s", clock_wall_format(clock_wall_ms(), (char[CLOCK_TEXT_BYTES]){0}) + 11,
                 level_names[level], message);
        for (size_t i = 0; i < n; i++) {
                text_add(line, " %s=", fields[i].key);
                if (!fields[i].text)
                        text_add(line, "%lld", (long long)fields[i].number);
                else if (is_plain(fields[i].text))
                        text_add(line, "%s", fields[i].text);
                else
                        add_quoted(line, fields[i].text);
        }
        text_add(line, "\n");
}

void log_write(enum log_level level, const char *message, const struct log_field *fields, size_t n)
{
        _cleanup_(text_done) struct text line = {0};
        int saved = errno;
        ssize_t written;

        if (!log_enabled(level))
                return;
        if (logger.json)
                add_json(&line, level, message, fields, n);
        else
                add_text(&line, level, message, fields, n);
        written = write(logger.fd, line.text, line.bytes);
        (void)written;
        errno = saved;
}
