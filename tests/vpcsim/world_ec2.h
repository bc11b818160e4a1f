// SPDX-License-Identifier: Apache-2.0
/*
 * EC2's objects and verbs on the world, typed and without HTTP. What EC2 refuses is an error whose text is EC2's message;
 * its EC2 code is world_refusal(). An error without a refusal is a failure of the simulator itself.
 *
 * All results live in the caller's arena. All calls under world_lock(). Each verb happens whole or not at all.
 */
#ifndef VPCSIM_WORLD_EC2_H
#define VPCSIM_WORLD_EC2_H

#include "world.h"

enum {
        WORLD_ENI_MAX_ADDRESSES =
                64, /* of an ENI that is attached nowhere, a prefix counts as one: the most that any type takes */
        WORLD_ENI_MAX_GROUPS = 5,
        WORLD_MAX_TAGS = 50,
        WORLD_MAX_DEVICE_INDEX = 255,
        WORLD_TOKEN_CHARACTERS = 64, /* of a ClientToken */
        WORLD_MAX_VLAN = 4094,
};

/* EC2's code of the last call that was refused ("AttachmentLimitExceeded"), NULL when nothing was refused. */
const char *world_refusal(const struct world *world);
void world_clear_refusal(struct world *world);
/* Sets the code (a literal) and the error; returns as err_set() does. */
int world_refuse(struct world *world, struct err *err, const char *code, const char *format, ...)
        _printf_(4, 5);
#define world_refuse(...) err_is_negative(world_refuse(__VA_ARGS__)) /* see err.h */

/* Carries out what is due, as world_tick() does, for a request that must see the state of this moment. */
int world_catch_up(struct world *world, struct err *err);

const char *world_account(const struct world *world);
const char *world_region(const struct world *world);

struct world_tag {
        const char *key, *value;
};

struct world_address {
        struct ip ip;
        const char *public_address; /* NULL: none */
        bool primary;
};

struct world_attachment {
        const char *id, *instance_id, *status; /* "attaching", "attached", "detaching" */
        int64_t attach_ms;                     /* wall clock */
        unsigned device_index;
        bool delete_on_termination;
};

struct world_group {
        const char *id, *name, *vpc_id, *description;
};

/* A branch ENI on a trunk. */
struct world_association {
        const char *id, *trunk_id, *branch_id;
        unsigned vlan;
};

struct world_eni {
        const char *type; /* "interface", "trunk", "branch" */
        const char *id, *subnet_id, *vpc_id, *zone, *description, *mac;
        struct world_address *addresses;       /* IPv4; the primary one first */
        struct prefix *prefixes;               /* IPv4, /28 */
        struct prefix *ipv6;                   /* /128: an address; /80: a prefix */
        struct world_attachment *attachment;   /* NULL: none */
        struct world_association *association; /* of a branch; NULL: none */
        struct world_group *groups;
        struct world_tag *tags;
        size_t n_addresses, n_prefixes, n_ipv6, n_groups, n_tags;
        bool source_dest_check;
};

/* "in-use" or "available". */
static inline const char *world_eni_status(const struct world_eni *eni)
{
        return eni->attachment || eni->association ? "in-use" : "available";
}

struct world_subnet {
        const char *id, *vpc_id, *zone, *cidr, *ipv6_cidr; /* NULL: no IPv6 */
        struct world_tag *tags;
        size_t n_tags;
        unsigned free_addresses;
};

struct world_vpc {
        const char *id, **cidrs, **ipv6_cidrs;
        struct world_tag *tags;
        size_t n_cidrs, n_ipv6_cidrs, n_tags;
};

struct world_instance {
        const char *id, *name, *type, *zone, *subnet_id, *vpc_id;
        struct world_eni *enis; /* by device index; the primary one first */
        struct world_tag *tags;
        size_t n_enis, n_tags;
        int64_t launch_ms; /* wall clock */
};

struct world_instance_type {
        const char *name;
        unsigned max_enis, ipv4_per_eni;
        unsigned max_branches; /* of all trunks of an instance; 0: it takes no trunk */
};

/* Which objects are asked for. EC2's wildcards * and ? work in filter values. */
struct world_filter {
        const char *name; /* "subnet-id", "tag:NAME", ... */
        const char *const *values;
        size_t n_values;
};

struct world_query {
        const char *const *ids;
        const struct world_filter *filters;
        size_t n_ids, n_filters;
        int64_t after;  /* the page after this place; 0: the first */
        unsigned limit; /* objects on the page; 0: all */
};

/* *ret_next is the place to go on from, 0 when this was the last page. An id that is not there is refused. */
int world_find_enis(struct world *world, const struct world_query *query, struct arena *arena,
                    struct world_eni **ret, size_t *ret_n, int64_t *ret_next, struct err *err);
int world_find_subnets(struct world *world, const struct world_query *query, struct arena *arena,
                       struct world_subnet **ret, size_t *ret_n, int64_t *ret_next, struct err *err);
int world_find_vpcs(struct world *world, const struct world_query *query, struct arena *arena,
                    struct world_vpc **ret, size_t *ret_n, int64_t *ret_next, struct err *err);
int world_find_groups(struct world *world, const struct world_query *query, struct arena *arena,
                      struct world_group **ret, size_t *ret_n, int64_t *ret_next, struct err *err);
int world_find_instances(struct world *world, const struct world_query *query, struct arena *arena,
                         struct world_instance **ret, size_t *ret_n, int64_t *ret_next, struct err *err);
/* The type from the world's own types, else from the table of real ones. */
int world_find_instance_type(struct world *world, const char *name, struct world_instance_type *ret,
                             struct err *err);
/* The types that the world's nodes have. */
int world_list_instance_types(struct world *world, struct arena *arena, const char ***ret, size_t *ret_n,
                              struct err *err);

/* What is wanted of one family: these, and so many of the world's choice. That EC2 takes one kind in a call is not known here. */
struct world_asked {
        const struct prefix *cidrs; /* /32 or /128: an address; /28 or /80: a prefix */
        size_t n_cidrs;
        unsigned n_addresses, n_prefixes;
};

/* A ClientToken, and of which request. text NULL: there is none. */
struct world_token {
        const char *action, *text, *fingerprint;
};

struct world_create_eni {
        const char *type; /* NULL: "interface" */
        const char *subnet_id;
        const char *description;
        const char *const *groups; /* none: the VPC's default group */
        const struct world_tag *tags;
        size_t n_groups, n_tags;
        struct ip primary;             /* IP_NONE: chosen by the world; not repeated in ipv4 */
        struct world_asked ipv4, ipv6; /* beside the primary one */
        struct world_token token;
};

int world_create_eni(struct world *world, const struct world_create_eni *request, struct arena *arena,
                     struct world_eni *ret, struct err *err);
int world_delete_eni(struct world *world, const char *eni_id, struct err *err);

/* *ret_attachment_id is in the arena. */
int world_attach_eni(struct world *world, const char *eni_id, const char *instance_id, unsigned device_index,
                     struct arena *arena, const char **ret_attachment_id, struct err *err);
int world_detach_eni(struct world *world, const char *attachment_id, struct err *err);

struct world_associate {
        const char *trunk_id, *branch_id;
        unsigned vlan;
        struct world_token token;
};

int world_associate_trunk(struct world *world, const struct world_associate *request, struct arena *arena,
                          struct world_association *ret, struct err *err);
int world_disassociate_trunk(struct world *world, const char *id, const struct world_token *token,
                             struct err *err);
int world_find_associations(struct world *world, const struct world_query *query, struct arena *arena,
                            struct world_association **ret, size_t *ret_n, int64_t *ret_next,
                            struct err *err);

/* Members that are NULL stay as they are. */
struct world_modify_eni {
        const char *eni_id;
        const char *attachment_id; /* of delete_on_termination */
        const bool *delete_on_termination;
        const char *description;
        const bool *source_dest_check;
        const char *const *groups;
        size_t n_groups;
};

int world_modify_eni(struct world *world, const struct world_modify_eni *request, struct err *err);

struct world_assign {
        const char *eni_id;
        struct world_asked requested;
        bool allow_reassignment; /* IPv4 addresses may be taken from another ENI, where they are not primary */
};

/* The new ones only. */
int world_assign_ipv4(struct world *world, const struct world_assign *request, struct arena *arena,
                      struct prefix **ret, size_t *ret_n, struct err *err);
int world_assign_ipv6(struct world *world, const struct world_assign *request, struct arena *arena,
                      struct prefix **ret, size_t *ret_n, struct err *err);
int world_unassign_ipv4(struct world *world, const char *eni_id, const struct prefix *cidrs, size_t n,
                        struct err *err);
int world_unassign_ipv6(struct world *world, const char *eni_id, const struct prefix *cidrs, size_t n,
                        struct err *err);

/* A tag is written over, or taken away: of any object with this id. In delete value NULL means "whatever it is". */
int world_create_tags(struct world *world, const char *const *ids, size_t n_ids, const struct world_tag *tags,
                      size_t n_tags, struct err *err);
int world_delete_tags(struct world *world, const char *const *ids, size_t n_ids, const struct world_tag *tags,
                      size_t n_tags, struct err *err);

/* Who holds an access key. expires_ms (wall clock) and session_token are of a role's keys; 0 and NULL for a user's. */
struct world_secret {
        const char *secret_access_key, *session_token;
        const char *node; /* whose role it is; NULL for a user and for a session of STS */
        const char *arn;  /* of a session of STS; NULL for others */
        int64_t expires_ms;
};

/* ERR_NOT_FOUND for a key that nobody has. */
int world_find_secret(struct world *world, const char *access_key_id, struct arena *arena,
                      struct world_secret *ret, struct err *err);

/* Counts and logs a call. action is one of EC2's, not a text of the client; node and code may be NULL. */
void world_note_call(struct world *world, const char *action, const char *node, unsigned status,
                     const char *code);

#endif
