// SPDX-License-Identifier: Apache-2.0
/* ipamctl health: one question and an exit code, for probes of Kubernetes and of scripts. */
#include <string.h>

#include <vpcwire/jsonx.h>

#include "ctl/ctl.h"
#include "ctl/show.h"

static bool is_live(const struct ipam_status_reply *status _unused_)
{
        return true; /* it has answered */
}

static bool is_ready(const struct ipam_status_reply *status)
{
        return status->ready;
}

/* A node that has nothing to give for a while has started all the same. */
static bool has_started(const struct ipam_status_reply *status)
{
        return status->set_up || status->ready;
}

static const struct probe {
        const char *name;
        bool (*holds)(const struct ipam_status_reply *status);
} probes[] = {{"ready", is_ready}, {"live", is_live}, {"startup", has_started}};

static const struct probe *find_probe(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
                if (!name || strcmp(probes[i].name, name) == 0)
                        return &probes[i];
        return NULL;
}

/* Room is told, and decides nothing: a node without it is well. */
static void print(struct ctl *ctl, const char *probe, bool holds, const char *reason, const char *room)
{
        _cleanup_json_ json_t *json = NULL;

        if (!ctl->json) {
                show_text(ctl->out, holds ? "ok" : reason, SHOW_PLAIN, false);
                fputc('\n', ctl->out);
                if (room) {
                        fputs("room: ", ctl->out);
                        show_text(ctl->out, room, SHOW_PLAIN, false);
                        fputc('\n', ctl->out);
                }
                return;
        }
        json = json_pack("{ss sb so? so?}", "probe", probe, "ok", holds, "reason",
                         holds ? NULL : jsonx_string(reason), "room", room ? jsonx_string(room) : NULL);
        json_dumpf(json, ctl->out, JSON_INDENT(2));
        fputc('\n', ctl->out);
}

enum ctl_exit ctl_health(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        const struct probe *probe = find_probe(ctl->argument);
        struct ipam_status_reply status;
        struct err err;
        bool holds;

        if (!probe) {
                fprintf(ctl->err, "ipamctl: health takes live, ready or startup, not %s\n", ctl->argument);
                return CTL_USAGE;
        }
        if (ctl_connect(ctl, &client) < 0)
                return CTL_NO;
        if (ipam_status(client, &status, &err) < 0)
                return ctl_fail_next(ctl, &err);
        holds = probe->holds(&status);
        print(ctl, probe->name, holds, status.reason ?: "not ready",
              probe->holds == is_ready ? status.room_summary : NULL);
        return holds ? CTL_OK : CTL_NO;
}
