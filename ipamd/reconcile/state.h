// SPDX-License-Identifier: Apache-2.0
/* Inside the reconciler: its state and its steps. Everything here belongs to its thread, but for `wake`. */
#ifndef IPAMD_RECONCILE_STATE_H
#define IPAMD_RECONCILE_STATE_H

#include <pthread.h>

#include <vpcwire/addr.h>
#include <vpcwire/ipam.h>

#include "cloud/credentials.h"
#include "cloud/ec2.h"
#include "cloud/http.h"
#include "cloud/imds.h"
#include "metrics/metrics.h"
#include "node/sync.h"
#include "reconcile/outcome.h"
#include "reconcile/reconcile.h"

enum {
        ROUND_RETRY_MS = 2000, /* after a round that failed as a whole */
        LOOK_SETTLE_MS =
                30 * 1000, /* an absence in EC2 must last this long, over two looks, to be believed */
        LOOK_AFTER_START_MS = 5 * 1000, /* with a valid database the first look waits until we serve */
        CHANGES_PERIOD_MS = 20 * 1000, /* and up to a quarter more: what changed in IMDS counts within 30 s */
        VPC_CIDRS_GONE_MS = 5 * 60 * 1000, /* one that IMDS does not show any more counts for so long */
        STUCK_MS = 60 * 1000, /* how long "the pool cannot grow" stands where the plan names no time */
        LOOK_YIELDS_MS =
                120 * 1000, /* how long a look that is due lets calls go first that an ADD waits for */
        NETWORK_PERIOD_MS =
                60 * 1000, /* the host's network is looked at this often even if no notification came */
        PODS_PERIOD_MS = 60 * 1000,    /* the same for the pods' links */
        PODS_SETTLE_MS = 500,          /* a DEL removes the link first and releases then: give it time */
        RESERVED_GRACE_MS = 30 * 1000, /* a reserved lease's link may not be there yet */
        ROUNDS_WITHOUT_PAUSE_MAX =
                64, /* more in a row than any real work takes: a bug, and a pause instead of a storm */
        MAX_ENIS_SEEN_MS = 5 * 60 * 1000, /* how long EC2's word on the number of ENIs stands */
        ATTACH_ATTEMPTS_MAX = 5,          /* then the ENI is given up and deleted */
        TOKEN_LOOKS_MAX = 6,              /* for the ENI that a client token made; then the row is given up */
        SUBNETS_PERIOD_MS = 10 * 60 * 1000, /* other subnets are asked for no more often */
        ENI_FULL_MS = 10 * 60 * 1000,       /* an ENI that EC2 calls full is not filled for so long */
        BLOCKED_FORGET_MS =
                15 * 60 * 1000, /* after it ended, a block and its count of attempts are forgotten */
        SUSPECTS_MAX = 4096,
        LINK_COMES_MS =
                2 * 60 * 1000, /* an ENI's link appears within this after its attach, on EC2's slow days */
        LINK_LOOK_MS =
                5 * 1000, /* between two looks for the sake of a missing link; twice as long each time, ... */
        LINK_LOOK_MAX_MS = 10 * 60 * 1000, /* ... but no longer than this */
        TAG_AGAIN_MS = 60 * 60 * 1000,     /* EC2 refused to tag the primary ENI: it is not asked before */
        TOLD_MS = 24 * 60 * 60 *
                  1000, /* how long a look's word stands that the next look says again, or takes back */
        FIREWALL_PERIOD_MS = 60 * 1000, /* other people's firewalls are looked at */
        FIREWALL_SETTLE_MS = 1000,      /* between two looks, however often somebody changes his chains */
        FIREWALL_MENDED_MS = 5 * 1000,  /* the same while one drops the pods' packets: the cure shows soon */
};

/* Who this node is; from IMDS, or from the database while IMDS does not answer. */
struct identity {
        bool known;
        char instance_id[EC2_ID_BYTES], instance_type[64], zone[64], region[64];
        char eni_id[EC2_ID_BYTES], subnet_id[EC2_ID_BYTES], vpc_id[EC2_ID_BYTES];
        struct mac mac;
        struct ip primary_address;
        struct prefix subnet_cidr;
        struct prefix *vpc_cidrs;
        size_t n_vpc_cidrs;
        char **groups;
        size_t n_groups;
};

/* A subnet beside the node's own in which ENIs may be made. */
struct subnet {
        char id[EC2_ID_BYTES];
        struct prefix cidr;
        unsigned available; /* addresses, as EC2 counted them; less what we took since */
};

/* Something of ours that the last look did not show. */
struct suspect {
        char name[EC2_ID_BYTES]; /* an address or an ENI id */
        int64_t since_ms;
        bool absent_now; /* scratch of one look */
};

/* An ENI of ours and its security groups. */
struct grouped {
        char eni_id[EC2_ID_BYTES];
        char *groups; /* ids in order, a space between two */
};

/* An address of an ENI that nobody gets, because somebody on the host has it. */
struct withheld {
        struct ip ip;
        int64_t eni_key;
};

/* What is being found out for somebody who asked; nothing is: arena is NULL. */
struct probe {
        struct arena *arena;
        struct ipam_probe_reply reply; /* so far: one permission after the other */
        int64_t deadline_ms;
        const char *stopped; /* why EC2 is asked no further; NULL: it is */
};

struct reconcile {
        struct arena *arena; /* as long as the reconciler: what the profile adds to the options */
        struct reconcile_options options;
        struct reconcile_settings settings; /* the thread's copy */
        struct http_brake brake;
        struct store *store;
        struct imds *imds;
        struct credentials *credentials;
        struct ec2 *ec2; /* NULL until the region is known */
        struct node *node;
        struct netlink *netlink; /* for looking at links of ENIs that leave */

        struct identity identity;
        struct plan_limits limits;       /* zero until known */
        int64_t changes_due_ms;          /* IMDS is asked again for what may change */
        int64_t vpc_cidrs_less_since_ms; /* since when IMDS shows not all that we know; 0: it does */
        int64_t look_due_ms;
        bool look_first;      /* nothing is offered before a look, and no call goes before it */
        int64_t looked_ms;    /* the last full look that EC2 answered; 0: none yet */
        int64_t sweep_due_ms; /* lost ENIs are looked for; 0: never */
        int64_t surplus_since_ms;
        unsigned max_enis_seen;    /* EC2 refused to attach more than this; 0: it never did */
        int64_t max_enis_seen_ms;  /* when it said so */
        bool network_due;          /* the host's network must be looked at */
        int64_t network_due_ms;    /* ... at this time in any case */
        bool pod_routes_failed;    /* the last sync could not set some of the pods' */
        int64_t pods_due_ms;       /* the pods' links are looked at */
        int64_t firewall_seen_ms;  /* the last look at other people's firewalls */
        int64_t firewall_due_ms;   /* the next one */
        struct withheld *withheld; /* as the last sync of the host's network saw it */
        size_t n_withheld;
        struct suspect *suspects;
        size_t n_suspects;
        bool primary_untagged;          /* the last look showed the primary ENI without the instance's tag */
        int64_t tag_not_before_ms;      /* EC2 refused to tag it */
        bool unlearned;                 /* the last look showed an ENI of ours that could not be taken in */
        char *unreadable;               /* what was told of items that no look could read; NULL: nothing */
        char (*unmarked)[EC2_ID_BYTES]; /* ENIs that the last look showed without delete-on-termination */
        size_t n_unmarked;
        struct grouped *grouped; /* our secondary ENIs, as EC2 showed them last */
        size_t n_grouped;
        struct subnet *subnets; /* the one with the most free addresses first */
        size_t n_subnets;
        int64_t subnets_due_ms; /* EC2 may be asked for them again */
        bool probe_wanted;      /* somebody asked */
        struct probe probe;
        struct {
                bool credentials_failing, clock_wrong;
        } told;          /* in the log, and not taken back since */
        uint64_t random; /* of the jitter; seeded once */
        struct {
                bool pending;               /* rows of aws-vpc-cni's are to be taken over */
                bool tidy;                  /* what it left in the kernel is to be removed */
                bool tidy_legacy;           /* ... and in iptables-legacy ... */
                int64_t tidy_legacy_due_ms; /* ... not before */
                enum err_code told;         /* why that could not be; ERR_NONE: nothing is told */
                int64_t deadline_ms;        /* a row whose pod was not seen by then has none */
        } takeover;

        struct {
                pthread_t thread;
                pthread_mutex_t mutex;
                pthread_cond_t cond;
                unsigned why; /* enum reconcile_why */
                bool started, stop, fresh_settings;
                struct reconcile_settings settings;
        } wake;
};

/* One round's scratch: an arena, the time it began, and what it read from the store. */
struct round {
        struct arena *arena;
        int64_t now_ms;
        struct store_eni *enis;
        bool *link_present; /* of each ENI, in the kernel */
        size_t n_enis;
        struct store_blocked *blocked;
        size_t n_blocked;
        struct store_counts counts;
        struct outcome so_far; /* of the steps and acts before */
};

/* identity.c: learns who we are and what the instance type allows. ERR_AGAIN while that is not known. */
int identity_learn(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);
void identity_done(struct identity *identity);
void identity_set_vpc_cidrs(struct identity *identity, const struct prefix *cidrs, size_t n);
void identity_set_groups(struct identity *identity, const char *const *groups, size_t n);

/* identity_changes.c. A failure keeps what was known. */
void identity_follow_changes(struct reconcile *r, struct round *round, struct outcome *out);
void identity_changes_later(struct reconcile *r, const struct round *round);

/* identity_facts.c. *ret_found is false where nothing is stored; limits stay as they are then. */
int identity_save(struct store *store, const struct identity *identity, struct err *err);
int identity_load(struct store *store, struct arena *arena, struct identity *ret, bool *ret_found,
                  struct err *err);
int limits_save(struct store *store, const struct plan_limits *limits, struct err *err);
int limits_load(struct store *store, struct arena *arena, struct plan_limits *ret, struct err *err);

/* observe.c: reads the store into the round. */
int observe_store(struct reconcile *r, struct round *round, struct err *err);
struct store_eni *observe_eni(struct round *round, int64_t key);

/* network.c: the host's network as it should be, and what follows from it in the store. */
int network_sync(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);
/* network_tell.c: what a sync found that it could not, or should not in silence, put right. */
int network_tell(struct reconcile *r, struct round *round, const struct node_report *report,
                 struct outcome *out, struct err *err);
/* withhold.c: what a sync found occupied is withheld, and nothing else is. addresses: of the books. */
int withhold_occupied(struct reconcile *r, struct round *round, const struct node_report *report,
                      const struct store_address *addresses, size_t n, struct outcome *out, struct err *err);
bool withhold_has(const struct reconcile *r, struct ip ip);
/* How many of the ENI's preparing addresses are withheld: they are not on their way to become free. */
unsigned withhold_count(const struct reconcile *r, const struct store_eni *eni);
/* reclaim.c: leases whose pods are gone. */
int network_reclaim(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);
/* What is looked for in the kernel; it points into the lease. */
struct pod_sought reclaim_pod_of(const struct store_lease *lease);

/* tag.c: the instance's tag on the primary ENI. A look sees whether it is there; each round may ask for it. */
void tag_see(struct reconcile *r, const struct ec2_eni *eni);
int tag_primary(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

/* tell.c: notes beside the other blocked things why the pool stays as it is. */
int tell_plan(struct reconcile *r, struct round *round, const struct plan *plan, struct outcome *out,
              struct err *err);

/* missing_link.c: whether the link of an attached ENI is in the kernel, as the last sync saw it. */
int missing_link_see(struct reconcile *r, struct round *round, const struct store_eni *eni, bool present,
                     struct outcome *out, struct err *err);

/* takeover.c: pods of aws-vpc-cni become ours. */
int takeover_start(struct reconcile *r, struct outcome *out, struct err *err);
int takeover_step(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);
/* firewall.c: other people's firewalls. */
int firewall_watch(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

/* look.c: a full look at EC2, and the store brought up to it. */
int look_at_ec2(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

/* mark.c: delete-on-termination of ENIs in use. A look forgets and sees; mark_repeat() is tried in each round. */
void mark_forget(struct reconcile *r);
void mark_see(struct reconcile *r, const struct ec2_eni *eni, bool ours);
int mark_repeat(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

/*
 * groups.c: security groups of our secondary ENIs follow the primary one's. What EC2 shows of an ENI anyway is seen; a look forgets
 * first. groups_follow() is tried in each round, and makes no call while they are the same.
 */
void groups_forget(struct reconcile *r);
void groups_see(struct reconcile *r, const struct ec2_eni *eni);
int groups_follow(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

/* subnets.c. NULL: not known, or the node's own. */
struct subnet *subnets_find(struct reconcile *r, const char *id);
/*
 * The CIDR (for the gateway) of the subnet of an ENI that the books do not know yet. 1: known now; 0: EC2 does not say, and
 * *ret_again_ms becomes the time at which it may be asked again.
 */
int subnets_learn(struct reconcile *r, struct round *round, struct store_eni *eni, int64_t *ret_again_ms,
                  struct outcome *out, struct err *err);
/* Whether the tags, the place and the free addresses of a subnet allow ENIs of this node in it. cluster may be NULL. */
bool subnets_may_use(const struct identity *identity, const char *cluster, const struct ec2_subnet *subnet);

/* view.c: the planner's inputs. */
void view_make(struct reconcile *r, struct round *round, struct plan_view *ret);

/* act.c: carries out one action of the plan. A failure that is EC2's is written down as blocked, and no error here. */
int act(struct reconcile *r, struct round *round, const struct plan_action *action, struct outcome *out,
        struct err *err);
/* Repeats an unassign whose outcome is unknown, for every ENI that has leaving addresses and is not leaving itself. */
int act_finish_unassigns(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

/*
 * blocked.c: an EC2 call failed, with this result and for this cause. Writes down that (action, subject) is not tried again
 * before a time that follows from the class and the number of attempts, and logs it.
 */
int blocked_after_failure(struct reconcile *r, struct round *round, const char *action, const char *subject,
                          const struct ec2_result *result, const struct err *cause, struct outcome *out,
                          struct err *err);
int blocked_until(struct reconcile *r, struct round *round, const char *action, const char *subject,
                  int64_t until_ms, const char *reason, struct outcome *out, struct err *err);
/* A word for people, until then or until it is taken back: nothing is tried at that time. */
int blocked_say(struct reconcile *r, struct round *round, const char *action, const char *subject,
                int64_t until_ms, const char *reason, struct outcome *out, struct err *err);
int blocked_clear(struct reconcile *r, struct round *round, const char *action, const char *subject,
                  struct err *err);
const struct store_blocked *blocked_find(const struct round *round, const char *action, const char *subject);
/* The block that says: EC2 takes no more addresses for this ENI, whatever the instance type's limits are. */
#define BLOCKED_FULL "full"
bool blocked_now(const struct round *round, const char *action, const char *subject);

/*
 * warn.c: the warnings of this action (one of store_is_warning()) are exactly these from now on, each told when it is new.
 * They stand until until_ms, unless they are seen again before.
 */
struct warning {
        const char *subject, *reason;
};
int warn_exactly(struct reconcile *r, struct round *round, const char *action, const struct warning *warnings,
                 size_t n, int64_t until_ms, struct outcome *out, struct err *err);

/* denied.c: tells a change of a permission once. As count_ec2_call(). */
void denied_observe(void *data, const char *action, const struct ec2_result *result, const char *why);
/* Whether the last call of this action that says something of permissions was refused. */
int denied_known(struct reconcile *r, struct arena *arena, const char *action, bool *ret, struct err *err);

/* probe.c: goes on with what somebody asked for, if somebody did; also after a round that failed. */
void probe_run(struct reconcile *r, struct round *round, struct outcome *out);
void probe_forget(struct reconcile *r);
/* What was denied in the life before is still so, until EC2 says else: into the metrics. */
void denied_recall(struct reconcile *r);

/* count.c: the observer of a struct ec2; data is the reconciler. */
void count_ec2_call(void *data, const char *action, const struct ec2_result *result, const char *why);
void count_plan(struct reconcile *r, const struct plan *plan);
/* Around one action of the plan. */
void count_action(struct reconcile *r, enum plan_action_kind kind, bool begins);
void count_repairs(struct reconcile *r, const struct node_repairs *repaired);
/* At the end of a round: what the reconciler knows and the books do not. */
void count_round(struct reconcile *r);

/* health.c: what the credentials say of themselves and of the clock goes to the log, once each. */
void health_tell(struct reconcile *r);

/* thread.c */
uint64_t reconcile_random(struct reconcile *r);
/* Someone broke the host's network while EC2 kept us waiting (that is healed before the next call), or the thread shall end. */
bool network_is_wanted(struct reconcile *r);

#endif
