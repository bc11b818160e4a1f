// SPDX-License-Identifier: Apache-2.0
#include "ctl/ctl.h"

#include "config/config.h"

int ctl_try_connect(struct ctl *ctl, struct ipam_client **ret, struct err *err)
{
        int r = ipam_client_connect(ctl->socket_path, CTL_TIMEOUT_MS, ret, err);

        if (r == -ERR_NOT_FOUND)
                err_set(err, ERR_NOT_FOUND, "there is no socket %s", ctl->socket_path);
        else if (r == -ERR_DENIED)
                err_set(err, ERR_DENIED, "only root may use %s", ctl->socket_path);
        return r;
}

int ctl_connect(struct ctl *ctl, struct ipam_client **ret)
{
        struct err err;
        int r = ctl_try_connect(ctl, ret, &err);

        if (r < 0)
                ctl_fail_next(ctl, &err);
        return r;
}

char *ctl_conf_path(const struct ctl *ctl)
{
        return ctl->conf_path ? xstrdup(ctl->conf_path)
                              : xasprintf("%s%s", ctl->root ?: "", CONFIG_PATH_DEFAULT);
}

enum ctl_exit ctl_fail(struct ctl *ctl, const struct err *err)
{
        fprintf(ctl->err, "ipamctl: %s\n", err->msg);
        return CTL_NO;
}

enum ctl_exit ctl_fail_next(struct ctl *ctl, const struct err *err)
{
        const char *next = err->code == ERR_DENIED ? "sudo ipamctl" : CTL_NEXT;

        fprintf(ctl->err, "ipamctl: %s; next: %s\n", err->msg, next);
        return CTL_NO;
}

void ctl_put_json(struct ctl *ctl, json_t *json, bool one_line)
{
        static const char *const words[] = {
                [CTL_DAEMON_ANSWERS] = "answers", [CTL_DAEMON_DOWN] = "down", [CTL_DAEMON_SILENT] = "silent"};

        if (ctl->offline.daemon != CTL_DAEMON_ANSWERS)
                json_object_set_new(json, "offline",
                                    json_pack("{ss sI}", "daemon", words[ctl->offline.daemon], "written_ms",
                                              (json_int_t)ctl->offline.written_ms));
        json_dumpf(json, ctl->out, one_line ? JSON_COMPACT : JSON_INDENT(2));
        fputc('\n', ctl->out);
        fflush(ctl->out);
        json_decref(json);
}

void ctl_print_json(struct ctl *ctl, enum ipam_method_id id, const void *reply, bool one_line)
{
        ctl_put_json(ctl, jsonx_encode(ipam_method(id)->reply, reply), one_line);
}
