// SPDX-License-Identifier: Apache-2.0
/*
 * A query API request as sorted names and values, and what actions read from it. What a client got wrong is a refusal
 * with EC2's code.
 */
#ifndef VPCSIM_EC2API_REQUEST_H
#define VPCSIM_EC2API_REQUEST_H

#include "httpd.h"
#include "world_ec2.h"

enum {
        EC2API_MAX_PARAMETERS = 4096,
        EC2API_MAX_NAME_BYTES = 128,
        EC2API_MAX_VALUE_BYTES = 4096,
        EC2API_MAX_LIST = 1024,
        EC2API_MIN_RESULTS = 5,
        EC2API_MAX_RESULTS = 1000, /* and the size of a page where none is asked for */
};

struct ec2api_parameter {
        const char *name, *value;
};

struct ec2api_request {
        struct world *world;
        struct arena *arena;
        struct ec2api_parameter *parameters; /* sorted by name */
        size_t n_parameters;
        const char *action;         /* "" while it is not known */
        const char *node;           /* who asks; NULL: not a node */
        struct world_secret secret; /* whose signature it is; zero while it is not known, and without one */
        bool fewer;                 /* the script wants one address fewer given than asked */
        const char *message;        /* instead of the error's own, which has a limit; NULL: none */
        char id[37];                /* the RequestId */
        struct text *reply;         /* what the action says, inside its Response element */
};

/* Percent-encoded names and values, UTF-8 without control characters, no name twice. */
int ec2api_request_parse(struct ec2api_request *request, const char *form, size_t n, struct err *err);
/* Refuses names that match none of the patterns ("Filter.N.Name"; a leading '!' says that it must be there). */
int ec2api_request_check(struct ec2api_request *request, const char *const *patterns, bool dry_run_allowed,
                         struct err *err);

const char *ec2api_text(const struct ec2api_request *request, const char *name); /* NULL: absent */
/* EC2's refusal of a parameter's value. */
int ec2api_refuse_value(const struct ec2api_request *request, const char *name, const char *value,
                        struct err *err);
/* *ret stays as it is where the parameter is absent. */
int ec2api_number(const struct ec2api_request *request, const char *name, unsigned from, unsigned to,
                  unsigned *ret, struct err *err);
int ec2api_bool(const struct ec2api_request *request, const char *name, bool *ret, struct err *err);
int ec2api_ip(const struct ec2api_request *request, const char *name, struct ip *ret, struct err *err);
/* NAME.1, NAME.2, ...: an array in the arena. */
size_t ec2api_list(const struct ec2api_request *request, const char *name, const char *const **ret);
/* PREFIX.1.Key, PREFIX.1.Value, ...; an absent value is NULL. */
size_t ec2api_tags(const struct ec2api_request *request, const char *prefix, struct world_tag **ret);

/* Ids (ID_NAME.N), filters, MaxResults and NextToken. */
int ec2api_query(const struct ec2api_request *request, const char *id_name, struct world_query *ret,
                 struct err *err);
/* The NextToken of a page; of this action only. */
const char *ec2api_page_token(const struct ec2api_request *request, int64_t next);

/* Who asks, as IAM names it (ec2api.c). */
const char *ec2api_caller_arn(const struct ec2api_request *request);

/* All that was asked but the client token, as one text: equal texts are equal requests. */
const char *ec2api_fingerprint(const struct ec2api_request *request);
/* ClientToken; an empty one is none. */
struct world_token ec2api_client_token(const struct ec2api_request *request);

#endif
