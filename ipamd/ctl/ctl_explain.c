// SPDX-License-Identifier: Apache-2.0
/* ipamctl explain: the history of an address, or of a pod. */

#include <vpcwire/clock.h>

#include "ctl/events.h"
#include "ctl/history.h"
#include "ctl/show.h"
#include "model/event.h"

enum { LABEL_WIDTH = 10, CONTAINER_ID_SHOWN = 12, POD_SHOWN_MIN = 20, END_SHOWN_MIN = 16 };

/* What there is to tell. */
struct account {
        const char *about;
        bool is_address;
        struct ipam_address_reply address; /* if it is one */
        struct ipam_event *events;
        size_t n_events;
        struct history history;
};

static int gather(struct source *source, struct arena *arena, struct account *account, struct err *err)
{
        struct ipam_address_request address;
        struct ipam_events_request wanted = {0};
        int r;

        account->is_address = ip_parse(account->about, &address.address, NULL) == 0;
        *(account->is_address ? &wanted.subject : &wanted.pod) = account->about;
        r = events_fetch(source, &wanted, 0, arena, &account->events, &account->n_events, err);
        if (r < 0)
                return r;
        account->history = history_tell(account->events, account->n_events);
        /* Last: a reply lives until the next call. */
        return account->is_address ? source_address(source, &address, &account->address, err) : 0;
}

/* Boots are in every history; alone they are none. */
static bool is_known(const struct account *account)
{
        if (account->is_address && account->address.known)
                return true;
        for (size_t i = 0; i < account->n_events; i++) {
                if (event_kind_parse(account->events[i].kind) != EVENT_BOOT)
                        return true;
        }
        return false;
}

/* ---- for people ---- */

static void line(struct ctl *ctl, const char *label, enum show_colour colour, const char *text)
{
        fprintf(ctl->out, "%-*s ", LABEL_WIDTH, label);
        show_text(ctl->out, text, colour, ctl->colours);
        fputc('\n', ctl->out);
}

static void show_address(struct ctl *ctl, const struct account *account, int64_t now_ms)
{
        const struct ipam_address_reply *address = &account->address;
        _cleanup_(text_done) struct text text = {0};

        line(ctl, "address", SHOW_PLAIN, account->about);
        if (!address->known) {
                line(ctl, "state", SHOW_WARN, "not one of this node's addresses");
                return;
        }
        text_add(&text, "%s", ipam_address_state_to_string(address->state) ?: "unknown");
        if (address->until_ms)
                text_add(&text, " for another %s",
                         show_age(address->until_ms - now_ms, (char[SHOW_AGE_BYTES]){0}));
        line(ctl, "state", address->state == IPAM_ADDRESS_STATE_LOST ? SHOW_BAD : SHOW_PLAIN, text.text);
        text_done(&text);
        text_add(&text, "%s, device %lld", address->eni_id ?: "-", (long long)address->device_index);
        line(ctl, "ENI", SHOW_PLAIN, text.text);
}

static void show_pod(struct ctl *ctl, const struct account *account, int64_t now_ms)
{
        const struct ipam_event *waiting = account->history.waiting;
        _cleanup_(text_done) struct text text = {0};
        size_t lasting = 0;

        for (size_t i = 0; i < account->history.n_leases; i++)
                lasting += !account->history.leases[i].until_ms;
        line(ctl, "pod", SHOW_PLAIN, account->about);
        text_add(&text, "%zu now, %zu ended", lasting, account->history.n_leases - lasting);
        line(ctl, "leases", SHOW_PLAIN, text.text);
        if (!waiting)
                return;
        text_done(&text);
        text_add(&text, "for %s: %s", show_age(now_ms - waiting->at_ms, (char[SHOW_AGE_BYTES]){0}),
                 waiting->text ?: "");
        line(ctl, "waiting", SHOW_WARN, text.text);
}

static struct show_cell end_cell(struct arena *arena, const struct history_lease *lease)
{
        if (lease->until_ms)
                return (struct show_cell){lease->lost_ms ? arena_printf(arena, "%s; lost before", lease->end)
                                                         : lease->end,
                                          SHOW_PLAIN};
        if (lease->lost_ms)
                return (struct show_cell){"lost: EC2 took it away", SHOW_BAD};
        return lease->wired_ms ? (struct show_cell){"wired", SHOW_GOOD}
                               : (struct show_cell){"reserved", SHOW_WARN};
}

static void fill_row(struct show_cell *row, const struct history_lease *lease, int64_t now_ms,
                     struct arena *arena)
{
        char at[CLOCK_TEXT_BYTES], age[SHOW_AGE_BYTES];

        row[0].text = lease->pod;
        row[1].text = lease->address;
        row[2].text =
                lease->since_ms ? arena_strdup(arena, clock_wall_format(lease->since_ms, at)) : "before";
        row[3].text = lease->until_ms ? arena_strdup(arena, clock_wall_format(lease->until_ms, at)) : NULL;
        if (lease->since_ms)
                row[4].text =
                        arena_strdup(arena, show_age((lease->until_ms ?: now_ms) - lease->since_ms, age));
        if (lease->waited_ms)
                row[5].text = arena_strdup(arena, show_age(lease->waited_ms, age));
        row[6].text = lease->eni_id;
        row[7].text = arena_printf(arena, "%.*s", CONTAINER_ID_SHOWN, lease->container_id ?: "");
        row[8] = end_cell(arena, lease);
}

static void show_leases(struct ctl *ctl, const struct history *history, int64_t now_ms, struct arena *arena)
{
        static const struct show_column columns[] = {
                {"POD", .shrinks_to = POD_SHOWN_MIN},
                {"ADDRESS"},
                {"SINCE"},
                {"UNTIL"},
                {"HELD", .right = true, .dropped = 4},
                {"WAITED", .right = true, .dropped = 3},
                {"ENI", .dropped = 2},
                {"CONTAINER", .dropped = 1},
                {"END", .shrinks_to = END_SHOWN_MIN},
        };
        struct show_cell *cells =
                ARENA_ARRAY(arena, struct show_cell, history->n_leases * ARRAY_SIZE(columns));

        for (size_t i = 0; i < history->n_leases; i++)
                fill_row(cells + i * ARRAY_SIZE(columns), &history->leases[i], now_ms, arena);
        fputc('\n', ctl->out);
        show_table(ctl->out, &(struct show_table){columns, ARRAY_SIZE(columns), cells, history->n_leases},
                   ctl->columns, ctl->colours);
}

static void show_account(struct ctl *ctl, const struct account *account, struct arena *arena)
{
        int64_t now_ms = clock_wall_ms();

        if (account->is_address)
                show_address(ctl, account, now_ms);
        else
                show_pod(ctl, account, now_ms);
        if (account->history.n_leases)
                show_leases(ctl, &account->history, now_ms, arena);
        fputc('\n', ctl->out);
        for (size_t i = 0; i < account->n_events; i++)
                ctl_show_event(ctl, &account->events[i]);
}

/* ---- for programs ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
        if (text)
                json_object_set_new(object, key, jsonx_string(text));
}

static const struct jsonx_field lease_fields[] = {
        JSONX_FIELD(struct history_lease, address, JSONX_STRING),
        JSONX_FIELD(struct history_lease, pod, JSONX_STRING),
        JSONX_FIELD(struct history_lease, container_id, JSONX_STRING),
        JSONX_FIELD(struct history_lease, eni_id, JSONX_STRING),
        JSONX_FIELD(struct history_lease, since_ms, JSONX_INT, .flags = JSONX_ZERO_UNSET),
        JSONX_FIELD(struct history_lease, waited_ms, JSONX_INT, .flags = JSONX_ZERO_UNSET),
        JSONX_FIELD(struct history_lease, wired_ms, JSONX_INT, .flags = JSONX_ZERO_UNSET),
        JSONX_FIELD(struct history_lease, lost_ms, JSONX_INT, .flags = JSONX_ZERO_UNSET),
        JSONX_FIELD(struct history_lease, until_ms, JSONX_INT, .flags = JSONX_ZERO_UNSET),
        JSONX_FIELD(struct history_lease, end, JSONX_STRING),
};
static const struct jsonx_schema lease_schema = JSONX_SCHEMA(struct history_lease, lease_fields);
static const struct jsonx_field history_fields[] = {
        JSONX_LIST(struct history, leases, JSONX_OBJECTS, .of = &lease_schema),
};
static const struct jsonx_schema history_schema = JSONX_SCHEMA(struct history, history_fields);

static void print_account(struct ctl *ctl, const struct account *account)
{
        const struct jsonx_schema *of_address = ipam_method(IPAM_METHOD_ADDRESS)->reply;
        const struct jsonx_schema *of_events = ipam_method(IPAM_METHOD_EVENTS)->reply;
        const struct ipam_events_reply events = {account->events, account->n_events};
        json_t *report = jsonx_encode(of_events, &events);

        json_object_update_new(report, jsonx_encode(&history_schema, &account->history));
        set_text(report, account->is_address ? "address" : "pod", account->about);
        if (account->is_address)
                json_object_set_new(report, "now", jsonx_encode(of_address, &account->address));
        if (account->history.waiting)
                set_text(report, "waits", account->history.waiting->text);
        ctl_put_json(ctl, report, false);
}

enum ctl_exit ctl_explain(struct ctl *ctl)
{
        _cleanup_(source_done) struct source source = {0};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct account account = {.about = ctl->argument};
        bool known;
        struct err err;

        if (!ctl->argument) {
                fprintf(ctl->err, "ipamctl: explain: name a pod or an address\n");
                return CTL_USAGE;
        }
        if (source_open(ctl, &source) < 0)
                return CTL_NO;
        if (gather(&source, arena, &account, &err) < 0) {
                history_done(&account.history);
                return ctl_fail_next(ctl, &err);
        }
        known = is_known(&account);
        if (ctl->json)
                print_account(ctl, &account);
        else if (known)
                show_account(ctl, &account, arena);
        else
                fprintf(ctl->err,
                        "ipamctl: no record of %s on this node; next: kubectl vpcwire explain, which asks "
                        "all nodes\n",
                        account.about);
        history_done(&account.history);
        return known ? source_code(&source) : CTL_NO;
}
