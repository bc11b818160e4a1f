// SPDX-License-Identifier: Apache-2.0
/*
 * The EC2 query API, the actions that we use, as typed calls. One call is one HTTP exchange with a deadline: it
 * never sleeps and never repeats itself; one that must wait (pace.h) fails at once and says how long. Whether and when to
 * repeat is the reconciler's decision (ec2_retry.h says what is safe), because only it knows what was written down before.
 *
 * The calls are a table, `struct ec2_ops`: who is given a `struct ec2` calls through it, and is tested without HTTP.
 * One `struct ec2` belongs to one thread. Results are plain data in the caller's arena.
 */
#ifndef IPAMD_CLOUD_EC2_H
#define IPAMD_CLOUD_EC2_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

#include "cloud/pace.h"
#include "model/ec2.h"
#include "model/tag.h"

struct credentials;
struct http_cancel;

enum {
        EC2_ENI_MAX_ADDRESSES = 1024,
        EC2_ENI_MAX_TAGS = 64,
        EC2_MAX_REPLY_BYTES = 8 * 1024 * 1024,
        EC2_PAGE_RESULTS = 200, /* MaxResults of a Describe call that pages */
        EC2_MAX_PAGES = 50,
};

/* How a call is made; NULL for a plain one. */
struct ec2_call_options {
        /*
         * It goes with the call before it, and without it that was of no use (the second list of one resync): it does not
         * wait for this node's pace, but counts.
         */
        bool follow_up;
        /*
         * EC2 says whether it would carry it out, and does nothing. It always fails, with EC2_CODE_DRY_RUN where it is
         * allowed; a success means that what answers knows no dry runs and did it. Actions that EC2 has no dry run of
         * (assigning and unassigning) are not sent: ERR_UNSUPPORTED.
         */
        bool dry_run;
};

/* What EC2 answers to a dry run that is allowed. A failure as others are: nothing was done. */
#define EC2_CODE_DRY_RUN "DryRunOperation"

/* What came of one call, for programs; the err beside it is for people. */
struct ec2_result {
        enum ec2_failure_class class; /* EC2_FAILURE_NONE: it was carried out */
        long http_status;             /* of a failure; 0: no answer */
        char code[64];                /* EC2's code of a failure, "" where there was none */
        char request_id[64];          /* of a failure */
        /*
         * Class THROTTLED: when it is worth trying again, by this node's pace (pace.h); 0 with all other classes. `paced`:
         * the call was not made at all, because this node makes too many: nothing was asked, so nothing failed.
         */
        int64_t wait_ms;
        bool paced;
        bool dry_run;
        int64_t took_us; /* the call as a whole, credentials included */
};

/* Told of each call that was made; why: without secrets, "" after a success. */
typedef void ec2_observe_fn(void *data, enum ec2_action action, const struct ec2_result *result,
                            const char *why);

struct ec2_options {
        const char *endpoint;             /* "http://203.0.113.10" or "https://ec2.eu-west-1.amazonaws.com" */
        const char *region;               /* of the signature's scope */
        struct credentials *credentials;  /* borrowed; outlives the ec2 */
        unsigned timeout_ms;              /* whole exchange; 0 = 10 s */
        unsigned connect_timeout_ms;      /* 0 = 3 s */
        const char *ca_file;              /* NULL = the system's certificates */
        const struct http_cancel *cancel; /* NULL = none; borrowed */
        /* Not told of a call that the pace put off. On the caller's thread; NULL: no caller hears of it. */
        ec2_observe_fn *observe;
        void *observe_data;
};

/* An ENI as DescribeNetworkInterfaces and CreateNetworkInterface show it. Absent things are "" or zero. */
struct ec2_eni {
        const char *eni_id, *subnet_id, *status, *description, *interface_type;
        const char *attachment_id, *attachment_status;
        bool attached; /* an attachment was there */
        bool delete_on_termination;
        unsigned device_index, network_card;
        struct mac mac;
        struct ip primary;    /* the address whose <primary> is true */
        struct ip *secondary; /* all others, in EC2's order */
        size_t n_secondary;
        const char *public_address; /* the first Elastic or public one on any of its addresses */
        struct ip *associated;      /* the secondary ones that have one */
        size_t n_associated;
        struct prefix *prefixes; /* ipv4PrefixSet */
        size_t n_prefixes;
        const char **groups; /* security group ids */
        size_t n_groups;
        struct ec2_tag *tags;
        size_t n_tags;
};

const char *ec2_eni_tag(const struct ec2_eni *eni, const char *key); /* NULL when it is not there */

struct ec2_filter {
        const char *name;
        const char *value;
};

/* Which ones: those with these ids, or all that pass every filter; of neither: all. */
struct ec2_selection {
        const struct ec2_filter *filters;
        size_t n_filters;
        const char *const *ids;
        size_t n_ids;
        bool skips_unreadable; /* an item that cannot be read is left out, by name; else it fails the call */
};

/* An item that could not be read: its id ("" where even that is unreadable) and why. */
struct ec2_unreadable {
        const char *id, *why;
};

struct ec2_eni_list {
        struct ec2_eni *enis;
        size_t n;
        struct ec2_unreadable *unreadable; /* left out: there, whatever they are */
        size_t n_unreadable;
};

struct ec2_create_eni {
        const char *subnet_id;
        const char *description;
        const char *client_token;     /* required: makes a repeat return the same ENI */
        unsigned secondary_addresses; /* SecondaryPrivateIpAddressCount; 0 = none */
        const char *const *groups;
        size_t n_groups;
        const struct ec2_tag *tags; /* written in the same call */
        size_t n_tags;
};

struct ec2_subnet {
        const char *subnet_id, *vpc_id, *availability_zone, *state;
        struct prefix cidr;
        unsigned available_addresses;
        struct ec2_tag *tags;
        size_t n_tags;
};

struct ec2_subnet_list {
        struct ec2_subnet *subnets;
        size_t n;
        struct ec2_unreadable *unreadable;
        size_t n_unreadable;
};

struct ec2_instance_type {
        const char *name;
        unsigned max_enis;     /* of the default network card where cards are listed, else of the instance */
        unsigned ipv4_per_eni; /* the primary address included */
};

struct ec2;

/*
 * The calls, a type each. options may be NULL; what was made or described is in the arena; *result is always set, and
 * its class is EC2_FAILURE_NONE exactly when the call returns 0.
 */

/* DescribeNetworkInterfaces, all pages or none: a failing page fails the call, so a partial list is never acted on. */
typedef int ec2_describe_enis_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                                 const struct ec2_selection *which, struct arena *arena,
                                 struct ec2_eni_list *ret, struct ec2_result *result, struct err *err);

/* The same, of subnets. */
typedef int ec2_describe_subnets_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                                    const struct ec2_selection *which, struct arena *arena,
                                    struct ec2_subnet_list *ret, struct ec2_result *result, struct err *err);

typedef int ec2_describe_instance_type_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                                          const char *instance_type, struct arena *arena,
                                          struct ec2_instance_type *ret, struct ec2_result *result,
                                          struct err *err);

typedef int ec2_create_eni_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                              const struct ec2_create_eni *request, struct arena *arena, struct ec2_eni *ret,
                              struct ec2_result *result, struct err *err);

typedef int ec2_attach_eni_fn(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                              const char *instance_id, unsigned device_index, struct arena *arena,
                              const char **ret_attachment_id, struct ec2_result *result, struct err *err);

/* ModifyNetworkInterfaceAttribute, Attachment.DeleteOnTermination = true. */
typedef int ec2_set_delete_on_termination_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                                             const char *eni_id, const char *attachment_id,
                                             struct ec2_result *result, struct err *err);

/* ModifyNetworkInterfaceAttribute, SecurityGroupId: the ENI has these groups (at least one) and no other. */
typedef int ec2_set_groups_fn(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                              const char *const *groups, size_t n, struct ec2_result *result,
                              struct err *err);

/*
 * AssignPrivateIpAddresses. Returns what EC2 says it assigned, which may be fewer than asked, and on foreign EC2s may
 * include addresses the ENI had before.
 */
typedef int ec2_assign_addresses_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                                    const char *eni_id, unsigned count, struct arena *arena,
                                    struct ip **ret_addresses, size_t *ret_n, struct ec2_result *result,
                                    struct err *err);

typedef int ec2_unassign_addresses_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                                      const char *eni_id, const struct ip *addresses, size_t n,
                                      struct ec2_result *result, struct err *err);

typedef int ec2_detach_eni_fn(struct ec2 *ec2, const struct ec2_call_options *options,
                              const char *attachment_id, struct ec2_result *result, struct err *err);

typedef int ec2_delete_eni_fn(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                              struct ec2_result *result, struct err *err);

/* CreateTags: others that the ENI has stay, one of the same key is replaced. */
typedef int ec2_create_tags_fn(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                               const struct ec2_tag *tags, size_t n, struct ec2_result *result,
                               struct err *err);

/* How many calls per second of this class this node allows itself now, in millionths. */
typedef int64_t ec2_pace_rate_fn(const struct ec2 *ec2, enum pace_class class);

/* EC2 throttles this node at this moment (pace_is_throttled()). */
typedef bool ec2_is_throttled_fn(const struct ec2 *ec2);

struct ec2_ops {
        ec2_describe_enis_fn *describe_enis;
        ec2_describe_subnets_fn *describe_subnets;
        ec2_describe_instance_type_fn *describe_instance_type;
        ec2_create_eni_fn *create_eni;
        ec2_attach_eni_fn *attach_eni;
        ec2_set_delete_on_termination_fn *set_delete_on_termination;
        ec2_set_groups_fn *set_groups;
        ec2_assign_addresses_fn *assign_addresses;
        ec2_unassign_addresses_fn *unassign_addresses;
        ec2_detach_eni_fn *detach_eni;
        ec2_delete_eni_fn *delete_eni;
        ec2_create_tags_fn *create_tags;
        ec2_pace_rate_fn *pace_rate;
        ec2_is_throttled_fn *is_throttled;
        struct ec2 *(*free)(struct ec2 *ec2);
};

/* The first member of whatever answers. */
struct ec2 {
        const struct ec2_ops *ops;
};

/* EC2 itself, by HTTP. */
int ec2_new(const struct ec2_options *options, struct ec2 **ret, struct err *err);

/* NULL is fine. */
static inline struct ec2 *ec2_free(struct ec2 *ec2)
{
        return ec2 ? ec2->ops->free(ec2) : NULL;
}
DEFINE_CLEANUP(struct ec2 *, ec2_free)

#endif
