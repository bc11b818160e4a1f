// SPDX-License-Identifier: Apache-2.0
#include "ctl/ctl.h"

#include <vpcwire/jsonx.h>

int ctl_connect(struct ctl *ctl, struct ipam_client **ret)
{
        struct err err;
        int r = ipam_client_connect(ctl->socket_path, CTL_TIMEOUT_MS, ret, &err);

        if (r == -ERR_NOT_FOUND)
                fprintf(ctl->err, "ipamctl: no ipamd at %s: there is no such socket; is it running?\n",
                        ctl->socket_path);
        else if (r == -ERR_AGAIN)
                fprintf(ctl->err, "ipamctl: no ipamd at %s: %s; is it running?\n", ctl->socket_path, err.msg);
        else if (r == -ERR_DENIED)
                fprintf(ctl->err, "ipamctl: %s; ipamd talks to root only\n", err.msg);
        else if (r < 0)
                ctl_fail(ctl, &err);
        return r;
}

enum ctl_exit ctl_fail(struct ctl *ctl, const struct err *err)
{
        fprintf(ctl->err, "ipamctl: %s\n", err->msg);
        return CTL_NO;
}

void ctl_print_json(struct ctl *ctl, enum ipam_method_id id, const void *reply, bool one_line)
{
        _cleanup_json_ json_t *json = jsonx_encode(ipam_method(id)->reply, reply);

        json_dumpf(json, ctl->out, one_line ? JSON_COMPACT : JSON_INDENT(2));
        fputc('\n', ctl->out);
        fflush(ctl->out);
}
