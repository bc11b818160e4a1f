// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <vpcwire/log.h>

#include "call.h"

enum { LOG_FILE_MODE = 0640 };

int call_fail(struct call *call, enum cni_code code, const struct err *err)
{
        call->code = code;
        return -(int)err->code;
}

enum cni_code call_code(const struct call *call, const struct err *err)
{
        if (call->code != CNI_CODE_NONE)
                return call->code;
        return err->code == ERR_AGAIN || err->code == ERR_TIMEOUT ? CNI_CODE_TRY_AGAIN : CNI_CODE_INTERNAL;
}

void call_done(struct call *call)
{
        netconf_done(&call->conf);
}

static void use_log_file(const char *path)
{
        int fd;

        if (!*path)
                return;
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, LOG_FILE_MODE);
        if (fd < 0)
                log_warn("cannot open logFile", LOG_STR("path", path), LOG_STR("err", strerror(errno)));
        else
                log_init(fd, LOG_FORMAT_AUTO, LOG_LEVEL_INFO); /* open until the process ends */
}

int call_parse_own(struct call *call, struct err *err)
{
        if (args_parse_pod(call->args.args, &call->pod, err) < 0)
                return call_fail(call, CNI_CODE_ENVIRONMENT, err);
        if (netconf_parse_settings(&call->conf, &call->settings, err) < 0)
                return call_fail(call,
                                 err->code == ERR_UNSUPPORTED ? CNI_CODE_UNSUPPORTED_FIELD : CNI_CODE_CONFIG,
                                 err);
        use_log_file(call->settings.log_file);
        return 0;
}

int call_parse_own_add(struct call *call, struct err *err)
{
        int r = call_parse_own(call, err);

        if (r < 0)
                return r;
        if (requested_from_args(&call->pod, &call->requested, err) < 0)
                return call_fail(call, CNI_CODE_ENVIRONMENT, err);
        return requested_from_conf(&call->conf, &call->requested, err) < 0
                       ? call_fail(call, CNI_CODE_CONFIG, err)
                       : 0;
}

int call_parse_own_check(struct call *call, struct err *err)
{
        int r = call_parse_own(call, err);

        if (r < 0 || call->conf.prev_result)
                return r;
        err_set(err, ERR_INVALID, "prevResult is missing: CHECK needs the result of ADD");
        return call_fail(call, CNI_CODE_CONFIG, err);
}

void call_parse_own_lenient(struct call *call)
{
        struct err err;

        if (netconf_parse_settings(&call->conf, &call->settings, &err) < 0)
                log_warn("network configuration not usable; using defaults", LOG_ERR(&err));
        use_log_file(call->settings.log_file);
        if (args_parse_pod(call->args.args, &call->pod, &err) < 0)
                log_warn("CNI_ARGS not usable; continuing without the pod's name", LOG_ERR(&err));
}
