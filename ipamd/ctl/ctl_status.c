// SPDX-License-Identifier: Apache-2.0
/* ipamctl status, and version. */
#include <string.h>

#include <vpcwire/clock.h>

#include "ctl/ctl.h"
#include "ctl/show.h"
#include "ctl/source.h"

enum { LABEL_WIDTH = 10 };

static void line(struct ctl *ctl, const char *label, enum show_colour colour, const char *text)
{
        fprintf(ctl->out, "%-*s ", LABEL_WIDTH, label);
        show_text(ctl->out, text, colour, ctl->colours);
        fputc('\n', ctl->out);
}

static const char *or_dash(const char *text)
{
        return text && text[0] ? text : "-";
}

static void show_node(struct ctl *ctl, const struct ipam_status_reply *status, int64_t now_ms)
{
        const struct ipam_node *node = &status->node;
        _cleanup_(text_done) struct text text = {0};

        if (!node->instance_id) {
                line(ctl, "node", SHOW_WARN, "not known yet");
        } else {
                if (node->name)
                        text_add(&text, "%s, ", node->name);
                text_add(&text, "%s (%s) in %s, %s", node->instance_id, or_dash(node->instance_type),
                         or_dash(node->availability_zone), or_dash(node->subnet_id));
                if (ip_is_set(node->primary_address))
                        text_add(&text, ", %s", IP_TEXT(node->primary_address));
                line(ctl, "node", SHOW_PLAIN, text.text);
        }
        text_done(&text);
        text_add(&text, "%s, started %s ago", or_dash(status->version),
                 show_age(now_ms - status->started_ms, (char[SHOW_AGE_BYTES]){0}));
        text_add(&text, "; node booted %s ago",
                 show_age(now_ms - status->booted_ms, (char[SHOW_AGE_BYTES]){0}));
        line(ctl, "ipamd", SHOW_PLAIN, text.text);
}

static void show_remedy(struct ctl *ctl, const char *remedy)
{
        _cleanup_(text_done) struct text text = {0};

        text_add(&text, "fix: %s", remedy);
        line(ctl, "", SHOW_PLAIN, text.text);
}

/* Whether there is an address for another pod; pods that wait for one are worth a word of their own. */
static void show_room(struct ctl *ctl, const struct ipam_status_reply *status)
{
        static const enum show_colour colours[_IPAM_ROOM_STATE_MAX] = {
                [IPAM_ROOM_STATE_AVAILABLE] = SHOW_PLAIN,
                [IPAM_ROOM_STATE_SOON] = SHOW_PLAIN,
                [IPAM_ROOM_STATE_NONE] = SHOW_WARN,
        };
        _cleanup_(text_done) struct text text = {0};

        line(ctl, "room", colours[status->room], status->room_summary);
        if (status->room_remedy)
                show_remedy(ctl, status->room_remedy);
        text_add(&text, "%lld pod%s, ipamctl pods shows them", (long long)status->pool.waiting,
                 status->pool.waiting == 1 ? "" : "s");
        if (status->pool.waiting)
                line(ctl, "waiting", status->room == IPAM_ROOM_STATE_NONE ? SHOW_BAD : SHOW_WARN, text.text);
}

static void show_health(struct ctl *ctl, const struct ipam_status_reply *status)
{
        _cleanup_(text_done) struct text text = {0};

        if (status->ready) {
                line(ctl, "ready", SHOW_GOOD, "yes");
        } else {
                text_add(&text, "no: %s", or_dash(status->reason));
                line(ctl, "ready", SHOW_BAD, text.text);
        }
        if (status->room_summary)
                show_room(ctl, status);
        if (status->impaired)
                line(ctl, "affected", SHOW_BAD, or_dash(status->impaired_reason));
}

static void add_count(struct text *text, int64_t n, const char *what)
{
        if (n)
                text_add(text, ", %lld %s", (long long)n, what);
}

static void show_pool(struct ctl *ctl, const struct ipam_status_reply *status)
{
        const struct ipam_pool *pool = &status->pool;
        _cleanup_(text_done) struct text text = {0};

        text_add(&text, "%lld", (long long)status->enis);
        if (status->max_enis)
                text_add(&text, " of %lld", (long long)status->max_enis);
        line(ctl, "ENIs", SHOW_PLAIN, text.text);
        text_done(&text);
        text_add(&text, "%lld: %lld in use, %lld free", (long long)pool->total, (long long)pool->leased,
                 (long long)pool->free);
        add_count(&text, pool->cooling, "cooling");
        add_count(&text, pool->preparing, "being prepared");
        add_count(&text, pool->leaving, "leaving");
        line(ctl, "addresses", SHOW_PLAIN, text.text);
        text_done(&text);
        text_add(&text,
                 "%lld pods have an address that EC2 no longer assigns to this node; delete them, so that "
                 "new ones get others",
                 (long long)pool->lost);
        if (pool->lost)
                line(ctl, "lost", SHOW_BAD, text.text);
}

/* EC2's own counts: of all that take addresses there, as old as they are. */
static void show_subnets(struct ctl *ctl, const struct ipam_status_reply *status, int64_t now_ms)
{
        for (size_t i = 0; i < status->n_subnets; i++) {
                const struct ipam_subnet *subnet = &status->subnets[i];
                _cleanup_(text_done) struct text text = {0};
                bool few = subnet->available <= status->addresses_per_eni;

                text_add(&text, "%s %s: %lld free addresses, counted by EC2 %s ago", subnet->subnet_id,
                         PREFIX_TEXT(subnet->cidr), (long long)subnet->available,
                         show_age(now_ms - subnet->seen_at_ms, (char[SHOW_AGE_BYTES]){0}));
                line(ctl, i ? "" : "subnets", few ? SHOW_WARN : SHOW_PLAIN, text.text);
        }
}

static void show_targets(struct ctl *ctl, const struct ipam_targets *targets)
{
        const struct {
                const char *name;
                int64_t value;
        } all[] = {{"WARM_ENI_TARGET", targets->warm_eni},
                   {"WARM_IP_TARGET", targets->warm_ip},
                   {"MINIMUM_IP_TARGET", targets->minimum_ip},
                   {"MAX_ENI", targets->max_eni}};
        _cleanup_(text_done) struct text text = {0};

        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (all[i].value >= 0)
                        text_add(&text, "%s=%lld, ", all[i].name, (long long)all[i].value);
        text_add(&text, "cooldown %s", show_age(targets->cooldown_ms, (char[SHOW_AGE_BYTES]){0}));
        line(ctl, "targets", SHOW_PLAIN, text.text);
}

/* One cause puts off several calls at times: said once, with the calls and the next of their times. */
static bool said_before(const struct ipam_status_reply *status, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(status->blocked[i].reason, status->blocked[n].reason) == 0)
                        return true;
        return false;
}

static void add_calls(struct text *text, const struct ipam_status_reply *status, size_t first,
                      int64_t *ret_until_ms)
{
        *ret_until_ms = status->blocked[first].until_ms;
        for (size_t i = first; i < status->n_blocked; i++) {
                const struct ipam_blocked *blocked = &status->blocked[i];

                if (strcmp(blocked->reason, status->blocked[first].reason) != 0)
                        continue;
                text_add(text, "%s%s%s%s", i == first ? "" : ", ", blocked->action,
                         blocked->subject[0] ? " " : "", blocked->subject);
                if (blocked->until_ms && blocked->until_ms < *ret_until_ms)
                        *ret_until_ms = blocked->until_ms;
        }
}

static bool is_the_room_remedy(const struct ipam_status_reply *status, const char *remedy)
{
        return status->room_remedy && strcmp(status->room_remedy, remedy) == 0;
}

/* The planner's word that room says already, with the call that is delayed where there is one; or that passes by itself. */
static bool room_says_it(const struct ipam_blocked *blocked)
{
        static const bool said[_IPAM_CONDITION_CAUSE_MAX] = {
                [IPAM_CONDITION_CAUSE_ENI_LIMIT] = true,      [IPAM_CONDITION_CAUSE_POD_LIMIT] = true,
                [IPAM_CONDITION_CAUSE_ASSIGN_BLOCKED] = true, [IPAM_CONDITION_CAUSE_CREATE_BLOCKED] = true,
                [IPAM_CONDITION_CAUSE_UNDER_WAY] = true,      [IPAM_CONDITION_CAUSE_COOLING] = true,
                [IPAM_CONDITION_CAUSE_ENI_LEAVING] = true,
        };

        return blocked->kind == IPAM_CONDITION_KIND_GROW && said[blocked->cause];
}

static void show_blocked(struct ctl *ctl, const struct ipam_status_reply *status, int64_t now_ms)
{
        for (size_t i = 0; i < status->n_blocked; i++) {
                const struct ipam_blocked *blocked = &status->blocked[i];
                _cleanup_(text_done) struct text text = {0};
                int64_t until_ms;

                if (said_before(status, i) || room_says_it(blocked))
                        continue;
                add_calls(&text, status, i, &until_ms);
                text_add(&text, ": %s", blocked->reason);
                if (until_ms && until_ms <= now_ms)
                        text_add(&text, ", retrying now");
                else if (until_ms)
                        text_add(&text, ", next try in %s",
                                 clock_until_format(until_ms - now_ms, (char[CLOCK_SPAN_BYTES]){0}));
                line(ctl, "blocked", SHOW_WARN, text.text);
                if (blocked->remedy && !is_the_room_remedy(status, blocked->remedy))
                        show_remedy(ctl, blocked->remedy);
        }
}

static void show_warnings(struct ctl *ctl, const struct ipam_status_reply *status)
{
        for (size_t i = 0; i < status->n_warnings; i++) {
                const struct ipam_warning *warning = &status->warnings[i];
                _cleanup_(text_done) struct text text = {0};

                text_add(&text, "%s: %s", warning->subject, warning->reason);
                line(ctl, "warning", SHOW_WARN, text.text);
                if (warning->remedy)
                        show_remedy(ctl, warning->remedy);
        }
}

enum ctl_exit ctl_status(struct ctl *ctl)
{
        _cleanup_(source_done) struct source source = {0};
        int64_t now_ms = clock_wall_ms();
        struct ipam_status_reply status;
        struct err err;

        if (source_open(ctl, &source) < 0)
                return CTL_NO;
        if (source_status(&source, &status, &err) < 0)
                return ctl_fail_next(ctl, &err);
        if (source_code(&source) != CTL_OK)
                status.reason =
                        ctl->offline.daemon == CTL_DAEMON_DOWN ? "ipamd is down" : "ipamd does not answer";
        if (ctl->json) {
                ctl_print_json(ctl, IPAM_METHOD_STATUS, &status, false);
        } else if (source_code(&source) != CTL_OK) {
                line(ctl, "node", SHOW_PLAIN, or_dash(status.node.instance_id));
                show_health(ctl, &status);
                show_pool(ctl, &status);
        } else {
                show_node(ctl, &status, now_ms);
                show_health(ctl, &status);
                show_pool(ctl, &status);
                show_subnets(ctl, &status, now_ms);
                show_targets(ctl, &status.targets);
                show_blocked(ctl, &status, now_ms);
                show_warnings(ctl, &status);
        }
        return status.ready ? CTL_OK : CTL_NO;
}

enum ctl_exit ctl_version(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        _cleanup_json_ json_t *versions = json_object();
        struct ipam_status_reply status;
        enum ctl_exit result = CTL_OK;
        struct err err;

        if (!ctl->json)
                fprintf(ctl->out, "ipamctl %s\n", VPCWIRE_VERSION);
        fflush(ctl->out);
        json_object_set_new(versions, "ipamctl", json_string(VPCWIRE_VERSION));
        if (ctl_connect(ctl, &client) < 0)
                result = CTL_NO;
        else if (ipam_status(client, &status, &err) < 0)
                result = ctl_fail_next(ctl, &err);
        if (result == CTL_OK)
                json_object_set_new(versions, "ipamd", jsonx_string(or_dash(status.version)));
        if (ctl->json) {
                json_dumpf(versions, ctl->out, JSON_INDENT(2));
                fputc('\n', ctl->out);
        } else if (result == CTL_OK) {
                fputs("ipamd   ", ctl->out);
                show_text(ctl->out, or_dash(status.version), SHOW_PLAIN, false);
                fputc('\n', ctl->out);
        }
        return result;
}
