// SPDX-License-Identifier: Apache-2.0
/* ipamctl log-level. */
#include "ctl/ctl.h"

enum ctl_exit ctl_log_level(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        struct ipam_log_level_request request = {0};
        struct ipam_log_level_reply reply;
        struct err err;

        if (ctl->argument && ipam_level_parse(ctl->argument, &request.level, &err) < 0) {
                ctl_fail(ctl, &err);
                return CTL_USAGE;
        }
        if (ctl_connect(ctl, &client) < 0)
                return CTL_NO;
        if (ipam_log_level(client, &request, &reply, &err) < 0)
                return ctl_fail_next(ctl, &err);
        if (ctl->json)
                ctl_print_json(ctl, IPAM_METHOD_LOG_LEVEL, &reply, false);
        else if (reply.level == reply.configured)
                fprintf(ctl->out, "%s\n", ipam_level_to_string(reply.level));
        else
                fprintf(ctl->out, "%s (until a restart or SIGHUP; the settings say %s)\n",
                        ipam_level_to_string(reply.level), ipam_level_to_string(reply.configured));
        return CTL_OK;
}
