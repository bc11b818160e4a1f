// SPDX-License-Identifier: Apache-2.0
#include "ctl/history.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "model/event.h"

static bool same(const char *a, const char *b)
{
        return a && b && strcmp(a, b) == 0;
}

static struct history_lease *begin(struct history *history, const struct ipam_event *event, int64_t since_ms)
{
        struct history_lease *lease;

        GROW(history->leases, history->n_leases, history->capacity);
        lease = &history->leases[history->n_leases++];
        *lease = (struct history_lease){.address = event->subject,
                                        .pod = event->pod,
                                        .container_id = event->container_id,
                                        .eni_id = event->eni_id,
                                        .since_ms = since_ms};
        return lease;
}

/* The lease that the event is about; one that began before the oldest event is begun here. */
static struct history_lease *find(struct history *history, const struct ipam_event *event)
{
        for (size_t i = history->n_leases; i-- > 0;) {
                struct history_lease *lease = &history->leases[i];

                if (!lease->until_ms && same(lease->address, event->subject) &&
                    (!event->container_id || same(lease->container_id, event->container_id)))
                        return lease;
        }
        return begin(history, event, 0);
}

static void on_added(struct history *history, const struct ipam_event *event)
{
        struct history_lease *lease = begin(history, event, event->at_ms);

        if (history->waiting && same(history->waiting->container_id, event->container_id)) {
                lease->waited_ms = event->at_ms - history->waiting->at_ms;
                history->waiting = NULL;
        }
}

static void on_wired(struct history *history, const struct ipam_event *event)
{
        find(history, event)->wired_ms = event->at_ms;
}

/* An older daemon says it in the text alone, which is shown as it is. */
static const char *end_of(const struct ipam_event *event)
{
        static const char *const words[_IPAM_LEASE_END_MAX] = {
                [IPAM_LEASE_END_DEL] = "DEL",
                [IPAM_LEASE_END_GC] = "GC",
                [IPAM_LEASE_END_LINK_GONE] = "reclaimed: its host link is gone",
                [IPAM_LEASE_END_CONTRADICTED] = "the kernel shows that another pod has its address",
        };

        return words[event->lease_end] ?: event->text;
}

static void on_released(struct history *history, const struct ipam_event *event)
{
        struct history_lease *lease = find(history, event);

        lease->until_ms = event->at_ms;
        lease->end = end_of(event);
}

static void on_lost(struct history *history, const struct ipam_event *event)
{
        find(history, event)->lost_ms = event->at_ms;
}

static void on_found(struct history *history, const struct ipam_event *event)
{
        find(history, event)->lost_ms = 0;
}

static void on_boot(struct history *history, const struct ipam_event *event)
{
        for (size_t i = 0; i < history->n_leases; i++) {
                if (history->leases[i].until_ms)
                        continue;
                history->leases[i].until_ms = event->at_ms;
                history->leases[i].end = "the node rebooted";
        }
        history->waiting = NULL;
}

static void on_waiting(struct history *history, const struct ipam_event *event)
{
        history->waiting = event;
}

static void on_waited(struct history *history, const struct ipam_event *event)
{
        if (history->waiting && same(history->waiting->container_id, event->container_id))
                history->waiting = NULL;
}

typedef void on_event(struct history *history, const struct ipam_event *event);

static on_event *const on[_EVENT_KIND_MAX] = {
        [EVENT_LEASE_ADDED] = on_added,       [EVENT_LEASE_WIRED] = on_wired,
        [EVENT_LEASE_RELEASED] = on_released, [EVENT_ADDRESS_LOST] = on_lost,
        [EVENT_ADDRESS_FOUND] = on_found,     [EVENT_BOOT] = on_boot,
        [EVENT_ADD_WAITING] = on_waiting,     [EVENT_ADD_REFUSED] = on_waited,
        [EVENT_ADD_GIVEN_UP] = on_waited,
};

struct history history_tell(const struct ipam_event *events, size_t n)
{
        struct history history = {0};

        for (size_t i = 0; i < n; i++) {
                enum event_kind kind = event_kind_parse(events[i].kind);

                if (kind < _EVENT_KIND_MAX && on[kind])
                        on[kind](&history, &events[i]);
        }
        return history;
}

void history_done(struct history *history)
{
        free(history->leases);
        *history = (struct history){0};
}
