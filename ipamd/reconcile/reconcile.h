// SPDX-License-Identifier: Apache-2.0
/*
 * The reconciler: a thread of plain sequential code that makes the node's ENIs, addresses and host network what they
 * should be. A round is observe (store, IMDS, the kernel, which is repaired where it is seen) -> plan (pure) -> act (EC2; a
 * look at it, too, which the next round plans on). A round never sleeps: what is not ready yet is simply still there in the
 * next one. Rounds are started by need (reconcile_wake) or by a time that the last round named.
 *
 * It shares with the loop the database, a wake-up in each direction, and its settings.
 */
#ifndef IPAMD_RECONCILE_RECONCILE_H
#define IPAMD_RECONCILE_RECONCILE_H

#include <vpcwire/err.h>
#include <vpcwire/ipam.h>

#include "model/egress.h"
#include "model/tag.h"
#include "model/targets.h"
#include "plan/plan.h"
#include "store/store.h"

struct calls;
struct metrics;
struct node_ports;
struct reconcile;

/* Facts "<this>/<EC2 action>": how EC2 refused it for want of a permission; "" or none: it is allowed. */
#define RECONCILE_FACT_DENIED "ec2-denied"

/* What may change while the daemon runs (SIGHUP). */
struct reconcile_settings {
        struct pool_targets targets;
        int64_t cooldown_ms;
        int64_t orphan_grace_ms; /* how long a lease's host link must be missing before the lease is reclaimed */
        int64_t resync_period_ms; /* between two resyncs */
        bool block_imds;          /* pods cannot reach the instance metadata service */
        struct egress egress;
};

struct reconcile_options {
        struct store_options store;
        struct metrics *metrics; /* what is counted, and ... */
        struct calls *calls;     /* ... the EC2 calls, for who looks; both borrowed, may be NULL */
        struct reconcile_settings settings;
        const char *imds_endpoint; /* NULL: the link-local one */
        bool imds_ipv6;            /* ... by IPv6 */
        const char *ec2_endpoint;  /* NULL: EC2's own for the region */
        const char *sts_endpoint;  /* NULL: STS's own for the region */
        bool use_fips, use_dualstack;
        const char *ca_file; /* NULL: the system's certificates */
        const char *region;  /* NULL: from IMDS */
        unsigned http_timeout_ms;
        unsigned eni_mtu;
        const char *veth_prefix;
        const char *cluster_name;   /* NULL: none */
        bool finds_subnets;         /* ENABLE_SUBNET_DISCOVERY */
        const struct ec2_tag *tags; /* ADDITIONAL_ENI_TAGS */
        size_t n_tags;
        const char *backing_store; /* aws-vpc-cni's file: where it is, the kernel may have more of it */
        const char *xtables_lock;  /* the lock file of iptables-legacy */
        /* Called on the reconciler's thread whenever the pool changed: a pending ADD may be served now. */
        void (*changed)(void *data);
        void *changed_data;
};

/* Opens what the thread needs and starts it. Strings of the options are borrowed until reconcile_stop(). */
int reconcile_start(const struct reconcile_options *options, struct reconcile **ret, struct err *err);

/* Ends the round that runs (an EC2 call is waited for, at most its deadline) and the thread. NULL is fine. */
struct reconcile *reconcile_stop(struct reconcile *reconcile);
DEFINE_CLEANUP(struct reconcile *, reconcile_stop)

enum reconcile_why {
        RECONCILE_POOL = 1 << 0,     /* an address was taken or given back, or somebody waits */
        RECONCILE_NETWORK = 1 << 1,  /* the host's network was touched: compare and repair */
        RECONCILE_PODS = 1 << 2,     /* a pod's link went away */
        RECONCILE_FIREWALL = 1 << 3, /* somebody's firewall drops what is forwarded */
        RECONCILE_PROBE = 1 << 4,    /* somebody wants to know what AWS lets us do */
};

/* Any thread: something happened (a mask of enum reconcile_why); look again now. */
void reconcile_wake(struct reconcile *reconcile, unsigned why);

/* Any thread: new settings, from the next round on. */
void reconcile_set(struct reconcile *reconcile, const struct reconcile_settings *settings);

/*
 * Any thread: when the last round that failed or left nothing to do at once began (CLOCK_BOOTTIME); 0 before the first: what was known
 * before a restart stands. What it decided is in the store.
 */
int64_t reconcile_looked_ms(const struct reconcile *reconcile);

/* For node_monitor_open(): the reconciler's own changes of the network are no news. */
struct node_ports reconcile_ports(const struct reconcile *reconcile);

/* What the reconciler has learnt of the node and written down. */
struct reconcile_node {
        const char *instance_id, *instance_type, *zone, *region, *vpc_id, *subnet_id;
        struct ip primary_address;
        const struct prefix *vpc_cidrs;
        size_t n_vpc_cidrs;
        struct plan_limits limits; /* zero until known */
};

/* Any thread, with its own store; in the arena. *ret_known is false, and *ret untouched, until it is. */
int reconcile_read_node(struct store *store, struct arena *arena, bool *ret_known, struct reconcile_node *ret,
                        struct err *err);

#endif
