// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/ipam.h>
#include <vpcwire/varlink.h>

/* A string that must be there and say something; one that may be there; a count. */
#define NEEDED(struct_, member_, limit_)                                                                     \
        JSONX_FIELD(struct_, member_, JSONX_STRING, .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY,               \
                    .limit = (limit_))
#define WANTED(struct_, member_)          JSONX_FIELD(struct_, member_, JSONX_STRING, .flags = JSONX_REQUIRED)
#define OPTIONAL(struct_, member_)        JSONX_FIELD(struct_, member_, JSONX_STRING)
#define LIMITED(struct_, member_, limit_) JSONX_FIELD(struct_, member_, JSONX_STRING, .limit = (limit_))
#define COUNT(struct_, member_)           JSONX_FIELD(struct_, member_, JSONX_INT)
#define TARGET(struct_, member_)          JSONX_FIELD(struct_, member_, JSONX_INT, .flags = JSONX_NEGATIVE_UNSET)
#define FLAG(struct_, member_)            JSONX_FIELD(struct_, member_, JSONX_BOOL)
#define IP(struct_, member_)              JSONX_FIELD(struct_, member_, JSONX_IP)
#define NEEDED_IP(struct_, member_)       JSONX_FIELD(struct_, member_, JSONX_IP, .flags = JSONX_REQUIRED)

/* The key of a lease, the same in every request that has one. */
#define KEY(struct_)                                                                                         \
        NEEDED(struct_, network, IPAM_NETWORK_BYTES_MAX),                                                    \
                NEEDED(struct_, container_id, IPAM_CONTAINER_ID_BYTES_MAX),                                  \
                NEEDED(struct_, ifname, IPAM_IFNAME_BYTES_MAX)

static const struct jsonx_field add_request_fields[] = {
        KEY(struct ipam_add_request),
        LIMITED(struct ipam_add_request, netns, IPAM_NETNS_BYTES_MAX),
        LIMITED(struct ipam_add_request, host_ifname, IPAM_IFNAME_BYTES_MAX),
        LIMITED(struct ipam_add_request, pod_namespace, IPAM_POD_NAME_BYTES_MAX),
        LIMITED(struct ipam_add_request, pod_name, IPAM_POD_NAME_BYTES_MAX),
        LIMITED(struct ipam_add_request, pod_uid, IPAM_POD_UID_BYTES_MAX),
        JSONX_FIELD(struct ipam_add_request, timeout_ms, JSONX_INT, .limit = IPAM_ADD_TIMEOUT_MS_MAX),
        FLAG(struct ipam_add_request, address_only),
        FLAG(struct ipam_add_request, host_ifname_may_differ),
        IP(struct ipam_add_request, address),
};
static const struct jsonx_field add_reply_fields[] = {
        NEEDED_IP(struct ipam_add_reply, address),
        WANTED(struct ipam_add_reply, eni_id),
        COUNT(struct ipam_add_reply, device_index),
        NEEDED_IP(struct ipam_add_reply, gateway),
        COUNT(struct ipam_add_reply, mtu),
        FLAG(struct ipam_add_reply, reused),
        OPTIONAL(struct ipam_add_reply, subnet),
        IP(struct ipam_add_reply, node_address),
        OPTIONAL(struct ipam_add_reply, host_ifname),
};
static const struct jsonx_field confirm_request_fields[] = {
        KEY(struct ipam_confirm_request),
        NEEDED_IP(struct ipam_confirm_request, address),
        COUNT(struct ipam_confirm_request, wire_us),
};
static const struct jsonx_field del_request_fields[] = {
        KEY(struct ipam_del_request),
        LIMITED(struct ipam_del_request, host_ifname, IPAM_IFNAME_BYTES_MAX),
        COUNT(struct ipam_del_request, wire_us),
};
static const struct jsonx_field del_reply_fields[] = {
        JSONX_FIELD(struct ipam_del_reply, released, JSONX_BOOL, .flags = JSONX_REQUIRED),
        IP(struct ipam_del_reply, address),
};
static const struct jsonx_field check_request_fields[] = {
        KEY(struct ipam_check_request),
        LIMITED(struct ipam_check_request, host_ifname, IPAM_IFNAME_BYTES_MAX),
        IP(struct ipam_check_request, address),
};
static const struct jsonx_field check_reply_fields[] = {
        NEEDED_IP(struct ipam_check_reply, address),
        WANTED(struct ipam_check_reply, state),
        OPTIONAL(struct ipam_check_reply, eni_id),
        COUNT(struct ipam_check_reply, device_index),
};

static const struct jsonx_field attachment_fields[] = {
        NEEDED(struct ipam_attachment, container_id, IPAM_CONTAINER_ID_BYTES_MAX),
        NEEDED(struct ipam_attachment, ifname, IPAM_IFNAME_BYTES_MAX),
};
static const struct jsonx_schema attachment_schema = JSONX_SCHEMA(struct ipam_attachment, attachment_fields);
static const struct jsonx_field gc_request_fields[] = {
        NEEDED(struct ipam_gc_request, network, IPAM_NETWORK_BYTES_MAX),
        JSONX_LIST(struct ipam_gc_request, attachments, JSONX_OBJECTS, .flags = JSONX_REQUIRED,
                   .of = &attachment_schema, .limit = IPAM_ATTACHMENTS_MAX),
};
static const struct jsonx_field released_fields[] = {
        WANTED(struct ipam_released, container_id),
        WANTED(struct ipam_released, ifname),
        IP(struct ipam_released, address),
};
static const struct jsonx_schema released_schema = JSONX_SCHEMA(struct ipam_released, released_fields);
static const struct jsonx_field gc_reply_fields[] = {
        JSONX_LIST(struct ipam_gc_reply, released, JSONX_OBJECTS, .flags = JSONX_REQUIRED,
                   .of = &released_schema),
};

static const struct jsonx_field node_fields[] = {
        OPTIONAL(struct ipam_node, instance_id), OPTIONAL(struct ipam_node, instance_type),
        OPTIONAL(struct ipam_node, region),      OPTIONAL(struct ipam_node, availability_zone),
        OPTIONAL(struct ipam_node, vpc_id),      OPTIONAL(struct ipam_node, subnet_id),
        IP(struct ipam_node, primary_address),
};
static const struct jsonx_schema node_schema = JSONX_SCHEMA(struct ipam_node, node_fields);
static const struct jsonx_field pool_fields[] = {
        COUNT(struct ipam_pool, total),     COUNT(struct ipam_pool, leased),
        COUNT(struct ipam_pool, free),      COUNT(struct ipam_pool, cooling),
        COUNT(struct ipam_pool, preparing), COUNT(struct ipam_pool, leaving),
        COUNT(struct ipam_pool, lost),      COUNT(struct ipam_pool, waiting),
};
static const struct jsonx_schema pool_schema = JSONX_SCHEMA(struct ipam_pool, pool_fields);
static const struct jsonx_field targets_fields[] = {
        TARGET(struct ipam_targets, warm_eni),   TARGET(struct ipam_targets, warm_ip),
        TARGET(struct ipam_targets, minimum_ip), TARGET(struct ipam_targets, max_eni),
        TARGET(struct ipam_targets, max_pods),   COUNT(struct ipam_targets, cooldown_ms),
};
static const struct jsonx_schema targets_schema = JSONX_SCHEMA(struct ipam_targets, targets_fields);
static const struct jsonx_field blocked_fields[] = {
        WANTED(struct ipam_blocked, action),
        WANTED(struct ipam_blocked, subject),
        WANTED(struct ipam_blocked, reason),
        COUNT(struct ipam_blocked, until_ms),
};
static const struct jsonx_schema blocked_schema = JSONX_SCHEMA(struct ipam_blocked, blocked_fields);
static const struct jsonx_field warning_fields[] = {
        WANTED(struct ipam_warning, subject),
        WANTED(struct ipam_warning, reason),
        FLAG(struct ipam_warning, setting),
};
static const struct jsonx_schema warning_schema = JSONX_SCHEMA(struct ipam_warning, warning_fields);
static const struct jsonx_field status_reply_fields[] = {
        JSONX_FIELD(struct ipam_status_reply, ready, JSONX_BOOL, .flags = JSONX_REQUIRED),
        OPTIONAL(struct ipam_status_reply, reason),
        OPTIONAL(struct ipam_status_reply, waiting_reason),
        FLAG(struct ipam_status_reply, exhausted),
        FLAG(struct ipam_status_reply, set_up),
        FLAG(struct ipam_status_reply, impaired),
        OPTIONAL(struct ipam_status_reply, impaired_reason),
        OPTIONAL(struct ipam_status_reply, version),
        COUNT(struct ipam_status_reply, booted_ms),
        COUNT(struct ipam_status_reply, started_ms),
        JSONX_FIELD(struct ipam_status_reply, node, JSONX_OBJECT, .of = &node_schema),
        JSONX_FIELD(struct ipam_status_reply, pool, JSONX_OBJECT, .of = &pool_schema),
        JSONX_FIELD(struct ipam_status_reply, targets, JSONX_OBJECT, .of = &targets_schema),
        COUNT(struct ipam_status_reply, enis),
        COUNT(struct ipam_status_reply, max_enis),
        COUNT(struct ipam_status_reply, addresses_per_eni),
        COUNT(struct ipam_status_reply, connmark),
        JSONX_LIST(struct ipam_status_reply, blocked, JSONX_OBJECTS, .of = &blocked_schema),
        JSONX_LIST(struct ipam_status_reply, warnings, JSONX_OBJECTS, .of = &warning_schema),
};

static const struct jsonx_field eni_fields[] = {
        OPTIONAL(struct ipam_eni, eni_id),    COUNT(struct ipam_eni, device_index),
        COUNT(struct ipam_eni, network_card), WANTED(struct ipam_eni, state),
        OPTIONAL(struct ipam_eni, mac),       OPTIONAL(struct ipam_eni, subnet_id),
        FLAG(struct ipam_eni, primary),       OPTIONAL(struct ipam_eni, ifname),
        IP(struct ipam_eni, primary_address), COUNT(struct ipam_eni, total),
        COUNT(struct ipam_eni, leased),       COUNT(struct ipam_eni, free),
        COUNT(struct ipam_eni, cooling),
};
static const struct jsonx_schema eni_schema = JSONX_SCHEMA(struct ipam_eni, eni_fields);
static const struct jsonx_field lease_fields[] = {
        NEEDED_IP(struct ipam_lease, address),      OPTIONAL(struct ipam_lease, eni_id),
        COUNT(struct ipam_lease, device_index),     WANTED(struct ipam_lease, network),
        WANTED(struct ipam_lease, container_id),    WANTED(struct ipam_lease, ifname),
        OPTIONAL(struct ipam_lease, host_ifname),   OPTIONAL(struct ipam_lease, netns),
        OPTIONAL(struct ipam_lease, pod_namespace), OPTIONAL(struct ipam_lease, pod_name),
        OPTIONAL(struct ipam_lease, pod_uid),       WANTED(struct ipam_lease, state),
        COUNT(struct ipam_lease, since_ms),         FLAG(struct ipam_lease, address_only),
};
static const struct jsonx_schema lease_schema = JSONX_SCHEMA(struct ipam_lease, lease_fields);
static const struct jsonx_field import_fields[] = {
        NEEDED_IP(struct ipam_import, address),      WANTED(struct ipam_import, network),
        WANTED(struct ipam_import, container_id),    WANTED(struct ipam_import, ifname),
        OPTIONAL(struct ipam_import, pod_namespace), OPTIONAL(struct ipam_import, pod_name),
        WANTED(struct ipam_import, verdict),         OPTIONAL(struct ipam_import, reason),
        COUNT(struct ipam_import, since_ms),
};
static const struct jsonx_schema import_schema = JSONX_SCHEMA(struct ipam_import, import_fields);
static const struct jsonx_field list_reply_fields[] = {
        JSONX_LIST(struct ipam_list_reply, enis, JSONX_OBJECTS, .flags = JSONX_REQUIRED, .of = &eni_schema),
        JSONX_LIST(struct ipam_list_reply, leases, JSONX_OBJECTS, .flags = JSONX_REQUIRED,
                   .of = &lease_schema),
        JSONX_LIST(struct ipam_list_reply, imports, JSONX_OBJECTS, .of = &import_schema),
};
static const struct jsonx_field watch_request_fields[] = {TARGET(struct ipam_watch_request, after)};
static const struct jsonx_field event_fields[] = {
        JSONX_FIELD(struct ipam_event, id, JSONX_INT, .flags = JSONX_REQUIRED),
        COUNT(struct ipam_event, at_ms),
        WANTED(struct ipam_event, kind),
        OPTIONAL(struct ipam_event, subject),
        OPTIONAL(struct ipam_event, text),
        OPTIONAL(struct ipam_event, pod),
        OPTIONAL(struct ipam_event, container_id),
        OPTIONAL(struct ipam_event, eni_id),
};
static const struct jsonx_schema event_schema = JSONX_SCHEMA(struct ipam_event, event_fields);
static const struct jsonx_field events_request_fields[] = {
        COUNT(struct ipam_events_request, before),
        COUNT(struct ipam_events_request, since_ms),
        JSONX_FIELD(struct ipam_events_request, subject, JSONX_STRING, .limit = IPAM_SUBJECT_BYTES_MAX),
        JSONX_FIELD(struct ipam_events_request, pod, JSONX_STRING, .limit = IPAM_SUBJECT_BYTES_MAX),
        JSONX_FIELD(struct ipam_events_request, max, JSONX_INT, .limit = IPAM_EVENTS_MAX),
};
static const struct jsonx_field events_reply_fields[] = {
        JSONX_LIST(struct ipam_events_reply, events, JSONX_OBJECTS, .flags = JSONX_REQUIRED,
                   .of = &event_schema),
};
static const struct jsonx_field address_request_fields[] = {NEEDED_IP(struct ipam_address_request, address)};
static const struct jsonx_field address_reply_fields[] = {
        JSONX_FIELD(struct ipam_address_reply, known, JSONX_BOOL, .flags = JSONX_REQUIRED),
        OPTIONAL(struct ipam_address_reply, state),
        OPTIONAL(struct ipam_address_reply, eni_id),
        COUNT(struct ipam_address_reply, device_index),
        COUNT(struct ipam_address_reply, until_ms),
};
static const struct jsonx_field log_level_request_fields[] = {OPTIONAL(struct ipam_log_level_request, level)};
static const struct jsonx_field log_level_reply_fields[] = {
        WANTED(struct ipam_log_level_reply, level),
        WANTED(struct ipam_log_level_reply, configured),
};

static const struct jsonx_field handover_request_fields[] = {
        JSONX_FIELD(struct ipam_handover_request, hold, JSONX_BOOL, .flags = JSONX_REQUIRED)};
static const struct jsonx_field handover_reply_fields[] = {COUNT(struct ipam_handover_reply, since_ms)};

static const struct jsonx_field permission_fields[] = {
        WANTED(struct ipam_permission, action),
        WANTED(struct ipam_permission, result),
        OPTIONAL(struct ipam_permission, why),
};
static const struct jsonx_schema permission_schema = JSONX_SCHEMA(struct ipam_permission, permission_fields);
static const struct jsonx_field imds_fields[] = {
        OPTIONAL(struct ipam_imds, url),
        FLAG(struct ipam_imds, reachable),
        OPTIONAL(struct ipam_imds, why),
        COUNT(struct ipam_imds, hops),
};
static const struct jsonx_schema imds_schema = JSONX_SCHEMA(struct ipam_imds, imds_fields);
static const struct jsonx_field credentials_fields[] = {
        FLAG(struct ipam_credentials, good),         FLAG(struct ipam_credentials, failing),
        OPTIONAL(struct ipam_credentials, provider), OPTIONAL(struct ipam_credentials, why),
        COUNT(struct ipam_credentials, expires_ms),  COUNT(struct ipam_credentials, clock_ahead_ms),
        FLAG(struct ipam_credentials, clock_behind),
};
static const struct jsonx_schema credentials_schema =
        JSONX_SCHEMA(struct ipam_credentials, credentials_fields);
static const struct jsonx_field probe_reply_fields[] = {
        COUNT(struct ipam_probe_reply, at_ms),
        JSONX_FIELD(struct ipam_probe_reply, imds, JSONX_OBJECT, .of = &imds_schema),
        JSONX_FIELD(struct ipam_probe_reply, credentials, JSONX_OBJECT, .of = &credentials_schema),
        JSONX_LIST(struct ipam_probe_reply, permissions, JSONX_OBJECTS, .of = &permission_schema),
};
static const struct jsonx_schema probe_reply_schema =
        JSONX_SCHEMA(struct ipam_probe_reply, probe_reply_fields);

static const struct jsonx_schema add_request_schema =
        JSONX_SCHEMA(struct ipam_add_request, add_request_fields);
static const struct jsonx_schema add_reply_schema = JSONX_SCHEMA(struct ipam_add_reply, add_reply_fields);
static const struct jsonx_schema confirm_request_schema =
        JSONX_SCHEMA(struct ipam_confirm_request, confirm_request_fields);
static const struct jsonx_schema del_request_schema =
        JSONX_SCHEMA(struct ipam_del_request, del_request_fields);
static const struct jsonx_schema del_reply_schema = JSONX_SCHEMA(struct ipam_del_reply, del_reply_fields);
static const struct jsonx_schema check_request_schema =
        JSONX_SCHEMA(struct ipam_check_request, check_request_fields);
static const struct jsonx_schema check_reply_schema =
        JSONX_SCHEMA(struct ipam_check_reply, check_reply_fields);
static const struct jsonx_schema gc_request_schema = JSONX_SCHEMA(struct ipam_gc_request, gc_request_fields);
static const struct jsonx_schema gc_reply_schema = JSONX_SCHEMA(struct ipam_gc_reply, gc_reply_fields);
static const struct jsonx_schema status_reply_schema =
        JSONX_SCHEMA(struct ipam_status_reply, status_reply_fields);
static const struct jsonx_schema list_reply_schema = JSONX_SCHEMA(struct ipam_list_reply, list_reply_fields);
static const struct jsonx_schema watch_request_schema =
        JSONX_SCHEMA(struct ipam_watch_request, watch_request_fields);
static const struct jsonx_schema events_request_schema =
        JSONX_SCHEMA(struct ipam_events_request, events_request_fields);
static const struct jsonx_schema events_reply_schema =
        JSONX_SCHEMA(struct ipam_events_reply, events_reply_fields);
static const struct jsonx_schema address_request_schema =
        JSONX_SCHEMA(struct ipam_address_request, address_request_fields);
static const struct jsonx_schema address_reply_schema =
        JSONX_SCHEMA(struct ipam_address_reply, address_reply_fields);
static const struct jsonx_schema log_level_request_schema =
        JSONX_SCHEMA(struct ipam_log_level_request, log_level_request_fields);
static const struct jsonx_schema log_level_reply_schema =
        JSONX_SCHEMA(struct ipam_log_level_reply, log_level_reply_fields);
static const struct jsonx_schema handover_request_schema =
        JSONX_SCHEMA(struct ipam_handover_request, handover_request_fields);
static const struct jsonx_schema handover_reply_schema =
        JSONX_SCHEMA(struct ipam_handover_reply, handover_reply_fields);
static const struct jsonx_schema nothing_schema = {0};

static const struct ipam_method methods[_IPAM_METHOD_MAX] = {
        [IPAM_METHOD_ADD] = {"Add", &add_request_schema, &add_reply_schema},
        [IPAM_METHOD_CONFIRM] = {"Confirm", &confirm_request_schema, &nothing_schema},
        [IPAM_METHOD_DEL] = {"Del", &del_request_schema, &del_reply_schema},
        [IPAM_METHOD_CHECK] = {"Check", &check_request_schema, &check_reply_schema},
        [IPAM_METHOD_GC] = {"Gc", &gc_request_schema, &gc_reply_schema},
        [IPAM_METHOD_STATUS] = {"Status", &nothing_schema, &status_reply_schema},
        [IPAM_METHOD_LIST] = {"List", &nothing_schema, &list_reply_schema},
        [IPAM_METHOD_WATCH] = {"Watch", &watch_request_schema, &event_schema},
        [IPAM_METHOD_EVENTS] = {"Events", &events_request_schema, &events_reply_schema},
        [IPAM_METHOD_ADDRESS] = {"Address", &address_request_schema, &address_reply_schema},
        [IPAM_METHOD_LOG_LEVEL] = {"LogLevel", &log_level_request_schema, &log_level_reply_schema},
        [IPAM_METHOD_PROBE] = {"Probe", &nothing_schema, &probe_reply_schema},
        [IPAM_METHOD_HANDOVER] = {"Handover", &handover_request_schema, &handover_reply_schema},
};

const struct ipam_method *ipam_method(enum ipam_method_id id)
{
        return &methods[id];
}

const struct ipam_method *ipam_method_find(const char *name, enum ipam_method_id *ret_id)
{
        for (int i = 0; i < _IPAM_METHOD_MAX; i++) {
                if (strcmp(methods[i].name, name) == 0) {
                        *ret_id = (enum ipam_method_id)i;
                        return &methods[i];
                }
        }
        return NULL;
}
