// SPDX-License-Identifier: Apache-2.0
/*
 * What a runtime can send to the plugin: the input is an environment (lines, up to an empty one) and standard input behind it.
 * Goes through everything before a verb touches the kernel or the daemon, then through results and errors.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "plugin.h"

enum { VARIABLES_MAX = 16 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Half of all inputs are worth a warning. */
int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        log_set_level(LOG_LEVEL_ERROR);
        return 0;
}

/* Cuts the lines off; returns what is behind them. */
static char *take_environment(char *text, const char *env[static VARIABLES_MAX + 1])
{
        size_t n = 0;
        char *line;

        while ((line = strsep(&text, "\n")) && *line && n < VARIABLES_MAX)
                env[n++] = line;
        env[n] = NULL;
        return text;
}

static void show(struct call *call)
{
        _cleanup_free_ struct valid_attachment *valid = NULL;
        struct wiring wiring = {.address = ip_from_u32(0x0a000107),
                                .gateway = ip_from_u32(0xa9fe0101),
                                .container_id = call->args.container_id,
                                .netns = call->args.netns};
        _cleanup_json_ json_t *result = NULL;
        struct err err;
        size_t n;

        (void)netconf_parse_settings(&call->conf, &call->settings, &err);
        (void)args_parse_pod(call->args.args, &call->pod, &err);
        (void)netconf_parse_valid_attachments(&call->conf, &valid, &n, &err);
        host_link_name(call->settings.veth_prefix, &call->pod, call->args.container_id, call->args.ifname,
                       wiring.host_ifname);
        if (!pod_link_has_form(wiring.host_ifname))
                __builtin_trap();
        if (!call->conf.root)
                return;
        result = result_new(call->version, &wiring, call->conf.prev_result);
        (void)result_check_address(result, call->args.ifname, call->args.netns, wiring.address, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
        _cleanup_free_ char *text = xstrndup((const char *)bytes, n);
        _cleanup_close_ int input = memfd_create("stdin", MFD_CLOEXEC);
        _cleanup_(call_done) struct call call = {0};
        const char *env[VARIABLES_MAX + 1];
        const char *rest = take_environment(text, env) ?: "";
        _cleanup_json_ json_t *error = NULL;
        struct err err;

        if (write(input, rest, strlen(rest)) < 0 || lseek(input, 0, SEEK_SET) < 0)
                return 0;
        if (plugin_prepare(env, input, &call, &err) == 0) {
                show(&call);
                return 0;
        }
        error = result_new_error(call.version, call_code(&call, &err), err.msg, "");
        if (!json_is_string(json_object_get(error, "msg")) || call_code(&call, &err) == CNI_CODE_NONE)
                __builtin_trap();
        return 0;
}
