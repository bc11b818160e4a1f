// SPDX-License-Identifier: Apache-2.0
/*
 * The table. awscni_*: names and meanings of aws-vpc-cni, so that its dashboards go on; vpcwire_*: ours. What differs
 * from aws-vpc-cni: awscni_aws_api_error_count's `error` is the class of the failure, as vpcwire_ec2_calls_total has it.
 */
#include "metrics/metrics_table.h"

#include "model/block.h"
#include "model/condition.h"
#include "model/ec2.h"
#include "model/eni.h"
#include "model/lease.h"
#include "model/plan.h"
#include "model/request.h"

/* A label's values: the names of an enum; some of them that follow one another; or what no enum has. */
#define ALL(names)                .values = (names), .n = ARRAY_SIZE(names)
#define RANGE(names, first, last) .values = &(names)[first], .n = (last) - (first) + 1
#define VALUES(...)                                                                                          \
        .values = (const char *const[]){__VA_ARGS__}, .n = ARRAY_SIZE(((const char *const[]){__VA_ARGS__}))

#define EC2_ACTIONS   ALL(ec2_action_names)
#define EC2_CLASSES   ALL(ec2_failure_class_names)
#define HTTP_STATUSES VALUES("", "200", "400", "401", "403", "404", "413", "429", "500", "502", "503", "504")

const char *const metric_operation_names[_METRIC_OPERATION_MAX] = {
        [METRIC_OPERATION_INCREASE] = "increaseDatastorePool",
        [METRIC_OPERATION_DECREASE] = "decreaseDatastorePool",
        [METRIC_OPERATION_RESYNC] = "nodeIPPoolReconcile",
};

const char *const metric_repair_names[_METRIC_REPAIR_MAX] = {
        [METRIC_REPAIR_LINKS] = "links",           [METRIC_REPAIR_ADDRESSES] = "addresses",
        [METRIC_REPAIR_ROUTES] = "routes",         [METRIC_REPAIR_RULES] = "rules",
        [METRIC_REPAIR_NEIGHBOURS] = "neighbours", [METRIC_REPAIR_NFT] = "nft",
        [METRIC_REPAIR_SYSCTLS] = "sysctls",
};

/* Half a millisecond is what a plugin's call takes at best; two minutes is when runtimes have given up. */
static const int64_t stage_buckets_us[] = {500,     1000,     2500,     5000,      10000,
                                           25000,   50000,    100000,   250000,    1000000,
                                           5000000, 15000000, 60000000, 120000000, 0};
static const int64_t ec2_buckets_us[] = {10000,   25000,   50000,   100000,   250000, 500000,
                                         1000000, 2500000, 5000000, 10000000, 0};

const struct metric_row metric_rows[_METRIC_MAX] = {
        [METRIC_REQUESTS] = {"vpcwire_requests_total",
                             "Requests of the plugin by verb and result",
                             METRIC_KIND_COUNTER,
                             {{"verb", ALL(request_verb_names)}, {"result", ALL(request_result_names)}},
                             .sparse = true},
        [METRIC_STAGE_SECONDS] =
                {"vpcwire_request_duration_seconds",
                 "Duration of ADD, DEL and CHECK by stage: rpc (in the daemon), wait (for an address), "
                 "wire (in the plugin)",
                 METRIC_KIND_HISTOGRAM,
                 {{"verb", RANGE(request_verb_names, REQUEST_ADD, REQUEST_TIMED_LAST)},
                  {"stage", ALL(request_stage_names)}},
                 .buckets_us = stage_buckets_us,
                 .sparse = true},
        [METRIC_AWSCNI_ADD_REQUESTS] = {"awscni_add_ip_req_count", "Requests for an address",
                                        METRIC_KIND_COUNTER},
        [METRIC_AWSCNI_DEL_REQUESTS] = {"awscni_del_ip_req_count",
                                        "Requests to release an address",
                                        METRIC_KIND_COUNTER,
                                        {{"reason", VALUES(METRIC_POD_DELETED)}}},
        [METRIC_AWSCNI_NO_ADDRESS] = {"awscni_no_available_ip_addresses",
                                      "Requests for an address that failed, because none was free in time",
                                      METRIC_KIND_COUNTER},
        [METRIC_ORPHANS] = {"vpcwire_orphans_reclaimed_total",
                            "Leases of pods that are gone, and unattached ENIs missing in the database, that "
                            "were reclaimed",
                            METRIC_KIND_COUNTER,
                            {{"kind", VALUES(METRIC_ORPHAN_LEASE, METRIC_ORPHAN_ENI)}}},

        [METRIC_EC2_CALLS] = {"vpcwire_ec2_calls_total",
                              "EC2 calls by action and result: ok, or the class of the failure",
                              METRIC_KIND_COUNTER,
                              {{"action", EC2_ACTIONS}, {"class", EC2_CLASSES}},
                              .sparse = true},
        [METRIC_EC2_SECONDS] = {"vpcwire_ec2_call_duration_seconds",
                                "Duration of an EC2 call",
                                METRIC_KIND_HISTOGRAM,
                                {{"action", EC2_ACTIONS}},
                                .buckets_us = ec2_buckets_us,
                                .sparse = true},
        [METRIC_EC2_DRY_RUNS] = {"vpcwire_ec2_dry_runs_total",
                                 "Dry runs made for ipamctl doctor; they are in no other metric",
                                 METRIC_KIND_COUNTER,
                                 {{"action", EC2_ACTIONS}},
                                 .sparse = true},
        [METRIC_EC2_THROTTLES] = {"vpcwire_ec2_throttles_total",
                                  "EC2 calls that EC2 throttled (RequestLimitExceeded)", METRIC_KIND_COUNTER},
        [METRIC_EC2_PACED] = {"vpcwire_ec2_calls_delayed_total",
                              "EC2 calls delayed by the local rate limit, by step",
                              METRIC_KIND_COUNTER,
                              {{"step", ALL(condition_kind_names)}},
                              .sparse = true},
        [METRIC_AWSCNI_EC2_REQUESTS] = {"awscni_ec2api_req_count",
                                        "EC2 calls by action",
                                        METRIC_KIND_COUNTER,
                                        {{"fn", EC2_ACTIONS}},
                                        .sparse = true},
        [METRIC_AWSCNI_EC2_ERRORS] = {"awscni_ec2api_error_count",
                                      "EC2 calls that failed, by action",
                                      METRIC_KIND_COUNTER,
                                      {{"fn", EC2_ACTIONS}},
                                      .sparse = true},
        [METRIC_AWSCNI_API_LATENCY] = {"awscni_aws_api_latency_ms",
                                       "Duration of an EC2 call in milliseconds",
                                       METRIC_KIND_SUMMARY,
                                       {{"api", EC2_ACTIONS},
                                        {"error", VALUES("false", "true")},
                                        {"status", HTTP_STATUSES}},
                                       .per_unit = 1000,
                                       .sparse = true},
        [METRIC_AWSCNI_API_ERRORS] = {"awscni_aws_api_error_count",
                                      "EC2 calls that failed, by action and error",
                                      METRIC_KIND_COUNTER,
                                      {{"api", EC2_ACTIONS}, {"error", EC2_CLASSES}},
                                      .sparse = true},

        [METRIC_ROUNDS] = {"vpcwire_rounds_total", "Rounds of the reconcile loop", METRIC_KIND_COUNTER},
        [METRIC_PASSES] = {"vpcwire_host_network_passes_total",
                           "Comparisons of the host network with the database: of all of it, or of the "
                           "pool's addresses only",
                           METRIC_KIND_COUNTER,
                           {{"of", VALUES(METRIC_PASS_ALL, METRIC_PASS_POOL)}}},
        [METRIC_REPAIRS] = {"vpcwire_host_network_repairs_total",
                            "Objects of the host network that were missing or wrong and were repaired",
                            METRIC_KIND_COUNTER,
                            {{"object", ALL(metric_repair_names)}}},
        [METRIC_AWSCNI_ERRORS] = {"awscni_ipamd_error_count",
                                  "Internal errors by step",
                                  METRIC_KIND_COUNTER,
                                  {{"fn",
                                    RANGE(condition_kind_names, CONDITION_STEP_STORE, CONDITION_STEP_ORPHANS),
                                    .more = METRIC_IN_RPC}}},
        [METRIC_ACTIONS] = {"vpcwire_actions_total",
                            "Changes to the pool, made or tried, by kind",
                            METRIC_KIND_COUNTER,
                            {{"action", ALL(plan_action_kind_names)}},
                            .sparse = true},

        [METRIC_EC2_DENIED] = {"vpcwire_ec2_denied",
                               "1: EC2 denied the last call of this action: an IAM permission is missing",
                               METRIC_KIND_GAUGE,
                               {{"action", EC2_ACTIONS}}},
        [METRIC_EC2_PACE] = {"vpcwire_ec2_rate_limit_calls_per_second",
                             "Local rate limit of EC2 calls now, by class of actions",
                             METRIC_KIND_GAUGE,
                             {{"class", ALL(pace_class_names)}},
                             .per_unit = 1000000},
        [METRIC_RESYNC_AGE] = {"vpcwire_ec2_sync_age_seconds", "Time since the last sync with EC2",
                               METRIC_KIND_AGE},
        [METRIC_CREDENTIALS_AGE] = {"vpcwire_credentials_age_seconds",
                                    "Time since the AWS credentials were fetched", METRIC_KIND_AGE},
        [METRIC_CREDENTIALS_EXPIRY] = {"vpcwire_credentials_expiry_timestamp_seconds",
                                       "When the AWS credentials expire; 0: never, or there are none",
                                       METRIC_KIND_GAUGE, .per_unit = 1000},
        [METRIC_CREDENTIALS_FAILING] = {"vpcwire_credentials_failing",
                                        "1: the last try to fetch or renew the AWS credentials failed",
                                        METRIC_KIND_GAUGE},
        [METRIC_POOL_TARGET] = {"vpcwire_pool_target_addresses",
                                "Addresses that the node should have now, in use and free",
                                METRIC_KIND_GAUGE},
        [METRIC_POOL_MISSING] =
                {"vpcwire_pool_missing_addresses",
                 "Addresses missing to reach the target; counted under each reason that applies",
                 METRIC_KIND_GAUGE,
                 {{"reason", RANGE(condition_cause_names, CAUSE_OF_PLAN_FIRST, CAUSE_OF_PLAN_LAST),
                   .more = METRIC_GROWING}}},
        [METRIC_POOL_SURPLUS] = {"vpcwire_pool_surplus_addresses", "Addresses above the target",
                                 METRIC_KIND_GAUGE},
        [METRIC_AWSCNI_IN_PROGRESS] = {"awscni_ipamd_action_inprogress",
                                       "1 while this is in progress",
                                       METRIC_KIND_GAUGE,
                                       {{"fn", ALL(metric_operation_names)}}},

        [METRIC_ADDRESSES] = {"vpcwire_addresses",
                              "Addresses for pods by state; unready: free, on an ENI that is not ready yet",
                              METRIC_KIND_GAUGE,
                              {{"state", ALL(address_state_names), .more = METRIC_UNREADY}}},
        [METRIC_LEASES] = {"vpcwire_leases",
                           "Leases by state; lost: EC2 no longer assigns the address to this node",
                           METRIC_KIND_GAUGE,
                           {{"state", ALL(lease_state_names), .more = METRIC_LOST}}},
        [METRIC_WAITING] = {"vpcwire_waiting_requests", "Pods that wait for an address now",
                            METRIC_KIND_GAUGE},
        [METRIC_ROOM] =
                {"vpcwire_room",
                 "1 for the current state; available: an address is free; soon: ipamd is getting one; none: "
                 "nobody gets one until something changes (a full node is ready nevertheless)",
                 METRIC_KIND_GAUGE,
                 {{"state", VALUES(METRIC_ROOM_AVAILABLE, METRIC_ROOM_SOON, METRIC_ROOM_NONE)}}},
        [METRIC_CONFIG_RELOAD] = {"vpcwire_config_reload_success",
                                  "1: the last SIGHUP's settings are in force; 0: they were refused, the "
                                  "previous ones stay in force",
                                  METRIC_KIND_GAUGE},
        [METRIC_READY] = {"vpcwire_ready", "1: the daemon can serve pods, whether or not an address is free",
                          METRIC_KIND_GAUGE},
        [METRIC_IMPAIRED] =
                {"vpcwire_impaired",
                 "1: running pods are affected: their address is lost, or their packets are routed wrongly",
                 METRIC_KIND_GAUGE},
        [METRIC_BLOCKED] =
                {"vpcwire_blocked",
                 "Steps that failed or cannot be done now and wait for their next try, or are in it, by step",
                 METRIC_KIND_GAUGE,
                 {{"step", ALL(condition_kind_names)}},
                 .sparse = true},
        [METRIC_ENIS] = {"vpcwire_enis",
                         "ENIs that ipamd manages, by state",
                         METRIC_KIND_GAUGE,
                         {{"state", ALL(eni_state_names)}}},
        [METRIC_ENIS_STUCK] = {"vpcwire_enis_stuck",
                               "ENIs that have been in a transitional state for more than a minute",
                               METRIC_KIND_GAUGE,
                               {{"state", ALL(eni_state_names)}}},
        [METRIC_ENI_AGE] = {"vpcwire_eni_state_age_seconds",
                            "How long the oldest ENI in this transitional state has been in it",
                            METRIC_KIND_GAUGE,
                            {{"state", ALL(eni_state_names)}},
                            .per_unit = 1000},
        [METRIC_ADDRESSES_LIMIT] = {"vpcwire_addresses_limit",
                                    "Most addresses for pods that the node can have, by instance type, "
                                    "MAX_ENI, foreign ENIs and VPCWIRE_MAX_PODS",
                                    METRIC_KIND_GAUGE},
        [METRIC_AWSCNI_ENI_ALLOCATED] = {"awscni_eni_allocated", "ENIs of the pool", METRIC_KIND_GAUGE},
        [METRIC_AWSCNI_ENI_MAX] = {"awscni_eni_max", "Most ENIs that the node can have", METRIC_KIND_GAUGE},
        [METRIC_AWSCNI_IP_MAX] = {"awscni_ip_max", "Most addresses for pods that the node can have",
                                  METRIC_KIND_GAUGE},
        [METRIC_AWSCNI_TOTAL_ADDRESSES] = {"awscni_total_ip_addresses", "Addresses of the pool",
                                           METRIC_KIND_GAUGE},
        [METRIC_AWSCNI_ASSIGNED_ADDRESSES] = {"awscni_assigned_ip_addresses", "Addresses in use by pods",
                                              METRIC_KIND_GAUGE},
        [METRIC_STARTED] = {"vpcwire_start_timestamp_seconds", "When the daemon started", METRIC_KIND_GAUGE,
                            .per_unit = 1000},
};
