// SPDX-License-Identifier: Apache-2.0
#include "report/alarm.h"

#include <string.h>

#include "reconcile/reconcile.h"

struct list {
        struct arena *arena;
        struct kube_notice *notices;
        size_t n;
};

/*
 * Rows of the store's `blocked` table that are alarms: by action (NULL: any) and by a part of the reason (NULL: any).
 * With `subject` each subject is an alarm of its own, and over_message ends with it.
 */
static const struct rule {
        const char *action, *part;
        unsigned attempts_min; /* what may mend itself is told from this failure in a row on */
        bool subject;
        const char *reason, *over_reason, *over_message;
} rules[] = {
        {NULL, RECONCILE_SUBNET_FULL, 0, true, "SubnetHasNoFreeAddresses", "SubnetHasFreeAddresses",
         "EC2 does not refuse addresses in it any more: subnet "},
        {NULL, RECONCILE_ACCOUNT_FULL, 0, false, "NetworkInterfaceLimitReached", "NetworkInterfaceLimitOver",
         "EC2 does not refuse new ENIs any more for the account's limit"},
        {NULL, RECONCILE_NO_CREDENTIALS, 3, false, "AWSCredentialsRefused", "AWSCredentialsAccepted",
         "AWS takes this node's credentials again"},
        {RECONCILE_STEP_NETWORK, NULL, 2, false, "HostNetworkImpaired", "HostNetworkRepaired",
         "the host's routes, rules and firewall tables for pods are what they should be again"},
        {RECONCILE_STEP_LINK, NULL, 0, true, "ENILinkMissing", "ENILinkPresent",
         "its link is on the node again, or it is not attached any more: "},
        {RECONCILE_STEP_TAG, NULL, 0, true, "ENITagMissing", "ENITagPresent",
         "EC2 shows our tag on it again, or no pod has an address of it any more: "},
        {RECONCILE_STEP_TAKE_IN, NULL, 0, true, "ENINotUnderstood", "ENIUnderstood",
         "what EC2 shows of it fits again, or it is not attached any more: "},
        {STORE_WARNING, NULL, 0, true, "FirewallDropsPodPackets", "FirewallPassesPodPackets",
         "it does not drop what is forwarded for pods any more: "},
        {STORE_WARNING_POD_ROUTE, NULL, 0, true, "PodRouteMisled", "PodRouteRestored",
         "its packets come to its pod again: "},
        {STORE_WARNING_OCCUPIED, NULL, 0, true, "PodAddressOccupied", "PodAddressAvailable",
         "nobody on the host has it any more: "},
        {STORE_WARNING_MAIN, NULL, 0, true, "PrimaryRouteTaken", "PrimaryRouteRestored",
         "table main leads by the primary ENI again: "},
};

/* How the planner says that the node is at a limit that somebody set; the rest of what it says passes with time. */
static const char *const limits[] = {
        "MAX_ENI=",          "EC2 attaches no more than", "that this instance type can have are full",
        "the node may have", "limits allow no addresses", "no place for another of the",
};

/* ... unless a place will be had without anybody's doing. */
static const char passes[] = "on the way out";

static bool has(const struct list *list, const char *reason, const char *subject)
{
        for (size_t i = 0; i < list->n; i++) {
                if (strcmp(list->notices[i].reason, reason) == 0 &&
                    strcmp(list->notices[i].subject, subject) == 0)
                        return true;
        }
        return false;
}

static void add(struct list *list, struct kube_notice notice)
{
        if (!has(list, notice.reason, notice.subject))
                list->notices[list->n++] = notice;
}

static bool matches(const struct rule *rule, const struct store_blocked *blocked)
{
        return (!rule->action || strcmp(rule->action, blocked->action) == 0) &&
               (!rule->part || strstr(blocked->reason, rule->part)) &&
               blocked->attempts >= rule->attempts_min;
}

static bool is_stale(const struct alarm_facts *facts, const struct store_blocked *blocked)
{
        return blocked->until_ms + ALARM_STALE_MS <= facts->now_ms;
}

static void add_blocked(struct list *list, const struct store_blocked *blocked)
{
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                const struct rule *rule = &rules[i];
                const char *subject = rule->subject ? blocked->subject : "";

                if (!matches(rule, blocked))
                        continue;
                add(list, (struct kube_notice){.reason = rule->reason,
                                               .over_reason = rule->over_reason,
                                               .subject = subject,
                                               .message = blocked->reason,
                                               .over_message = arena_printf(list->arena, "%s%s",
                                                                            rule->over_message, subject)});
                return;
        }
}

static void add_denied(struct list *list, const struct store_fact *denied)
{
        add(list,
            (struct kube_notice){
                    .reason = "MissingIAMPermissions",
                    .over_reason = "IAMPermissionsGranted",
                    .subject = denied->name,
                    .message = arena_printf(list->arena,
                                            "allow ec2:%s in the IAM policy of this node's role. EC2: %s",
                                            denied->name, denied->value),
                    .over_message = arena_printf(list->arena, "EC2 carries out %s again", denied->name)});
}

static void add_setting(struct list *list, const struct config_warning *warning)
{
        add(list, (struct kube_notice){
                          .reason = "SettingNotFollowed",
                          .over_reason = "SettingFollowed",
                          .subject = warning->setting,
                          .message = arena_printf(list->arena, "%s: %s", warning->setting, warning->text),
                          .over_message = arena_printf(list->arena, "%s is followed", warning->setting)});
}

static void add_lost(struct list *list, const struct store_counts *counts)
{
        if (counts->lost)
                add(list,
                    (struct kube_notice){
                            .reason = "PodAddressesLost",
                            .over_reason = "PodAddressesRestored",
                            .subject = "",
                            .message = arena_printf(
                                    list->arena,
                                    "EC2 does not assign the addresses of %u running pod%s to this node any "
                                    "more; delete these pods, so that new ones get others (ipamctl pods)",
                                    counts->lost, counts->lost == 1 ? "" : "s"),
                            .over_message = "no running pod has a lost address any more"});
}

static bool is_limit(const char *stuck)
{
        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                if (strstr(stuck, limits[i]) && !strstr(stuck, passes))
                        return true;
        }
        return false;
}

/*
 * A full node is no alarm until pods wait and nothing is on its way for them. They give up and come back: it is over
 * only when an address is free again.
 */
static void add_limit(struct list *list, const struct alarm_facts *facts, const struct store_blocked *grow)
{
        const struct store_counts *c = &facts->counts;
        bool soon = c->cooling + c->preparing + c->unready > 0;

        if (c->free == 0 && is_limit(grow->reason))
                add(list, (struct kube_notice){.reason = "PodAddressLimitReached",
                                               .over_reason = "PodAddressLimitOver",
                                               .subject = "",
                                               .message = arena_printf(
                                                       list->arena,
                                                       "pods wait for an address, and there can be no more "
                                                       "on this node: %s (%u of %u leased)",
                                                       grow->reason, c->leased, c->total),
                                               .over_message = "there are free addresses again",
                                               .keeps = !c->waiting || soon});
}

void alarm_list(const struct alarm_facts *facts, struct arena *arena, struct kube_notice **ret, size_t *ret_n)
{
        size_t most = facts->n_blocked + facts->n_denied + facts->n_settings + 2;
        struct list list = {.arena = arena, .notices = ARENA_ARRAY(arena, struct kube_notice, most)};
        const struct store_blocked *grow = NULL;

        for (size_t i = 0; i < facts->n_denied; i++)
                add_denied(&list, &facts->denied[i]);
        for (size_t i = 0; i < facts->n_blocked; i++) {
                if (is_stale(facts, &facts->blocked[i]))
                        continue;
                if (strcmp(facts->blocked[i].action, RECONCILE_STEP_GROW) == 0)
                        grow = &facts->blocked[i];
                else
                        add_blocked(&list, &facts->blocked[i]);
        }
        if (grow && list.n == 0) /* else something of the above is why */
                add_limit(&list, facts, grow);
        add_lost(&list, &facts->counts);
        for (size_t i = 0; i < facts->n_settings; i++)
                add_setting(&list, &facts->settings[i]);
        *ret = list.notices;
        *ret_n = list.n;
}

int alarm_read(struct store *store, int64_t now_ms, struct arena *arena, struct alarm_facts *ret,
               struct err *err)
{
        struct alarm_facts facts = {.now_ms = now_ms};
        struct store_blocked *blocked;
        struct store_fact *denied;

        if (store_counts(store, now_ms, &facts.counts, err) < 0 ||
            store_blocked(store, arena, &blocked, &facts.n_blocked, err) < 0 ||
            store_facts(store, RECONCILE_FACT_DENIED, arena, &denied, &facts.n_denied, err) < 0)
                return err_wrap(err, "read what is wrong");
        facts.blocked = blocked;
        facts.denied = denied;
        *ret = facts;
        return 0;
}
