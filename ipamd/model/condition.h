// SPDX-License-Identifier: Apache-2.0
/*
 * A condition is what cannot be done now, or what a person must hear of. Who acts on one (alarms, Status, Events, metrics,
 * ipamctl, the page) goes by its kind and its cause; the message is for people, and nobody reads it back.
 *
 * Of one kind and object there is one condition at a time. The names stand in the database (whose CHECKs list them, so that a new
 * one is a new version of the schema), in metrics, and, with _ for -, in io.vpcwire.ipam.
 */
#ifndef IPAMD_MODEL_CONDITION_H
#define IPAMD_MODEL_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

/* What a condition is about; the object says of which subnet, ENI, address, ... */
enum condition_kind {
        /* An EC2 call failed: not made again before its time. Object: a subnet, an ENI, a client token, or "" for the node. */
        CONDITION_RESYNC,
        CONDITION_FIND_SUBNETS,
        CONDITION_CREATE,
        CONDITION_RECREATE,
        CONDITION_ATTACH,
        CONDITION_MARK, /* for deletion on termination: a step of an ENI that comes in */
        CONDITION_ASSIGN,
        CONDITION_UNASSIGN,
        CONDITION_DETACH,
        CONDITION_DELETE,
        CONDITION_MARK_AGAIN, /* the same, of one that is in use */
        CONDITION_SECURITY_GROUPS,
        CONDITION_FIND_ORPHANS,
        CONDITION_DELETE_ORPHAN,
        CONDITION_LEARN_SUBNET,
        /* A step of a reconcile failed, and the round with it. Object: "". */
        CONDITION_STEP_STORE,
        CONDITION_STEP_IDENTITY,
        CONDITION_STEP_NETWORK,
        CONDITION_STEP_TAKEOVER,
        CONDITION_STEP_RECLAIM,
        CONDITION_STEP_FIREWALLS,
        CONDITION_STEP_PLAN,
        CONDITION_STEP_TAG_PRIMARY,
        CONDITION_STEP_ORPHANS,
        /* What the planner has to say of the pool. Object: "". */
        CONDITION_GROW,   /* why it cannot grow */
        CONDITION_SHRINK, /* why an ENI that is not needed is kept */
        /* Something is the matter with an ENI; the object. */
        CONDITION_ENI_FULL, /* EC2 takes no more addresses for it, whatever the instance type's limits are */
        CONDITION_ENI_TAG, /* EC2 shows it without our tag: it gives out nothing, and its pods keep what they have */
        CONDITION_ENI_LINK,    /* it is attached, and its link is not on the node */
        CONDITION_ENI_TAKE_IN, /* EC2 shows it, and the database cannot hold it */
        /* Failures are counted, and nothing is stopped by the count itself. Object: an ENI, or a client token. */
        CONDITION_ATTACH_REFUSED,
        CONDITION_TOKEN_NOT_SHOWN,
        /* A warning stops nothing: what somebody else did to the host stands as long as it is seen. */
        CONDITION_FIREWALL,   /* somebody's firewall; object: where in it */
        CONDITION_POD_ROUTE,  /* a pod's address: its packets are led elsewhere */
        CONDITION_OCCUPIED,   /* an address that no pod gets: the host has it */
        CONDITION_MAIN_ROUTE, /* a route of table main that the pods lose by */
        _CONDITION_KIND_MAX,
};

/* What sort of thing a kind is. */
enum condition_class {
        CONDITION_CLASS_BACK_OFF = 1,
        CONDITION_CLASS_STEP,
        CONDITION_CLASS_PLAN,
        CONDITION_CLASS_ENI,
        CONDITION_CLASS_COUNT,
        CONDITION_CLASS_WARNING,
};

/* Why. */
enum condition_cause {
        /* EC2 refused: enum ec2_failure_class, in its order. */
        CAUSE_THROTTLED,
        CAUSE_TRANSIENT,
        CAUSE_TRANSPORT,
        CAUSE_CAPACITY_SUBNET,
        CAUSE_CAPACITY_ENI,
        CAUSE_CAPACITY_INSTANCE,
        CAUSE_CAPACITY_ACCOUNT,
        CAUSE_GONE,
        CAUSE_IN_USE,
        CAUSE_TOKEN_USED,
        CAUSE_DENIED,
        CAUSE_CREDENTIALS,
        CAUSE_REQUEST,
        /* EC2 was not asked, or its answer does not help. */
        CAUSE_PACED,       /* this node makes too many calls: the call was not made */
        CAUSE_NOT_SHOWN,   /* EC2 does not show what must be there */
        CAUSE_NOTHING_NEW, /* it did what was asked, and nothing came of it */
        CAUSE_STEP_FAILED, /* a step of a round: the message has the error */
        /* The planner's; of several, the one that decides what somebody must do. */
        CAUSE_UNDER_WAY,
        CAUSE_OF_PLAN_FIRST = CAUSE_UNDER_WAY, /* of a shortage, one after the other */
        CAUSE_ASSIGN_BLOCKED,
        CAUSE_CREATE_BLOCKED,
        CAUSE_ENI_LEAVING, /* no place for another ENI, until one that is on its way out is gone */
        CAUSE_ENI_LIMIT,   /* no place for another ENI */
        CAUSE_POD_LIMIT,
        CAUSE_TYPE_LIMIT, /* the instance type takes no addresses for pods */
        CAUSE_COOLING,
        CAUSE_NODE_UNKNOWN,
        CAUSE_OF_PLAN_LAST = CAUSE_NODE_UNKNOWN,
        CAUSE_PUBLIC_ADDRESS, /* somebody put an Elastic IP on the ENI */
        /* An ENI. */
        CAUSE_TAG_MISSING,
        CAUSE_LINK_MISSING,
        CAUSE_DOES_NOT_FIT, /* what EC2 shows breaks a rule of the database */
        /* The host. */
        CAUSE_FIREWALL_DROPS,
        CAUSE_ROUTE_MISLED, /* a pod's route leads to another link */
        CAUSE_ROUTE_FAILED, /* it cannot be set */
        CAUSE_HOST_HAS_ADDRESS,
        CAUSE_NO_LEASE, /* the address is routed to a link, and is nobody's */
        CAUSE_ROUTE_STRAYED,
        CAUSE_NO_DEFAULT_ROUTE,
        _CONDITION_CAUSE_MAX,
};

struct condition {
        enum condition_kind kind;
        const char *object;
        enum condition_cause cause;
        const char *
                message; /* of an EC2 call that failed: EC2's text; else what is wrong. Said to people by words.h */
        unsigned attempts; /* 0: nothing is tried at the time */
        int64_t retry_at_ms; /* CLOCK_BOOTTIME: not tried again before; or it stands until then, unless seen again */
};

extern const char *const condition_kind_names[_CONDITION_KIND_MAX];
extern const char *const condition_cause_names[_CONDITION_CAUSE_MAX];
const char *condition_kind_to_string(enum condition_kind kind);
const char *condition_cause_to_string(enum condition_cause cause);
/* Of a name that is one of theirs (the database's CHECKs). */
enum condition_kind condition_kind_parse(const char *name);
enum condition_cause condition_cause_parse(const char *name);
enum condition_class condition_class(enum condition_kind kind);

/*
 * looked_ms: when the last look of the reconciler that is over began. What failed stands until it has been tried again: while the call
 * is under way, even for the ten seconds of one that hangs, nothing has changed. A look that began after its time and is over has tried
 * again, found no more need, or could not.
 */
static inline bool condition_is_over(const struct condition *condition, int64_t now_ms, int64_t looked_ms)
{
        return condition->retry_at_ms <= now_ms &&
               (!condition->attempts || condition->retry_at_ms <= looked_ms);
}

#endif
