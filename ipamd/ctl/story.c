// SPDX-License-Identifier: Apache-2.0
#include "ctl/story.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

static bool same(const char *a, const char *b)
{
        return a && b && strcmp(a, b) == 0;
}

static struct story_lease *begin(struct story *story, const struct ipam_event *event, int64_t since_ms)
{
        struct story_lease *lease;

        GROW(story->leases, story->n_leases, story->capacity);
        lease = &story->leases[story->n_leases++];
        *lease = (struct story_lease){.address = event->subject,
                                      .pod = event->pod,
                                      .container_id = event->container_id,
                                      .eni_id = event->eni_id,
                                      .since_ms = since_ms};
        return lease;
}

/* The lease that the event is about; one that began before the oldest event is begun here. */
static struct story_lease *find(struct story *story, const struct ipam_event *event)
{
        for (size_t i = story->n_leases; i-- > 0;) {
                struct story_lease *lease = &story->leases[i];

                if (!lease->until_ms && same(lease->address, event->subject) &&
                    (!event->container_id || same(lease->container_id, event->container_id)))
                        return lease;
        }
        return begin(story, event, 0);
}

static void on_added(struct story *story, const struct ipam_event *event)
{
        struct story_lease *lease = begin(story, event, event->at_ms);

        if (story->waiting && same(story->waiting->container_id, event->container_id)) {
                lease->waited_ms = event->at_ms - story->waiting->at_ms;
                story->waiting = NULL;
        }
}

static void on_wired(struct story *story, const struct ipam_event *event)
{
        find(story, event)->wired_ms = event->at_ms;
}

/* An older daemon says it in the text alone, which is shown as it is. */
static const char *end_of(const struct ipam_event *event)
{
        static const char *const words[_IPAM_LEASE_END_MAX] = {
                [IPAM_LEASE_END_DEL] = "DEL",
                [IPAM_LEASE_END_GC] = "GC",
                [IPAM_LEASE_END_LINK_GONE] = "reclaimed: its host link is gone",
                [IPAM_LEASE_END_CONTRADICTED] = "the kernel shows another pod with its address",
        };

        return words[event->lease_end] ?: event->text;
}

static void on_released(struct story *story, const struct ipam_event *event)
{
        struct story_lease *lease = find(story, event);

        lease->until_ms = event->at_ms;
        lease->end = end_of(event);
}

static void on_lost(struct story *story, const struct ipam_event *event)
{
        find(story, event)->lost_ms = event->at_ms;
}

static void on_found(struct story *story, const struct ipam_event *event)
{
        find(story, event)->lost_ms = 0;
}

static void on_boot(struct story *story, const struct ipam_event *event)
{
        for (size_t i = 0; i < story->n_leases; i++) {
                if (story->leases[i].until_ms)
                        continue;
                story->leases[i].until_ms = event->at_ms;
                story->leases[i].end = "the node booted";
        }
        story->waiting = NULL;
}

static void on_waiting(struct story *story, const struct ipam_event *event)
{
        story->waiting = event;
}

static void on_waited(struct story *story, const struct ipam_event *event)
{
        if (story->waiting && same(story->waiting->container_id, event->container_id))
                story->waiting = NULL;
}

static const struct {
        const char *kind;
        void (*on)(struct story *story, const struct ipam_event *event);
} kinds[] = {
        {"lease-added", on_added},   {"lease-wired", on_wired},   {"lease-released", on_released},
        {"address-lost", on_lost},   {"address-found", on_found}, {"boot", on_boot},
        {"add-waiting", on_waiting}, {"add-refused", on_waited},  {"add-given-up", on_waited},
};

struct story story_tell(const struct ipam_event *events, size_t n)
{
        struct story story = {0};

        for (size_t i = 0; i < n; i++) {
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                        if (strcmp(events[i].kind, kinds[k].kind) == 0)
                                kinds[k].on(&story, &events[i]);
                }
        }
        return story;
}

void story_done(struct story *story)
{
        free(story->leases);
        *story = (struct story){0};
}
