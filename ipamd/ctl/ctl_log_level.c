// SPDX-License-Identifier: Apache-2.0
/* ipamctl log-level. */
#include <string.h>

#include "ctl/ctl.h"

enum ctl_exit ctl_log_level(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        struct ipam_log_level_reply reply;
        struct err err;

        if (ctl_connect(ctl, &client) < 0)
                return CTL_NO;
        if (ipam_log_level(client, &(struct ipam_log_level_request){.level = ctl->argument}, &reply, &err) <
            0)
                return ctl_complain(ctl, &err);
        if (ctl->json)
                ctl_print_json(ctl, IPAM_METHOD_LOG_LEVEL, &reply, false);
        else if (strcmp(reply.level, reply.configured) == 0)
                fprintf(ctl->out, "%s\n", reply.level);
        else
                fprintf(ctl->out, "%s (the settings say %s, which counts again after a restart or SIGHUP)\n",
                        reply.level, reply.configured);
        return CTL_OK;
}
