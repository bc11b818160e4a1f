// SPDX-License-Identifier: Apache-2.0
#include "metrics/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>

#include "metrics/metrics.h"

enum { STAT_BYTES_MAX = 4096, MS_PER_SECOND = 1000 };

/* proc(5), /proc/pid/stat: what is wanted of it. */
struct stat_line {
        uint64_t started_ticks; /* since the boot */
        uint64_t virtual_bytes;
        int64_t resident_pages;
};

/* The number that is the n-th word. */
static uint64_t nth(const char *words, unsigned n)
{
        for (; n > 1; n--) {
                words += strspn(words, " ");
                words += strcspn(words, " ");
        }
        return strtoull(words, NULL, 10);
}

static bool read_stat(struct stat_line *ret)
{
        enum { STARTED = 20, VIRTUAL, RESIDENT }; /* places behind the name */
        _cleanup_free_ char *text = NULL;
        const char *rest;

        if (file_read("/proc/self/stat", STAT_BYTES_MAX, &text, NULL, NULL) < 0)
                return false;
        rest = strrchr(text, ')'); /* the name itself may have any of them */
        if (!rest)
                return false;
        *ret = (struct stat_line){.started_ticks = nth(rest + 1, STARTED),
                                  .virtual_bytes = nth(rest + 1, VIRTUAL),
                                  .resident_pages = (int64_t)nth(rest + 1, RESIDENT)};
        return true;
}

static void closedirp(DIR **folder)
{
        if (*folder)
                closedir(*folder);
}

static int64_t count_files(void)
{
        _cleanup_(closedirp) DIR *folder = opendir("/proc/self/fd");
        const struct dirent *entry;
        int64_t n = 0;

        while (folder && (entry = readdir(folder)))
                n += entry->d_name[0] != '.';
        return folder ? n - 1 : 0; /* without the one that looks */
}

static void write_number(struct text *to, const char *name, const char *type, const char *help,
                         int64_t number)
{
        metrics_write_head(to, name, type, help);
        text_add(to, "%s %" PRId64 "\n", name, number);
}

static void write_ms(struct text *to, const char *name, const char *type, const char *help, int64_t ms)
{
        metrics_write_head(to, name, type, help);
        text_add(to, "%s %" PRId64 ".%03" PRId64 "\n", name, ms / MS_PER_SECOND, ms % MS_PER_SECOND);
}

static void write_cpu(struct text *to)
{
        struct rusage usage;

        if (getrusage(RUSAGE_SELF, &usage) < 0)
                return;
        write_ms(to, "process_cpu_seconds_total", "counter",
                 "Total user and system CPU time spent in seconds",
                 (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * MS_PER_SECOND +
                         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}

static void write_files(struct text *to)
{
        struct rlimit limit;
        int64_t n = count_files();

        if (n > 0)
                write_number(to, "process_open_fds", "gauge", "Number of open file descriptors", n);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
                write_number(to, "process_max_fds", "gauge", "Maximum number of open file descriptors",
                             (int64_t)limit.rlim_cur);
}

void process_write(struct text *to)
{
        int64_t boot_wall_ms = clock_wall_minus_boottime_ms();
        struct stat_line line;

        write_cpu(to);
        write_files(to);
        if (!read_stat(&line))
                return;
        write_number(to, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes",
                     (int64_t)line.virtual_bytes);
        write_number(to, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes",
                     line.resident_pages * sysconf(_SC_PAGESIZE));
        write_ms(to, "process_start_time_seconds", "gauge",
                 "Start time of the process since unix epoch in seconds",
                 boot_wall_ms +
                         (int64_t)(line.started_ticks * MS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK)));
}
