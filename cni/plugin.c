// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>
#include <vpcwire/log.h>

#include "plugin.h"
#include "verbs.h"

enum { VERSION_STDIN_WAIT_MS = 1000 }; /* VERSION's input is optional: a runtime may leave the pipe open */

static const struct {
        enum err_code from;
        enum cni_code to;
} conf_codes[] = {
        {ERR_PROTOCOL, CNI_CODE_DECODE},
        {ERR_UNSUPPORTED, CNI_CODE_VERSION},
        {ERR_INVALID, CNI_CODE_CONFIG},
};

static enum cni_code conf_code(enum err_code code)
{
        for (size_t i = 0; i < ARRAY_SIZE(conf_codes); i++) {
                if (conf_codes[i].from == code)
                        return conf_codes[i].to;
        }
        return CNI_CODE_CONFIG;
}

static int check_values(struct call *call, struct err *err)
{
        int r = args_check_values(&call->args, call->verb->needs, err);

        if (r == 0 || !call->verb->is_lenient)
                return r;
        log_warn("malformed input: there can be nothing to delete", LOG_ERR(err));
        call->never_was = true;
        return 0;
}

static int check_environment(struct call *call, const char *const env[], struct err *err)
{
        _cleanup_free_ char *names = verb_list_names();

        args_from_env(env, &call->args);
        call->verb = verb_find(call->args.command);
        if (!call->verb)
                err_set(err, ERR_INVALID, "unknown CNI_COMMAND '%.64s' (%s)", call->args.command, names);
        else if (check_values(call, err) == 0 && args_check_present(&call->args, call->verb->needs, err) == 0)
                return 0;
        return call_fail(call, CNI_CODE_ENVIRONMENT, err);
}

static int check_verb_version(struct call *call, struct err *err)
{
        if (call->conf.version >= call->verb->since)
                return 0;
        err_set(err, ERR_UNSUPPORTED, "cniVersion %s does not have %s, which came with %s",
                cni_version_text(call->conf.version), call->verb->name, cni_version_text(call->verb->since));
        return call_fail(call, CNI_CODE_VERSION, err);
}

static bool has_input(int fd, int timeout_ms)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* VERSION answers in the version it was asked in, if there is one; nothing on its input can make it fail. */
static void guess_version(struct call *call, int stdin_fd)
{
        _cleanup_free_ char *bytes = NULL;
        size_t n;

        if (isatty(stdin_fd) || !has_input(stdin_fd, VERSION_STDIN_WAIT_MS) ||
            file_read_fd(stdin_fd, "standard input", NETCONF_BYTES_MAX, &bytes, &n, NULL) < 0)
                return;
        call->version = netconf_guess_version(bytes, n);
}

static int read_conf(struct call *call, int stdin_fd, struct err *err)
{
        _cleanup_free_ char *bytes = NULL;
        size_t n = 0;

        if (file_read_fd(stdin_fd, "standard input", NETCONF_BYTES_MAX, &bytes, &n, err) < 0)
                return call_fail(call, CNI_CODE_IO, err);
        if (netconf_parse(bytes, n, &call->conf, err) < 0) {
                call->version = netconf_guess_version(bytes, n);
                if (call->verb->is_lenient)
                        netconf_parse_lenient(bytes, n, &call->conf);
                return call_fail(call, conf_code(err->code), err);
        }
        call->version = call->conf.version;
        return check_verb_version(call, err);
}

/*
 * Everything before the verb itself: after it, verb, args, conf and version are set. On failure call->code says why.
 * call_done() is due either way.
 */
static int prepare(const char *const env[], int stdin_fd, struct call *call, struct err *err)
{
        int r;

        *call = (struct call){.version = CNI_NEWEST,
                              .settings = settings_default(),
                              .conf = {.name = "", .type = ""},
                              .requested = {.address = IP_NONE},
                              .began_ms = clock_boottime_ms()};
        r = check_environment(call, env, err);
        if (r < 0)
                return r;
        if (!call->verb->has_conf) {
                guess_version(call, stdin_fd);
                return 0;
        }
        r = read_conf(call, stdin_fd, err);
        if (r == 0 || !call->verb->is_lenient)
                return r;
        log_warn("network configuration not usable; deleting without it", LOG_ERR(err));
        call->code = CNI_CODE_NONE;
        return 0;
}

static int run_verb(struct call *call, json_t **ret_result, struct err *err)
{
        const struct verb *verb = call->verb;

        if (call->never_was)
                return 0;
        return (call->conf.delegated ? verb->run_delegated : verb->run)(call, ret_result, err);
}

static int print_json(int fd, const json_t *value)
{
        _cleanup_free_ char *text = json_dumps(value, JSON_COMPACT);

        return text && dprintf(fd, "%s\n", text) > 0 ? 0 : -1;
}

/* Nobody learns what was done, so it must not stay. */
static int undo_unheard(struct call *call, int write_errno)
{
        struct err err;

        log_error("cannot write the result", LOG_STR("command", call->args.command),
                  LOG_STR("container", call->args.container_id), LOG_STR("err", strerror(write_errno)));
        if (!call->verb->undone_by)
                return 1;
        call->verb = verb_find(call->verb->undone_by);
        if (run_verb(call, &(json_t *){NULL}, &err) < 0)
                log_error("undo failed", LOG_STR("container", call->args.container_id), LOG_ERR(&err));
        return 1;
}

static void about(void)
{
        _cleanup_free_ char *versions = result_list_versions();

        fprintf(stderr,
                "vpcwire " VPCWIRE_VERSION ": CNI plugin that gives a pod an address of the VPC\n"
                "CNI protocol versions supported: %s\n",
                versions);
}

static void log_outcome(const struct call *call, int64_t started_ms, const struct err *err)
{
        int64_t ms = clock_boottime_ms() - started_ms;

        if (err)
                log_error("failed", LOG_STR("command", call->args.command),
                          LOG_INT("code", call_code(call, err)),
                          LOG_STR("container", call->args.container_id), LOG_ERR(err), LOG_INT("ms", ms));
        else
                log_info("done", LOG_STR("command", call->args.command),
                         LOG_STR("container", call->args.container_id), LOG_INT("ms", ms));
}

static int print_error(int fd, const struct call *call, const struct err *err)
{
        _cleanup_free_ char *versions = result_list_versions(), *details = NULL;
        enum cni_code code = call_code(call, err);
        _cleanup_json_ json_t *error = NULL;

        if (code == CNI_CODE_VERSION)
                details = xasprintf("supported: %s", versions);
        error = result_new_error(call->version, code, err->msg, details ?: "");
        return print_json(fd, error);
}

int plugin_run(const char *const env[], int stdin_fd, int stdout_fd)
{
        _cleanup_(call_done) struct call call = {0};
        _cleanup_json_ json_t *result = NULL;
        int64_t started_ms = clock_boottime_ms();
        struct err err;

        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_WARN);
        args_from_env(env, &call.args);
        if (!*call.args.command) {
                about();
                return 0;
        }
        if (prepare(env, stdin_fd, &call, &err) < 0 || run_verb(&call, &result, &err) < 0) {
                log_outcome(&call, started_ms, &err);
                print_error(stdout_fd, &call, &err);
                return 1;
        }
        if (result && print_json(stdout_fd, result) < 0)
                return undo_unheard(&call, errno);
        log_outcome(&call, started_ms, NULL);
        return 0;
}
