// SPDX-License-Identifier: Apache-2.0
/* What the ec2_*.c share: one exchange with EC2, the parameters of the query protocol, and elements -> structs. */
#ifndef IPAMD_CLOUD_EC2_INTERNAL_H
#define IPAMD_CLOUD_EC2_INTERNAL_H

#include "cloud/ec2.h"
#include "cloud/ec2_retry.h"
#include "cloud/xml.h"

/* Appends "Name=value", both encoded, to a request's body. Nothing when value is NULL. */
void ec2_add(struct text *body, const char *value, const char *name_format, ...) _printf_(3, 4);
void ec2_add_unsigned(struct text *body, unsigned value, const char *name);
/* "Filter.N.Name", "Filter.N.Value.1" */
void ec2_add_filters(struct text *body, const struct ec2_filter *filters, size_t n);
/* "<name>.N" */
void ec2_add_list(struct text *body, const char *name, const char *const *values, size_t n);

/* What ec2_new() makes; in the order of the table. */
ec2_describe_enis_fn ec2_describe_enis;
ec2_describe_subnets_fn ec2_describe_subnets;
ec2_describe_instance_type_fn ec2_describe_instance_type;
ec2_create_eni_fn ec2_create_eni;
ec2_attach_eni_fn ec2_attach_eni;
ec2_set_delete_on_termination_fn ec2_set_delete_on_termination;
ec2_set_groups_fn ec2_set_groups;
ec2_assign_addresses_fn ec2_assign_addresses;
ec2_unassign_addresses_fn ec2_unassign_addresses;
ec2_detach_eni_fn ec2_detach_eni;
ec2_delete_eni_fn ec2_delete_eni;
ec2_create_tags_fn ec2_create_tags;

/*
 * Signs and sends one request, and reads the answer. `parameters` is what ec2_add() made; may be empty. *ret_root is the
 * <...Response> element, in the arena. Errors start with the action's name.
 */
int ec2_call(struct ec2 *ec2, const struct ec2_call_options *options, enum ec2_action action,
             const struct text *parameters, struct arena *arena, const struct xml **ret_root,
             struct ec2_result *result, struct err *err);

/* ec2_pace.c: may this call be made now? Otherwise it fails here, as ec2_put_off(), and says when. */
int ec2_keep_pace(struct pace *pace, enum ec2_action action, bool follow_up, struct ec2_result *result,
                  struct err *err);
/* The call is not made: nothing is in doubt, EC2 never heard of it. Returns -ERR_AGAIN. */
int ec2_put_off(int64_t wait_ms, const char *why, struct ec2_result *result, struct err *err);
/* Learns from the answer; a refusal by rate has emptied the bucket, and the result says when there is something in it again. */
void ec2_report_pace(struct pace *pace, enum ec2_action action, struct ec2_result *result);

/* For a reply that came, said success, and cannot be read: what it asked for may have happened. Returns -ERR_PROTOCOL. */
int ec2_fail_reply(enum ec2_action action, struct ec2_result *result, struct err *err);
/* For a request that was not made because an argument is wrong. Set err first; returns its code. */
int ec2_fail_argument(enum ec2_action action, struct ec2_result *result, struct err *err);

/* Element -> struct; everything is copied to the arena. ERR_PROTOCOL names element and value. */
int ec2_parse_eni(const struct xml *node, struct arena *arena, struct ec2_eni *ret, struct err *err);
int ec2_parse_subnet(const struct xml *node, struct arena *arena, struct ec2_subnet *ret, struct err *err);
int ec2_parse_instance_type(const struct xml *node, struct arena *arena, struct ec2_instance_type *ret,
                            struct err *err);
/* <item><privateIpAddress> of a set */
int ec2_parse_addresses(const struct xml *set, struct arena *arena, struct ip **ret, size_t *ret_n,
                        struct err *err);

#endif
