// SPDX-License-Identifier: Apache-2.0
/* What the server is given: when it is made, and later about the node. Plain data. */
#ifndef IPAMD_RPC_OPTIONS_H
#define IPAMD_RPC_OPTIONS_H

#include <stdint.h>

#include <vpcwire/ipam.h>
#include <vpcwire/log.h>

#include "model/targets.h"

struct metrics;
struct store;

enum {
        RPC_CONNECTIONS_MAX = 256,
        RPC_IDLE_MS = 30 * 1000,
        RPC_PROBE_PERIOD_MS = 60 * 1000, /* the last answer to Probe is given again for so long */
};

/* What comes from the daemon's settings: anew whenever they are read. */
struct rpc_settings {
        const char *node_name; /* as Kubernetes knows it; NULL: not set. Stays the caller's */
        struct pool_targets targets;
        int64_t cooldown_ms;
        unsigned mtu;                /* of pods; never 0 */
        const struct egress *egress; /* these stay the caller's, too */
        const char *veth_prefix;
        unsigned eni_mtu; /* 0: left as it is */
        bool block_imds;
        enum log_level log_level;            /* as configured; what is in force may differ */
        const struct ipam_warning *warnings; /* about settings; stay the caller's until others are set */
        size_t n_warnings;
};

struct rpc_options {
        const char *socket_path;
        struct store *store;          /* the loop's connection; borrowed, must outlive the server */
        struct metrics *metrics;      /* what is counted; borrowed, may be NULL */
        struct rpc_settings settings; /* at first */
        void (*wake)(
                void *data); /* the pool was drawn, or somebody waits: the planner should look. Must not wait */
        void *wake_data;
        /* The VPC's CIDRs as they are known now, in the arena; NULL: nobody knows. Must not wait. */
        int (*vpc_cidrs)(void *data, struct arena *arena, const struct prefix **ret, size_t *ret_n,
                         struct err *err);
        void *vpc_cidrs_data;
        void (*probe)(
                void *data); /* somebody wants to know what is in reach; the answer is STORE_FACT_PROBE, and
                                      rpc_pool_changed(). NULL: nobody can. Must not wait */
        void *probe_data;
        /* When the last look of the reconciler that is over began (CLOCK_BOOTTIME; 0: none is). NULL: always now. */
        int64_t (*looked_ms)(void *data);
        void *looked_data;
        const char *version;      /* NULL: the build's */
        unsigned connections_max; /* 0: RPC_CONNECTIONS_MAX */
        int64_t idle_ms;          /* 0: RPC_IDLE_MS. Of a connection that completes no call */
        int64_t add_timeout_ms;   /* 0: IPAM_ADD_TIMEOUT_MS. Of an ADD that names none */
};

/* What the node is, once known; for Status and for reasons. */
struct rpc_node {
        struct ipam_node node;
        int64_t max_enis;          /* of the instance type, or MAX_ENI; 0: not known */
        int64_t addresses_per_eni; /* secondary ones; 0: not known */
};

#endif
