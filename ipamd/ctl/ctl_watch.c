// SPDX-License-Identifier: Apache-2.0
/* ipamctl watch, and how an event is shown. */
#include <string.h>

#include <vpcwire/clock.h>

#include "ctl/ctl.h"
#include "ctl/show.h"

enum { KIND_WIDTH = 16, SUBJECT_WIDTH = 21 };

static void show_padded(struct ctl *ctl, const char *text, int width, enum show_colour colour)
{
        size_t n = strlen(text);

        show_text(ctl->out, text, colour, ctl->colours);
        fprintf(ctl->out, "%*s  ", n < (size_t)width ? width - (int)n : 0, "");
}

void ctl_show_event(struct ctl *ctl, const struct ipam_event *event)
{
        char at[CLOCK_TEXT_BYTES];

        if (ctl->json) {
                ctl_print_json(ctl, IPAM_METHOD_WATCH, event, true);
                return;
        }
        show_padded(ctl, clock_wall_format(event->at_ms, at), 0, SHOW_FAINT);
        show_padded(ctl, event->kind, KIND_WIDTH, SHOW_PLAIN);
        show_padded(ctl, event->subject, SUBJECT_WIDTH, SHOW_PLAIN);
        show_text(ctl->out, event->text, SHOW_PLAIN, false);
        fputc('\n', ctl->out);
        fflush(ctl->out);
}

enum ctl_exit ctl_watch(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        struct err err;

        if (ctl_connect(ctl, &client) < 0)
                return CTL_NO;
        if (ipam_watch(client, &(struct ipam_watch_request){.after = -1}, &err) < 0)
                return ctl_fail(ctl, &err);
        for (long n = 0; !ctl->events_max || n < ctl->events_max; n++) {
                struct ipam_event event;

                if (ipam_watch_next(client, -1, &event, &err) < 0)
                        return ctl_fail(ctl, &err);
                ctl_show_event(ctl, &event);
                if (ferror(ctl->out))
                        return CTL_NO; /* nobody reads any more */
        }
        return CTL_OK;
}
