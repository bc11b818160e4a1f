// SPDX-License-Identifier: Apache-2.0
/* ipamctl pods, enis and imports. */
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/pod_name.h>

#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/source.h"

enum part { PART_PODS, PART_ENIS, PART_IMPORTS };

enum { CONTAINER_ID_SHOWN = 12, POD_SHOWN_MIN = 20 };

static struct show_cell lease_cell(enum ipam_lease_state state)
{
        return (struct show_cell){ipam_lease_state_to_string(state),
                                  state == IPAM_LEASE_STATE_WIRED  ? SHOW_GOOD
                                  : state == IPAM_LEASE_STATE_LOST ? SHOW_BAD
                                                                   : SHOW_WARN};
}

static struct show_cell eni_cell(enum ipam_eni_state state)
{
        return (struct show_cell){ipam_eni_state_to_string(state),
                                  state == IPAM_ENI_STATE_READY ? SHOW_GOOD : SHOW_WARN};
}

static struct show_cell verdict_cell(enum ipam_import_verdict verdict)
{
        return (struct show_cell){ipam_import_verdict_to_string(verdict),
                                  verdict == IPAM_IMPORT_VERDICT_TAKEN ? SHOW_GOOD : SHOW_WARN};
}

static struct show_cell number(struct arena *arena, int64_t n)
{
        return (struct show_cell){arena_printf(arena, "%lld", (long long)n)};
}

static struct show_cell pod_cell(struct arena *arena, const char *pod_namespace, const char *pod_name)
{
        return (struct show_cell){
                pod_name_text(&(struct pod_name){.namespace = pod_namespace, .name = pod_name}, arena)};
}

static struct show_cell container_cell(struct arena *arena, const char *container_id)
{
        return (struct show_cell){arena_printf(arena, "%.*s", CONTAINER_ID_SHOWN, container_id)};
}

static struct show_cell age_cell(struct arena *arena, int64_t age_ms)
{
        return (struct show_cell){arena_strdup(arena, show_age(age_ms, (char[SHOW_AGE_BYTES]){0}))};
}

static void show_pods(struct ctl *ctl, const struct ipam_list_reply *list, struct arena *arena)
{
        static const struct show_column columns[] = {
                {"POD", .shrinks_to = POD_SHOWN_MIN},
                {"ADDRESS"},
                {"ENI", .dropped = 1},
                {"DEV", .right = true},
                {"CONTAINER", .dropped = 2},
                {"STATE"},
                {"AGE", .right = true},
        };
        const size_t n = list->n_leases + list->n_waiting;
        struct show_cell *cells = ARENA_ARRAY(arena, struct show_cell, n * ARRAY_SIZE(columns)), *row = cells;
        int64_t now_ms = clock_wall_ms();

        for (size_t i = 0; i < list->n_leases; i++, row += ARRAY_SIZE(columns)) {
                const struct ipam_lease *lease = &list->leases[i];

                row[0] = pod_cell(arena, lease->pod_namespace, lease->pod_name);
                row[1].text = arena_strdup(arena, IP_TEXT(lease->addresses[0].address));
                row[2].text = lease->addresses[0].eni_id;
                row[3] = number(arena, lease->addresses[0].device_index);
                row[4] = container_cell(arena, lease->container_id);
                row[5] = lease_cell(lease->state);
                row[6] = age_cell(arena, now_ms - lease->since_ms);
        }
        for (size_t i = 0; i < list->n_waiting; i++, row += ARRAY_SIZE(columns)) {
                const struct ipam_waiting *waiting = &list->waiting[i];

                row[0] = pod_cell(arena, waiting->pod_namespace, waiting->pod_name);
                row[4] = container_cell(arena, waiting->container_id);
                row[5] = (struct show_cell){"waiting", SHOW_WARN};
                row[6] = age_cell(arena, now_ms - waiting->since_ms);
        }
        show_table(ctl->out, &(struct show_table){columns, ARRAY_SIZE(columns), cells, n}, ctl->columns,
                   ctl->colours);
}

static struct show_cell device_cell(struct arena *arena, const struct ipam_eni *eni)
{
        if (!eni->network_card)
                return number(arena, eni->device_index);
        return (struct show_cell){
                arena_printf(arena, "%lld/%lld", (long long)eni->network_card, (long long)eni->device_index)};
}

static void show_enis(struct ctl *ctl, const struct ipam_list_reply *list, struct arena *arena)
{
        static const struct show_column columns[] = {
                {"ENI"},
                {"DEV", .right = true},
                {"STATE"},
                {"ADDRESS"},
                {"SUBNET", .dropped = 2},
                {"MAC", .dropped = 1},
                {"TOTAL", .right = true},
                {"USED", .right = true},
                {"FREE", .right = true},
                {"COOLING", .right = true},
        };
        struct show_cell *cells = ARENA_ARRAY(arena, struct show_cell, list->n_enis * ARRAY_SIZE(columns));

        for (size_t i = 0; i < list->n_enis; i++) {
                const struct ipam_eni *eni = &list->enis[i];
                struct show_cell *row = cells + i * ARRAY_SIZE(columns);

                row[0].text = eni->eni_id;
                row[1] = device_cell(arena, eni);
                row[2] = eni_cell(eni->state);
                if (ip_is_set(eni->primary_address))
                        row[3].text = arena_strdup(arena, IP_TEXT(eni->primary_address));
                row[4].text = eni->subnet_id;
                row[5].text = eni->mac;
                row[6] = number(arena, eni->total);
                row[7] = number(arena, eni->leased);
                row[8] = number(arena, eni->free);
                row[9] = number(arena, eni->cooling);
        }
        show_table(ctl->out, &(struct show_table){columns, ARRAY_SIZE(columns), cells, list->n_enis},
                   ctl->columns, ctl->colours);
}

static void show_imports(struct ctl *ctl, const struct ipam_list_reply *list, struct arena *arena)
{
        static const struct show_column columns[] = {{"POD", .shrinks_to = POD_SHOWN_MIN},
                                                     {"ADDRESS"},
                                                     {"CONTAINER", .dropped = 1},
                                                     {"VERDICT"},
                                                     {"WHY"}};
        struct show_cell *cells = ARENA_ARRAY(arena, struct show_cell, list->n_imports * ARRAY_SIZE(columns));

        for (size_t i = 0; i < list->n_imports; i++) {
                const struct ipam_import *import = &list->imports[i];
                struct show_cell *row = cells + i * ARRAY_SIZE(columns);

                row[0] = pod_cell(arena, import->pod_namespace, import->pod_name);
                row[1].text = arena_strdup(arena, IP_TEXT(import->address));
                row[2] = container_cell(arena, import->container_id);
                row[3] = verdict_cell(import->verdict);
                row[4].text = import->reason;
        }
        show_table(ctl->out, &(struct show_table){columns, ARRAY_SIZE(columns), cells, list->n_imports},
                   ctl->columns, ctl->colours);
}

/* Each command shows a part of List; with --json, that part. */
static enum ctl_exit list(struct ctl *ctl, enum part part,
                          void (*show)(struct ctl *, const struct ipam_list_reply *, struct arena *))
{
        _cleanup_(source_done) struct source source = {0};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct ipam_list_reply all, shown = {0};
        struct err err;

        if (source_open(ctl, &source) < 0)
                return CTL_NO;
        if (source_list(&source, &all, &err) < 0)
                return ctl_fail_next(ctl, &err);
        switch (part) {
        case PART_PODS:
                shown.leases = all.leases;
                shown.n_leases = all.n_leases;
                shown.waiting = all.waiting;
                shown.n_waiting = all.n_waiting;
                break;
        case PART_ENIS:
                shown.enis = all.enis;
                shown.n_enis = all.n_enis;
                break;
        case PART_IMPORTS:
                shown.imports = all.imports;
                shown.n_imports = all.n_imports;
                break;
        }
        if (ctl->json)
                ctl_print_json(ctl, IPAM_METHOD_LIST, &shown, false);
        else
                show(ctl, &shown, arena);
        return source_code(&source);
}

enum ctl_exit ctl_pods(struct ctl *ctl)
{
        return list(ctl, PART_PODS, show_pods);
}

enum ctl_exit ctl_enis(struct ctl *ctl)
{
        return list(ctl, PART_ENIS, show_enis);
}

enum ctl_exit ctl_imports(struct ctl *ctl)
{
        return list(ctl, PART_IMPORTS, show_imports);
}
