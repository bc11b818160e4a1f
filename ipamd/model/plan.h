// SPDX-License-Identifier: Apache-2.0
/* What a plan (plan/plan.h) can have the reconciler do. The names stand in metrics and in the log. */
#ifndef IPAMD_MODEL_PLAN_H
#define IPAMD_MODEL_PLAN_H

enum plan_action_kind {
        PLAN_RESYNC,       /* ask EC2 what we have: due, or something is in doubt */
        PLAN_FIND_SUBNETS, /* ask EC2 for other subnets that may be used */
        PLAN_CREATE,       /* a new ENI with `count` secondary addresses at device_index, in subnet_id */
        PLAN_RECREATE,     /* repeat the create call of `key` with its token */
        PLAN_ATTACH,
        PLAN_MARK,     /* for deletion on termination */
        PLAN_ASSIGN,   /* `count` addresses to `key` */
        PLAN_UNASSIGN, /* up to `count` free addresses of `key` */
        PLAN_DRAIN,
        PLAN_UNDRAIN,
        PLAN_DETACH, /* draining and empty, or detaching again */
        PLAN_DELETE,
        _PLAN_ACTION_MAX,
};
extern const char *const plan_action_kind_names[_PLAN_ACTION_MAX];
const char *plan_action_kind_to_string(enum plan_action_kind kind);

/* The names of all that EC2 is called for. A call that is put off (condition.h) has the same one as its kind. */
#define PLAN_CALL_NAMES(prefix)                                                                              \
        [prefix##RESYNC] = "resync", [prefix##FIND_SUBNETS] = "find-subnets", [prefix##CREATE] = "create",   \
        [prefix##RECREATE] = "recreate", [prefix##ATTACH] = "attach",                                        \
        [prefix##MARK] = "mark-delete-on-termination", [prefix##ASSIGN] = "assign",                          \
        [prefix##UNASSIGN] = "unassign", [prefix##DETACH] = "detach", [prefix##DELETE] = "delete"

#endif
