// SPDX-License-Identifier: Apache-2.0
#include "install/announce.h"

#include <stdio.h>
#include <string.h>

#include <vpcwire/file.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

enum {
        CHECK_PERIOD_MS = 10 * 1000, /* somebody's removal is noticed, a failure is tried again */
        BOOT_ID_BYTES_MAX = 64,
};

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"

struct announce {
        struct announce_options options;
        char *marker;
        uv_timer_t timer;
        bool made;
        int reported; /* errno or code of the failure that was reported; 0: none. Its text has a new temporary's name each time */
};

bool announce_was_made(const char *marker)
{
        _cleanup_free_ char *boot = NULL, *marked = NULL;

        return file_read(BOOT_ID_PATH, BOOT_ID_BYTES_MAX, &boot, NULL, NULL) == 0 &&
               file_read(marker, BOOT_ID_BYTES_MAX, &marked, NULL, NULL) == 0 && strcmp(boot, marked) == 0;
}

static int mark(const char *marker, struct err *err)
{
        _cleanup_free_ char *boot = NULL;
        size_t n;

        if (file_read(BOOT_ID_PATH, BOOT_ID_BYTES_MAX, &boot, &n, err) < 0)
                return -(int)err->code;
        return file_replace(marker, boot, n, 0644, err);
}

static int make(struct announce *announce, bool *changed, struct err *err)
{
        if (install_conflist(&announce->options.paths, changed, err) < 0)
                return -(int)err->code;
        return announce->made ? 0 : mark(announce->options.marker, err);
}

/* Once in a boot this writes to the host's disk; it is small, and before the first pod. Else it reads. */
void announce_check(struct announce *announce)
{
        const struct install_paths *paths = &announce->options.paths;
        bool changed = false;
        struct err err;

        if (!announce->made && !announce->options.is_ready(announce->options.data))
                return;
        if (make(announce, &changed, &err) < 0) {
                int failure = err.sys_errno ?: (int)err.code;

                if (failure != announce->reported)
                        log_error("installing the network configuration failed", LOG_ERR(&err));
                announce->reported = failure;
                return;
        }
        announce->made = true;
        announce->reported = 0;
        if (changed)
                log_info("network configuration installed", LOG_STR("folder", paths->conf_folder),
                         LOG_STR("file", paths->conflist_name));
}

static void on_timer(uv_timer_t *timer)
{
        announce_check(timer->data);
}

int announce_new(uv_loop_t *loop, const struct announce_options *options, struct announce **ret,
                 struct err *err)
{
        struct announce *announce;

        if (install_check_conflist(&options->paths, err) < 0)
                return -(int)err->code;
        announce = XNEW(struct announce);
        announce->options = *options;
        announce->options.marker = announce->marker = xstrdup(options->marker);
        uv_timer_init(loop, &announce->timer);
        announce->timer.data = announce;
        uv_timer_start(&announce->timer, on_timer, CHECK_PERIOD_MS, CHECK_PERIOD_MS);
        *ret = announce;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct announce *announce = handle->data;

        free(announce->marker);
        free(announce);
}

struct announce *announce_free(struct announce *announce)
{
        if (announce)
                uv_close((uv_handle_t *)&announce->timer, on_closed);
        return NULL;
}
