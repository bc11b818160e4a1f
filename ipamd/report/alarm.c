// SPDX-License-Identifier: Apache-2.0
#include "report/alarm.h"

#include <string.h>

#include <vpcwire/clock.h>

#include "model/words.h"
#include "reconcile/reconcile.h"

struct list {
        struct arena *arena;
        struct kube_notice *notices;
        size_t n;
};

/* Whichever EC2 call is put off; whatever the cause. */
#define ANY_CALL  _CONDITION_KIND_MAX
#define ANY_CAUSE _CONDITION_CAUSE_MAX

/* Conditions that are alarms; the first rule that fits. With `object` each object is an alarm of its own, and over_message ends with it. */
static const struct rule {
        enum condition_kind kind;
        enum condition_cause cause;
        unsigned attempts_min; /* what may mend itself is told from this failure in a row on */
        bool object;
        const char *reason, *over_reason, *over_message;
} rules[] = {
        {ANY_CALL, CAUSE_CAPACITY_SUBNET, 0, true, "SubnetHasNoFreeAddresses", "SubnetHasFreeAddresses",
         "EC2 assigns addresses again in subnet "},
        {ANY_CALL, CAUSE_CAPACITY_ACCOUNT, 0, false, "NetworkInterfaceLimitReached",
         "NetworkInterfaceLimitOver", "EC2 creates ENIs again, the account is below its quota"},
        {ANY_CALL, CAUSE_CREDENTIALS, 3, false, "AWSCredentialsRefused", "AWSCredentialsAccepted",
         "AWS accepts this node's credentials again"},
        {CONDITION_STEP_NETWORK, ANY_CAUSE, 2, false, "HostNetworkImpaired", "HostNetworkRepaired",
         "the host's routes, rules and firewall tables for pods are correct again"},
        {CONDITION_ENI_LINK, ANY_CAUSE, 0, true, "ENILinkMissing", "ENILinkPresent",
         "its link is back on the node, or it is no longer attached: "},
        {CONDITION_ENI_TAG, ANY_CAUSE, 0, true, "ENITagMissing", "ENITagPresent",
         "EC2 shows our tag on it again, or no pod uses an address of it any more: "},
        {CONDITION_ENI_TAKE_IN, ANY_CAUSE, 0, true, "ENINotUnderstood", "ENIUnderstood",
         "EC2's answer about it agrees with the database again, or it is no longer attached: "},
        {CONDITION_FIREWALL, ANY_CAUSE, 0, true, "FirewallDropsPodPackets", "FirewallPassesPodPackets",
         "it no longer drops forwarded packets of pods: "},
        {CONDITION_POD_ROUTE, ANY_CAUSE, 0, true, "PodRouteMisled", "PodRouteRestored",
         "its packets reach its pod again: "},
        {CONDITION_OCCUPIED, ANY_CAUSE, 0, true, "PodAddressOccupied", "PodAddressAvailable",
         "no link of the host has this address any more: "},
        {CONDITION_MAIN_ROUTE, ANY_CAUSE, 0, true, "PrimaryRouteTaken", "PrimaryRouteRestored",
         "the main routing table routes via the primary ENI again: "},
};

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

/* A count that stops nothing has EC2's cause, too: the call that it counts is put off under a kind of its own. */
static bool is_of_kind(const struct rule *rule, enum condition_kind kind)
{
        return rule->kind == ANY_CALL ? condition_class(kind) == CONDITION_CLASS_BACK_OFF
                                      : rule->kind == kind;
}

static bool matches(const struct rule *rule, const struct condition *condition)
{
        return is_of_kind(rule, condition->kind) &&
               (rule->cause == ANY_CAUSE || rule->cause == condition->cause) &&
               condition->attempts >= rule->attempts_min;
}

static bool is_stale(const struct alarm_facts *facts, const struct condition *condition)
{
        return condition->retry_at_ms + ALARM_STALE_MS <= facts->now_ms &&
               condition_is_over(condition, facts->now_ms, facts->looked_ms);
}

static void add_condition(struct list *list, const struct condition *condition)
{
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                const struct rule *rule = &rules[i];
                const char *object = rule->object ? condition->object : "";
                struct condition_words words;

                if (!matches(rule, condition))
                        continue;
                words = condition_words(condition, list->arena);
                add(list, (struct kube_notice){.reason = rule->reason,
                                               .over_reason = rule->over_reason,
                                               .subject = object,
                                               .message = words_joined(&words, list->arena),
                                               .over_message = arena_printf(list->arena, "%s%s",
                                                                            rule->over_message, object)});
                return;
        }
}

static void add_denied(struct list *list, const struct store_fact *denied)
{
        const struct condition_words words = words_of_denied(denied->name, list->arena);

        add(list, (struct kube_notice){
                          .reason = "MissingIAMPermissions",
                          .over_reason = "IAMPermissionsGranted",
                          .subject = denied->name,
                          .message = words_joined(&words, list->arena),
                          .over_message = arena_printf(list->arena, "EC2 now allows ec2:%s", denied->name)});
}

static void add_setting(struct list *list, const struct config_warning *warning)
{
        add(list,
            (struct kube_notice){
                    .reason = "SettingNotFollowed",
                    .over_reason = "SettingFollowed",
                    .subject = warning->setting,
                    .message = arena_printf(list->arena, "%s: %s", warning->setting, warning->text),
                    .over_message = arena_printf(list->arena, "%s: the warning is over", warning->setting)});
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
                                    "EC2 no longer assigns the addresses of %u running pod%s to this node; "
                                    "delete these pods, so that new ones get others (ipamctl pods)",
                                    counts->lost, counts->lost == 1 ? "" : "s"),
                            .over_message = "no running pod has a lost address"});
}

/* The node is at a limit that somebody set; all else that keeps the pool from growing passes with time. */
static bool is_limit(enum condition_cause cause)
{
        return cause == CAUSE_ENI_LIMIT || cause == CAUSE_POD_LIMIT || cause == CAUSE_TYPE_LIMIT;
}

/*
 * A full node is no alarm until pods wait and nothing is on its way for them. They give up and come back: it is over
 * only when an address is free again.
 */
static void add_limit(struct list *list, const struct alarm_facts *facts, const struct condition *grow)
{
        const struct condition_words words = condition_words(grow, list->arena);
        const struct store_counts *c = &facts->counts;
        bool soon = c->cooling + c->preparing + c->unready > 0;

        if (c->free == 0 && is_limit(grow->cause))
                add(list,
                    (struct kube_notice){.reason = "PodAddressLimitReached",
                                         .over_reason = "PodAddressLimitOver",
                                         .subject = "",
                                         .message = arena_printf(list->arena,
                                                                 "pods wait for an address, and this node "
                                                                 "can have no more: %u of %u in use; %s",
                                                                 c->leased + c->lost, c->total,
                                                                 words_joined(&words, list->arena)),
                                         .over_message = "addresses are free again",
                                         .keeps = !c->waiting || soon});
}

void alarm_list(const struct alarm_facts *facts, struct arena *arena, struct kube_notice **ret, size_t *ret_n)
{
        size_t most = facts->n_conditions + facts->n_denied + facts->n_settings + 2;
        struct list list = {.arena = arena, .notices = ARENA_ARRAY(arena, struct kube_notice, most)};
        const struct condition *grow = NULL;

        for (size_t i = 0; i < facts->n_denied; i++)
                add_denied(&list, &facts->denied[i]);
        for (size_t i = 0; i < facts->n_conditions; i++) {
                if (is_stale(facts, &facts->conditions[i]))
                        continue;
                if (facts->conditions[i].kind == CONDITION_GROW)
                        grow = &facts->conditions[i];
                else
                        add_condition(&list, &facts->conditions[i]);
        }
        if (grow && list.n == 0) /* else something of the above is why */
                add_limit(&list, facts, grow);
        add_lost(&list, &facts->counts);
        for (size_t i = 0; i < facts->n_settings; i++) {
                if (!facts->settings[i].renamed)
                        add_setting(&list, &facts->settings[i]);
        }
        *ret = list.notices;
        *ret_n = list.n;
}

int alarm_read(struct store *store, int64_t looked_ms, struct arena *arena, struct alarm_facts *ret,
               struct err *err)
{
        struct alarm_facts facts = {.now_ms = clock_boottime_ms(), .looked_ms = looked_ms};
        struct condition *conditions;
        struct store_fact *denied;

        if (store_counts(store, facts.now_ms, &facts.counts, err) < 0 ||
            store_conditions(store, arena, &conditions, &facts.n_conditions, err) < 0 ||
            store_facts(store, RECONCILE_FACT_DENIED, arena, &denied, &facts.n_denied, err) < 0)
                return err_wrap(err, "read what is wrong");
        facts.conditions = conditions;
        facts.denied = denied;
        *ret = facts;
        return 0;
}
