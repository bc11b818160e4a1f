// SPDX-License-Identifier: Apache-2.0
/*
 * The names of conditions. Calls that are put off are called as the plan's (plan.h), and causes that EC2 gives as its classes of
 * failures (ec2.h). The schema and the RPC's definition list them all again, and test_model.c compares.
 */
#include "model/condition.h"

#include <assert.h>

#include "model/ec2.h"
#include "model/names.h"
#include "model/plan.h"

const char *const condition_kind_names[_CONDITION_KIND_MAX] = {
        PLAN_CALL_NAMES(CONDITION_),
        [CONDITION_MARK_AGAIN] = "delete-on-termination",
        [CONDITION_SECURITY_GROUPS] = "security-groups",
        [CONDITION_FIND_ORPHANS] = "find-orphans",
        [CONDITION_DELETE_ORPHAN] = "delete-orphan",
        [CONDITION_LEARN_SUBNET] = "learn-subnet",
        [CONDITION_STEP_STORE] = "store",
        [CONDITION_STEP_IDENTITY] = "identity",
        [CONDITION_STEP_NETWORK] = "network",
        [CONDITION_STEP_TAKEOVER] = "takeover",
        [CONDITION_STEP_RECLAIM] = "reclaim",
        [CONDITION_STEP_FIREWALLS] = "firewalls",
        [CONDITION_STEP_PLAN] = "plan",
        [CONDITION_STEP_TAG_PRIMARY] = "tag-primary",
        [CONDITION_STEP_ORPHANS] = "orphans",
        [CONDITION_GROW] = "grow",
        [CONDITION_SHRINK] = "shrink",
        [CONDITION_ENI_FULL] = "full",
        [CONDITION_ENI_TAG] = "eni-tag",
        [CONDITION_ENI_LINK] = "eni-link",
        [CONDITION_ENI_TAKE_IN] = "take-in",
        [CONDITION_ATTACH_REFUSED] = "attach-refused",
        [CONDITION_TOKEN_NOT_SHOWN] = "token-not-shown",
        [CONDITION_FIREWALL] = "firewall",
        [CONDITION_POD_ROUTE] = "pod-route",
        [CONDITION_OCCUPIED] = "occupied",
        [CONDITION_MAIN_ROUTE] = "main-route",
};

static const enum condition_class classes[_CONDITION_KIND_MAX] = {
        [CONDITION_RESYNC... CONDITION_LEARN_SUBNET] = CONDITION_CLASS_BACK_OFF,
        [CONDITION_STEP_STORE... CONDITION_STEP_ORPHANS] = CONDITION_CLASS_STEP,
        [CONDITION_GROW... CONDITION_SHRINK] = CONDITION_CLASS_PLAN,
        [CONDITION_ENI_FULL... CONDITION_ENI_TAKE_IN] = CONDITION_CLASS_ENI,
        [CONDITION_ATTACH_REFUSED... CONDITION_TOKEN_NOT_SHOWN] = CONDITION_CLASS_COUNT,
        [CONDITION_FIREWALL... CONDITION_MAIN_ROUTE] = CONDITION_CLASS_WARNING,
};

const char *const condition_cause_names[_CONDITION_CAUSE_MAX] = {
        EC2_FAILURE_NAMES(CAUSE_),
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

DEFINE_TO_STRING(condition_kind)

DEFINE_TO_STRING(condition_cause)

DEFINE_PARSE(condition_kind)

DEFINE_PARSE(condition_cause)

enum condition_class condition_class(enum condition_kind kind)
{
        assert((unsigned)kind < _CONDITION_KIND_MAX);
        assert(classes[kind]);
        return classes[kind];
}
