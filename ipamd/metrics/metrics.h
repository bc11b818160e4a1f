// SPDX-License-Identifier: Apache-2.0
/*
 * What the daemon counts, in one table (metrics_table.c): name, type, meaning, labels. Every label has a fixed list of
 * values, so the number of series is known when the program is built; a value that is not in the list counts as "other".
 *
 * Both threads count: each number is an atomic of its own, nobody waits for anybody. A reader may see one number of a round
 * and not yet another. Counting into NULL is fine, and does nothing.
 */
#ifndef IPAMD_METRICS_METRICS_H
#define IPAMD_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/mem.h>

enum metric {
        /* counters: pods */
        METRIC_REQUESTS,
        METRIC_STAGE_SECONDS,
        METRIC_AWSCNI_ADD_REQUESTS,
        METRIC_AWSCNI_DEL_REQUESTS,
        METRIC_AWSCNI_NO_ADDRESS,
        METRIC_ORPHANS,
        /* counters: EC2 */
        METRIC_EC2_CALLS,
        METRIC_EC2_SECONDS,
        METRIC_EC2_DRY_RUNS,
        METRIC_EC2_THROTTLES,
        METRIC_EC2_PACED,
        METRIC_AWSCNI_EC2_REQUESTS,
        METRIC_AWSCNI_EC2_ERRORS,
        METRIC_AWSCNI_API_LATENCY,
        METRIC_AWSCNI_API_ERRORS,
        /* counters: the node */
        METRIC_ROUNDS,
        METRIC_PASSES,
        METRIC_REPAIRS,
        METRIC_AWSCNI_ERRORS,
        METRIC_ACTIONS,
        /* gauges: the reconciler sets these */
        METRIC_EC2_DENIED,
        METRIC_EC2_PACE,
        METRIC_RESYNC_AGE,
        METRIC_CREDENTIALS_AGE,
        METRIC_CREDENTIALS_EXPIRY,
        METRIC_CREDENTIALS_FAILING,
        METRIC_POOL_TARGET,
        METRIC_POOL_MISSING,
        METRIC_POOL_SURPLUS,
        METRIC_AWSCNI_IN_PROGRESS,
        /* gauges: read from the database when they are asked for */
        METRIC_ADDRESSES,
        METRIC_LEASES,
        METRIC_WAITING,
        METRIC_READY,
        METRIC_CONFIG_RELOAD,
        METRIC_ROOM,
        METRIC_IMPAIRED,
        METRIC_BLOCKED,
        METRIC_ENIS,
        METRIC_ENIS_STUCK,
        METRIC_ENI_AGE,
        METRIC_ADDRESSES_LIMIT,
        METRIC_AWSCNI_ENI_ALLOCATED,
        METRIC_AWSCNI_ENI_MAX,
        METRIC_AWSCNI_IP_MAX,
        METRIC_AWSCNI_TOTAL_ADDRESSES,
        METRIC_AWSCNI_ASSIGNED_ADDRESSES,
        METRIC_STARTED,
        _METRIC_MAX,
};

/* aws-vpc-cni's names of what goes on: the label of METRIC_AWSCNI_IN_PROGRESS. */
enum metric_operation {
        METRIC_OPERATION_INCREASE,
        METRIC_OPERATION_DECREASE,
        METRIC_OPERATION_RESYNC,
        _METRIC_OPERATION_MAX,
};
extern const char *const metric_operation_names[_METRIC_OPERATION_MAX];

/* The label of METRIC_REPAIRS. */
enum metric_repair {
        METRIC_REPAIR_LINKS,
        METRIC_REPAIR_ADDRESSES,
        METRIC_REPAIR_ROUTES,
        METRIC_REPAIR_RULES,
        METRIC_REPAIR_NEIGHBOURS,
        METRIC_REPAIR_NFT,
        METRIC_REPAIR_SYSCTLS,
        _METRIC_REPAIR_MAX,
};
extern const char *const metric_repair_names[_METRIC_REPAIR_MAX];

/* Values of labels that no enum has, by metric. Some stand beside an enum's names. */
#define METRIC_GROWING        "growing" /* POOL_MISSING: it is being made good */
#define METRIC_UNREADY        "unready" /* ADDRESSES: free, on an ENI that is not ready */
#define METRIC_LOST           "lost"    /* LEASES */
#define METRIC_ROOM_AVAILABLE "available"
#define METRIC_ROOM_SOON      "soon"
#define METRIC_ROOM_NONE      "none"
#define METRIC_IN_RPC         "rpc"        /* AWSCNI_ERRORS */
#define METRIC_POD_DELETED    "PodDeleted" /* AWSCNI_DEL_REQUESTS */
#define METRIC_ORPHAN_LEASE   "lease"      /* ORPHANS */
#define METRIC_ORPHAN_ENI     "eni"
#define METRIC_PASS_ALL       "all" /* PASSES */
#define METRIC_PASS_POOL      "pool"

enum { METRIC_LABELS_MAX = 3 };

/* The values of a metric's labels, in the table's order: LABELS("add", "wait"). */
#define LABELS(...) ((const char *const[METRIC_LABELS_MAX]){__VA_ARGS__})
#define NO_LABELS   LABELS(NULL)

struct metrics;

struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics *, metrics_free)

/* A counter grows. Any thread, like the next three. */
void metrics_add(struct metrics *metrics, enum metric metric,
                 const char *const labels[static METRIC_LABELS_MAX], int64_t n);
/* A gauge is now this, in the table's unit. Of an age: the CLOCK_BOOTTIME milliseconds of its birth; 0: it has none. */
void metrics_set(struct metrics *metrics, enum metric metric,
                 const char *const labels[static METRIC_LABELS_MAX], int64_t value);
/* All series of a gauge are 0 again. */
void metrics_clear(struct metrics *metrics, enum metric metric);
/* A histogram or summary of durations, in microseconds. */
void metrics_observe(struct metrics *metrics, enum metric metric,
                     const char *const labels[static METRIC_LABELS_MAX], int64_t us);

/* One series as it stands; of histograms and summaries: how often something was observed. For tests, and for the page. */
int64_t metrics_value(const struct metrics *metrics, enum metric metric,
                      const char *const labels[static METRIC_LABELS_MAX]);

/* All of it in Prometheus' text format 0.0.4. */
void metrics_write(const struct metrics *metrics, int64_t now_ms, struct text *to);

struct metrics_label {
        const char *name, *value; /* value NULL: "" */
};

/* Lines for series that are in no table, because their labels are known only at run time (bounded by the caller). */
void metrics_write_head(struct text *to, const char *name, const char *type, const char *help);
void metrics_write_sample(struct text *to, const char *name, const char *label, const char *value,
                          int64_t number);
/* The same with n labels, at least one. */
void metrics_write_labels(struct text *to, const char *name, const struct metrics_label *labels, size_t n,
                          int64_t number);

#endif
