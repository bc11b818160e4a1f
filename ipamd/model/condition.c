// SPDX-License-Identifier: Apache-2.0
/* The names of conditions: here, and nowhere else by hand but in the schema and the RPC's definition, which tests compare. */
#include "model/condition.h"

#include <assert.h>
#include <string.h>

static const struct {
        const char *name;
        enum condition_class class;
} kinds[_CONDITION_KIND_MAX] = {
        [CONDITION_RESYNC] = {"resync", CONDITION_CLASS_BACK_OFF},
        [CONDITION_FIND_SUBNETS] = {"find-subnets", CONDITION_CLASS_BACK_OFF},
        [CONDITION_CREATE] = {"create", CONDITION_CLASS_BACK_OFF},
        [CONDITION_RECREATE] = {"recreate", CONDITION_CLASS_BACK_OFF},
        [CONDITION_ATTACH] = {"attach", CONDITION_CLASS_BACK_OFF},
        [CONDITION_MARK] = {"mark-delete-on-termination", CONDITION_CLASS_BACK_OFF},
        [CONDITION_ASSIGN] = {"assign", CONDITION_CLASS_BACK_OFF},
        [CONDITION_UNASSIGN] = {"unassign", CONDITION_CLASS_BACK_OFF},
        [CONDITION_DETACH] = {"detach", CONDITION_CLASS_BACK_OFF},
        [CONDITION_DELETE] = {"delete", CONDITION_CLASS_BACK_OFF},
        [CONDITION_MARK_AGAIN] = {"delete-on-termination", CONDITION_CLASS_BACK_OFF},
        [CONDITION_SECURITY_GROUPS] = {"security-groups", CONDITION_CLASS_BACK_OFF},
        [CONDITION_FIND_ORPHANS] = {"find-orphans", CONDITION_CLASS_BACK_OFF},
        [CONDITION_DELETE_ORPHAN] = {"delete-orphan", CONDITION_CLASS_BACK_OFF},
        [CONDITION_LEARN_SUBNET] = {"learn-subnet", CONDITION_CLASS_BACK_OFF},
        [CONDITION_STEP_STORE] = {"store", CONDITION_CLASS_STEP},
        [CONDITION_STEP_IDENTITY] = {"identity", CONDITION_CLASS_STEP},
        [CONDITION_STEP_NETWORK] = {"network", CONDITION_CLASS_STEP},
        [CONDITION_STEP_TAKEOVER] = {"takeover", CONDITION_CLASS_STEP},
        [CONDITION_STEP_RECLAIM] = {"reclaim", CONDITION_CLASS_STEP},
        [CONDITION_STEP_FIREWALLS] = {"firewalls", CONDITION_CLASS_STEP},
        [CONDITION_STEP_PLAN] = {"plan", CONDITION_CLASS_STEP},
        [CONDITION_STEP_TAG_PRIMARY] = {"tag-primary", CONDITION_CLASS_STEP},
        [CONDITION_STEP_ORPHANS] = {"orphans", CONDITION_CLASS_STEP},
        [CONDITION_GROW] = {"grow", CONDITION_CLASS_PLAN},
        [CONDITION_SHRINK] = {"shrink", CONDITION_CLASS_PLAN},
        [CONDITION_ENI_FULL] = {"full", CONDITION_CLASS_ENI},
        [CONDITION_ENI_TAG] = {"eni-tag", CONDITION_CLASS_ENI},
        [CONDITION_ENI_LINK] = {"eni-link", CONDITION_CLASS_ENI},
        [CONDITION_ENI_TAKE_IN] = {"take-in", CONDITION_CLASS_ENI},
        [CONDITION_ATTACH_REFUSED] = {"attach-refused", CONDITION_CLASS_COUNT},
        [CONDITION_TOKEN_NOT_SHOWN] = {"token-not-shown", CONDITION_CLASS_COUNT},
        [CONDITION_FIREWALL] = {"firewall", CONDITION_CLASS_WARNING},
        [CONDITION_POD_ROUTE] = {"pod-route", CONDITION_CLASS_WARNING},
        [CONDITION_OCCUPIED] = {"occupied", CONDITION_CLASS_WARNING},
        [CONDITION_MAIN_ROUTE] = {"main-route", CONDITION_CLASS_WARNING},
};

static const char *const causes[_CONDITION_CAUSE_MAX] = {
        [CAUSE_THROTTLED] = "throttled",
        [CAUSE_TRANSIENT] = "transient",
        [CAUSE_TRANSPORT] = "transport",
        [CAUSE_CAPACITY_SUBNET] = "capacity-subnet",
        [CAUSE_CAPACITY_ENI] = "capacity-eni",
        [CAUSE_CAPACITY_INSTANCE] = "capacity-instance",
        [CAUSE_CAPACITY_ACCOUNT] = "capacity-account",
        [CAUSE_GONE] = "gone",
        [CAUSE_IN_USE] = "in-use",
        [CAUSE_TOKEN_USED] = "token-used",
        [CAUSE_DENIED] = "denied",
        [CAUSE_CREDENTIALS] = "credentials",
        [CAUSE_REQUEST] = "request",
        [CAUSE_PACED] = "paced",
        [CAUSE_NOT_SHOWN] = "not-shown",
        [CAUSE_NOTHING_NEW] = "nothing-new",
        [CAUSE_STEP_FAILED] = "step-failed",
        [CAUSE_UNDER_WAY] = "under-way",
        [CAUSE_ASSIGN_BLOCKED] = "assign-blocked",
        [CAUSE_CREATE_BLOCKED] = "create-blocked",
        [CAUSE_ENI_LEAVING] = "eni-leaving",
        [CAUSE_ENI_LIMIT] = "eni-limit",
        [CAUSE_POD_LIMIT] = "pod-limit",
        [CAUSE_TYPE_LIMIT] = "type-limit",
        [CAUSE_COOLING] = "cooling",
        [CAUSE_NODE_UNKNOWN] = "node-unknown",
        [CAUSE_PUBLIC_ADDRESS] = "public-address",
        [CAUSE_TAG_MISSING] = "tag-missing",
        [CAUSE_LINK_MISSING] = "link-missing",
        [CAUSE_DOES_NOT_FIT] = "does-not-fit",
        [CAUSE_FIREWALL_DROPS] = "firewall-drops",
        [CAUSE_ROUTE_MISLED] = "route-misled",
        [CAUSE_ROUTE_FAILED] = "route-failed",
        [CAUSE_HOST_HAS_ADDRESS] = "host-has-address",
        [CAUSE_NO_LEASE] = "no-lease",
        [CAUSE_ROUTE_STRAYED] = "route-strayed",
        [CAUSE_NO_DEFAULT_ROUTE] = "no-default-route",
};

const char *condition_kind_to_string(enum condition_kind kind)
{
        assert((unsigned)kind < _CONDITION_KIND_MAX);
        return kinds[kind].name;
}

const char *condition_cause_to_string(enum condition_cause cause)
{
        assert((unsigned)cause < _CONDITION_CAUSE_MAX);
        return causes[cause];
}

enum condition_kind condition_kind_parse(const char *name)
{
        int kind = 0;

        while (kind < _CONDITION_KIND_MAX && strcmp(name, kinds[kind].name) != 0)
                kind++;
        assert(kind < _CONDITION_KIND_MAX);
        return (enum condition_kind)kind;
}

enum condition_cause condition_cause_parse(const char *name)
{
        int cause = 0;

        while (cause < _CONDITION_CAUSE_MAX && strcmp(name, causes[cause]) != 0)
                cause++;
        assert(cause < _CONDITION_CAUSE_MAX);
        return (enum condition_cause)cause;
}

enum condition_class condition_class(enum condition_kind kind)
{
        assert((unsigned)kind < _CONDITION_KIND_MAX);
        return kinds[kind].class;
}
