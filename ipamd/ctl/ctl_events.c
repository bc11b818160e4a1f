// SPDX-License-Identifier: Apache-2.0
/* ipamctl events, and what other commands need of past events. */
#include "ctl/events.h"

enum { EVENTS_SHOWN = 100 }; /* where neither --last nor --since says how many */

static const char *keep(struct arena *arena, const char *text)
{
        return text ? arena_strdup(arena, text) : NULL;
}

static struct ipam_event keep_event(struct arena *arena, const struct ipam_event *event)
{
        return (struct ipam_event){
                .id = event->id,
                .at_ms = event->at_ms,
                .kind = keep(arena, event->kind),
                .subject = keep(arena, event->subject),
                .text = keep(arena, event->text),
                .pod = keep(arena, event->pod),
                .container_id = keep(arena, event->container_id),
                .eni_id = keep(arena, event->eni_id),
                .lease_end = event->lease_end,
        };
}

static void turn_round(struct ipam_event *events, size_t n)
{
        for (size_t i = 0; i < n / 2; i++) {
                struct ipam_event event = events[i];

                events[i] = events[n - 1 - i];
                events[n - 1 - i] = event;
        }
}

int events_fetch(struct source *source, const struct ipam_events_request *wanted, size_t max,
                 struct arena *arena, struct ipam_event **ret, size_t *ret_n, struct err *err)
{
        struct ipam_events_request request = *wanted;
        struct ipam_events_reply page = {.n_events = IPAM_EVENTS_MAX};
        struct ipam_event *list = ARENA_ARRAY(arena, struct ipam_event, EVENTS_MAX);
        size_t n = 0;

        max = max && max < EVENTS_MAX ? max : EVENTS_MAX;
        while (page.n_events > 0 && n < max) {
                int r;

                request.max = max - n < IPAM_EVENTS_MAX ? (int64_t)(max - n) : IPAM_EVENTS_MAX;
                r = source_events(source, &request, &page, err);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < page.n_events && n < max; i++) {
                        list[n++] = keep_event(arena, &page.events[i]);
                        request.before = page.events[i].id;
                }
        }
        turn_round(list, n);
        *ret = list;
        *ret_n = n;
        return 0;
}

enum ctl_exit ctl_events(struct ctl *ctl)
{
        _cleanup_(source_done) struct source source = {0};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        size_t max = ctl->last ? (size_t)ctl->last : ctl->since_ms ? 0 : EVENTS_SHOWN, n;
        struct ipam_event *events;
        struct err err;

        if (source_open(ctl, &source) < 0)
                return CTL_NO;
        if (events_fetch(&source, &(struct ipam_events_request){.since_ms = ctl->since_ms}, max, arena,
                         &events, &n, &err) < 0)
                return ctl_fail_next(ctl, &err);
        for (size_t i = 0; i < n && !ferror(ctl->out); i++)
                ctl_show_event(ctl, &events[i]);
        return source_code(&source);
}
