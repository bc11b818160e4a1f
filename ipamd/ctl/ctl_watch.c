// SPDX-License-Identifier: Apache-2.0
/* ipamctl watch, and how an event is shown. */
#include <vpcwire/clock.h>

#include "ctl/ctl.h"
#include "ctl/show.h"
#include "model/event.h"

enum { KIND_WIDTH = 16, SUBJECT_WIDTH = 21, GAP = 2 };

/* Returns how far the cursor went. */
static unsigned show_padded(struct ctl *ctl, const char *text, unsigned width, enum show_colour colour)
{
        unsigned n = show_width(text), padded = n < width ? width : n;

        show_text(ctl->out, text, colour, ctl->colours);
        fprintf(ctl->out, "%*s", (int)(padded - n + GAP), "");
        return padded + GAP;
}

void ctl_show_event(struct ctl *ctl, const struct ipam_event *event)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        char at[CLOCK_TEXT_BYTES];
        unsigned indent, column;

        if (ctl->json) {
                ctl_print_json(ctl, IPAM_METHOD_WATCH, event, true);
                return;
        }
        indent = show_padded(ctl, clock_wall_format(event->at_ms, at), 0, SHOW_FAINT);
        column = indent + show_padded(ctl, event->kind, KIND_WIDTH, SHOW_PLAIN);
        column += show_padded(ctl, event_short_ids(event->subject, event->container_id, arena), SUBJECT_WIDTH,
                              SHOW_PLAIN);
        show_wrapped(ctl->out, event_short_ids(event->text, event->container_id, arena), column, indent,
                     ctl->columns);
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
                return ctl_fail_next(ctl, &err);
        for (long n = 0; !ctl->events_max || n < ctl->events_max; n++) {
                struct ipam_event event;

                if (ipam_watch_next(client, -1, &event, &err) < 0)
                        return ctl_fail_next(ctl, &err);
                ctl_show_event(ctl, &event);
                if (ferror(ctl->out))
                        return CTL_NO; /* the pipe is closed */
        }
        return CTL_OK;
}
