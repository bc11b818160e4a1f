// SPDX-License-Identifier: Apache-2.0
/*
 * io.vpcwire.ipam as C: requests and replies as plain structs, their field tables, and its errors. The interface's text
 * is lib/io.vpcwire.ipam.varlink, which says what each method and field means. Plain data: strings and lists live where
 * their maker put them (the arena given when decoding). Unset: NULL, IP_NONE, 0.
 */
#ifndef VPCWIRE_IPAM_H
#define VPCWIRE_IPAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "err.h"
#include "jsonx.h"

#define IPAM_INTERFACE      "io.vpcwire.ipam"
#define IPAM_SOCKET_DEFAULT "/run/vpcwire/ipamd.sock"
#define IPAM_SOCKET_ENV     "VPCWIRE_SOCKET"
/* Status, blocked: the action under which the planner says why the pool cannot grow. Its reason names its own times. */
#define IPAM_BLOCKED_GROW "grow"

enum {
        IPAM_NETWORK_BYTES_MAX = 128,
        IPAM_CONTAINER_ID_BYTES_MAX = 128,
        IPAM_IFNAME_BYTES_MAX = 15,    /* IFNAMSIZ - 1 */
        IPAM_POD_NAME_BYTES_MAX = 253, /* Kubernetes: a DNS subdomain */
        IPAM_POD_UID_BYTES_MAX = 128,
        IPAM_NETNS_BYTES_MAX = 1024,
        IPAM_ATTACHMENTS_MAX = 4096,
        IPAM_EVENTS_MAX = 500, /* in one reply */
        IPAM_SUBJECT_BYTES_MAX = 512,
        IPAM_ADD_TIMEOUT_MS = 30 * 1000,      /* where a request names none */
        IPAM_ADD_TIMEOUT_MS_MAX = 240 * 1000, /* kubelet and CRI-O give up before */
        IPAM_PROBE_TIMEOUT_MS = 20 * 1000,    /* Probe is answered by then, NotReady if need be */
};

enum ipam_method_id {
        IPAM_METHOD_ADD,
        IPAM_METHOD_CONFIRM,
        IPAM_METHOD_DEL,
        IPAM_METHOD_CHECK,
        IPAM_METHOD_GC,
        IPAM_METHOD_STATUS,
        IPAM_METHOD_LIST,
        IPAM_METHOD_WATCH,
        IPAM_METHOD_EVENTS,
        IPAM_METHOD_ADDRESS,
        IPAM_METHOD_LOG_LEVEL,
        IPAM_METHOD_PROBE,
        IPAM_METHOD_HANDOVER,
        _IPAM_METHOD_MAX,
};

enum ipam_error_id {
        IPAM_ERROR_NONE, /* no answer of the daemon's: the transport failed, see the err */
        IPAM_ERROR_NO_ADDRESS,
        IPAM_ERROR_NOT_READY,
        IPAM_ERROR_LEASE_NOT_FOUND,
        IPAM_ERROR_INVALID_REQUEST,
        IPAM_ERROR_INTERNAL,
        IPAM_ERROR_OTHER, /* an error of org.varlink.service, or one that this version does not know */
        _IPAM_ERROR_MAX,
};

struct ipam_add_request {
        const char *network, *container_id, *ifname; /* the key of the lease */
        const char *netns;
        const char
                *host_ifname; /* the pod's end on the host; with address_only: the bridge that leads to it */
        const char *pod_namespace, *pod_name, *pod_uid;
        int64_t timeout_ms;          /* how long it may wait for an address; 0: IPAM_ADD_TIMEOUT_MS */
        bool address_only;           /* somebody else wires the pod: the lease has no host link of its own */
        bool host_ifname_may_differ; /* the caller uses the reply's */
        struct ip address;           /* this one and no other; IP_NONE: whichever is free */
};

struct ipam_add_reply {
        struct ip address;
        const char *eni_id;
        int64_t device_index;
        struct ip gateway;
        int64_t mtu;
        bool reused;            /* the lease was there already */
        const char *subnet;     /* the CIDR of the address's subnet */
        struct ip node_address; /* the node's own in that subnet */
        const char *
                host_ifname; /* what the pod's end on the host is called; NULL of an older daemon, or with address_only */
};

struct ipam_confirm_request {
        const char *network, *container_id, *ifname;
        struct ip address;
        int64_t wire_us; /* how long the wiring took; 0: not said */
};

struct ipam_del_request {
        const char *network, *container_id, *ifname;
        int64_t wire_us;         /* how long taking the wire away took; 0: not said */
        const char *host_ifname; /* optional: what the pod's link on the host would be called */
};

struct ipam_del_reply {
        bool released;
        struct ip address; /* set if released */
};

struct ipam_check_request {
        const char *network, *container_id, *ifname;
        struct ip address;       /* optional: it must be this one */
        const char *host_ifname; /* as of Del */
};

struct ipam_check_reply {
        struct ip address;
        const char *state; /* "reserved" or "wired" */
        const char *eni_id;
        int64_t device_index;
};

struct ipam_attachment {
        const char *container_id, *ifname;
};

struct ipam_gc_request {
        const char *network;
        struct ipam_attachment *attachments; /* what is alive; everything else of the network is released */
        size_t n_attachments;
};

struct ipam_released {
        const char *container_id, *ifname;
        struct ip address;
};

struct ipam_gc_reply {
        struct ipam_released *released;
        size_t n_released;
};

struct ipam_node {
        const char *instance_id, *instance_type, *region, *availability_zone, *vpc_id, *subnet_id;
        struct ip primary_address;
};

struct ipam_pool {
        int64_t total, leased, free, cooling, preparing, leaving, lost;
        int64_t waiting; /* ADDs that wait for an address */
};

/* As configured; below 0: not set. */
struct ipam_targets {
        int64_t warm_eni, warm_ip, minimum_ip, max_eni;
        int64_t cooldown_ms;
        int64_t max_pods;
};

/* Something the daemon wants to do and may not until a time. */
struct ipam_blocked {
        const char *action, *subject, *reason;
        int64_t until_ms; /* wall clock; 0: nothing is tried at a time of its own */
};

struct ipam_warning {
        const char *subject, *reason;
        bool setting; /* the subject is the name of a setting */
};

struct ipam_status_reply {
        bool set_up; /* the node's network has been set up since the daemon's start */
        bool ready;  /* the node is set up, and the database takes leases */
        const char *reason;
        const char *waiting_reason; /* why nothing is free for the ADDs that wait; NULL: none waits so */
        bool exhausted; /* they wait in vain: nothing is on its way, and the pool cannot grow now */
        bool impaired;  /* running pods are hurt, too */
        const char *impaired_reason;
        const char *version;
        int64_t booted_ms, started_ms; /* wall clock: the node, the daemon */
        struct ipam_node node;
        struct ipam_pool pool;
        struct ipam_targets targets;
        int64_t enis, max_enis;
        int64_t addresses_per_eni; /* for pods; 0: not known */
        int64_t connmark;          /* of connections that must use the primary ENI; 0: not known */
        struct ipam_blocked *blocked;
        size_t n_blocked;
        struct ipam_warning *warnings;
        size_t n_warnings;
};

/* What a target that a daemon does not send must be before decoding: not set. */
#define IPAM_STATUS_UNSET                                                                                    \
        {                                                                                                    \
                .targets = {.warm_eni = -1, .warm_ip = -1, .minimum_ip = -1, .max_eni = -1, .max_pods = -1 } \
        }

struct ipam_eni {
        const char *eni_id;
        int64_t device_index, network_card;
        const char *state, *mac, *subnet_id;
        bool primary;
        const char *ifname;
        struct ip primary_address;
        int64_t total, leased, free, cooling;
};

struct ipam_lease {
        struct ip address;
        const char *eni_id;
        int64_t device_index;
        const char *network, *container_id, *ifname, *host_ifname, *netns;
        const char *pod_namespace, *pod_name, *pod_uid;
        const char *state;
        int64_t since_ms; /* wall clock */
        bool address_only;
};

/* A pod of aws-vpc-cni. */
struct ipam_import {
        struct ip address;
        const char *network, *container_id, *ifname;
        const char *pod_namespace, *pod_name;
        const char *verdict, *reason; /* "pending", "taken", "aside" */
        int64_t since_ms;             /* wall clock */
};

struct ipam_list_reply {
        struct ipam_eni *enis;
        size_t n_enis;
        struct ipam_lease *leases;
        size_t n_leases;
        struct ipam_import *imports;
        size_t n_imports;
};

struct ipam_watch_request {
        int64_t after; /* id of an event: what came after it; below 0: from now on */
};

struct ipam_event {
        int64_t id;
        int64_t at_ms; /* wall clock */
        const char *kind, *subject, *text;
        const char *pod; /* "namespace/name" */
        const char *container_id, *eni_id;
};

struct ipam_events_request {
        int64_t before, since_ms; /* 0: any */
        const char *subject, *pod;
        int64_t max; /* 0: IPAM_EVENTS_MAX */
};

struct ipam_events_reply {
        struct ipam_event *events; /* the newest first */
        size_t n_events;
};

struct ipam_address_request {
        struct ip address;
};

struct ipam_address_reply {
        bool known;
        const char *state, *eni_id;
        int64_t device_index;
        int64_t until_ms; /* wall clock: of a cooling one */
};

struct ipam_log_level_request {
        const char *level; /* NULL: only show it */
};

struct ipam_log_level_reply {
        const char *level, *configured;
};

struct ipam_handover_request {
        bool hold;
};

struct ipam_handover_reply {
        int64_t since_ms; /* wall clock; 0: not held */
};

/* What Probe found. Results are "allowed", "denied", "unknown" and "unasked", see the interface's text. */
#define IPAM_PERMISSION_ALLOWED "allowed"
#define IPAM_PERMISSION_DENIED  "denied"
#define IPAM_PERMISSION_UNKNOWN "unknown"
#define IPAM_PERMISSION_UNASKED "unasked"

struct ipam_permission {
        const char *action, *result, *why;
};

struct ipam_imds {
        const char *url;
        bool reachable;
        const char *why; /* it is not; or the hop limit is not known */
        int64_t hops; /* that the reply to a request for a token may make: 1, or 2 for "2 at least"; 0: not known */
};

struct ipam_credentials {
        bool good, failing;
        const char *provider, *why;
        int64_t expires_ms;     /* wall clock; 0: they do not */
        int64_t clock_ahead_ms; /* this machine's clock, of AWS's; 0: not far enough to matter */
        bool clock_behind;      /* ... or so far behind */
};

struct ipam_probe_reply {
        int64_t at_ms; /* wall clock */
        struct ipam_imds imds;
        struct ipam_credentials credentials;
        struct ipam_permission *permissions;
        size_t n_permissions;
};

/* The fields of all errors; which are set depends on `id`. Fixed sizes: an error owns nothing. */
struct ipam_error {
        enum ipam_error_id id;
        char name[128]; /* "io.vpcwire.ipam.NoAddress" */
        char reason[384];
        char field[JSONX_PATH_BYTES], value[JSONX_VALUE_BYTES], allowed[JSONX_VALUE_BYTES];
        char network[IPAM_NETWORK_BYTES_MAX + 1], container_id[IPAM_CONTAINER_ID_BYTES_MAX + 1];
        char ifname[IPAM_IFNAME_BYTES_MAX + 1];
};

struct ipam_method {
        const char *name; /* without the interface */
        const struct jsonx_schema *request;
        const struct jsonx_schema *reply;
};

/* The interface definition, as GetInterfaceDescription gives it. */
extern const char ipam_interface_text[];

const struct ipam_method *ipam_method(enum ipam_method_id id);
/* By name without the interface ("Add"); NULL when there is none. */
const struct ipam_method *ipam_method_find(const char *name, enum ipam_method_id *ret_id);

/* "io.vpcwire.ipam.NoAddress". */
const char *ipam_error_name(enum ipam_error_id id);
/* The error's parameters (new reference). */
json_t *ipam_error_encode(const struct ipam_error *error);
/*
 * From an error reply to the struct and to an err: NoAddress, NotReady -> ERR_AGAIN, LeaseNotFound -> ERR_NOT_FOUND,
 * InvalidRequest and InvalidParameter -> ERR_INVALID, PermissionDenied -> ERR_DENIED, MethodNotFound, InterfaceNotFound
 * and MethodNotImplemented -> ERR_UNSUPPORTED, Internal and unknown ones -> ERR_INTERNAL. The text is the daemon's reason.
 * Returns the negative code. ret and parameters may be NULL.
 */
int ipam_error_decode(const char *name, const json_t *parameters, struct ipam_error *ret, struct err *err);

#endif
