// SPDX-License-Identifier: Apache-2.0
/* What the files of the world share: its struct, its tables, and the inner steps that several verbs need. */
#ifndef VPCSIM_WORLD_PRIVATE_H
#define VPCSIM_WORLD_PRIVATE_H

#include <pthread.h>
#include <stdint.h>

#include "world_db.h"
#include "world_imds.h"

enum {
        WORLD_ID_BYTES = 32, /* "trunk-assoc-" and 17 hex digits, and the NUL */
        WORLD_RESERVED_ADDRESSES =
                5,           /* of each subnet: network, router, DNS, one for the future, broadcast */
        WORLD_MIN_BITS = 16, /* of a subnet's and a VPC's CIDR */
        WORLD_MAX_BITS = 28,
        WORLD_MAX_FAILURES = 100,
};

/* EC2's own failures of the form "Invalid...ID.NotFound", one for each kind of object. */
enum world_kind {
        WORLD_ENI,
        WORLD_SUBNET,
        WORLD_VPC,
        WORLD_GROUP,
        WORLD_INSTANCE,
        WORLD_ASSOCIATION,
        _WORLD_KIND_MAX,
};

struct fabric_eni;

struct world_options {
        unsigned attach_ms, detach_ms, imds_lag_ms, describe_lag_ms, credentials_ttl_s;
        unsigned clock_ahead_s, page_items;
        uint64_t seed; /* the state of the random allocation */
        bool random_allocation, reuse_at_once;
};

struct world {
        pthread_mutex_t mutex;
        struct db *db;
        struct fabric *fabric; /* borrowed; NULL: no packets */
        int wake_fd;
        const char *refusal;
        char *account, *region, *role;
        json_t *instance_types;
        json_t *denied;            /* patterns of actions; NULL: none */
        struct throttle *throttle; /* these three: NULL while they were never set */
        struct faults *faults;
        struct views *views;
        json_t *failures; /* texts for world_check(): what went wrong where nobody was there to tell */
        struct world_options options;
};

/* "eni-" and 17 random hex digits. */
void world_new_id(const char *prefix, char ret[static WORLD_ID_BYTES]);
void world_random_bytes(void *bytes, size_t n);
void world_wake(struct world *world);
void world_note_failure(struct world *world, const struct err *err);

/* world_file.c: checks and takes over the description. */
int world_read_description(struct world *world, const json_t *description, struct err *err);
int world_read_tags(const json_t *object, struct arena *arena, struct world_tag **ret, size_t *ret_n,
                    struct err *err);
/* world_network.c: what the VPC is joined to, [{"name", "cidr", "mtu", "hosts"}]. */
int world_add_networks(struct world *world, const json_t *networks, struct err *err);
/* Refuses members that are not among the known ones (NULL-terminated); what says where. */
int world_refuse_unknown(const json_t *object, const char *const *known, const char *what, struct err *err);

/* world_space.c: of a VPC of the description, and of a subnet: "ipv6_cidr" and "reservations". */
int world_read_vpc_ipv6(struct world *world, const char *vpc_id, const json_t *cidrs, struct err *err);
int world_read_subnet_space(struct world *world, const char *subnet_id, const json_t *subnet,
                            struct err *err);

/* world_query.c */
int world_exists(struct world *world, enum world_kind kind, const char *id, struct err *err);
int world_load_tags(struct world *world, const char *id, struct arena *arena, struct world_tag **ret,
                    size_t *ret_n, struct err *err);
/* The places (row numbers) of the objects that a query means. */
int world_find_places(struct world *world, enum world_kind kind, const struct world_query *query,
                      struct arena *arena, int64_t **ret, size_t *ret_n, int64_t *ret_next, struct err *err);

/* world_load.c: ENIs of a node or a place. imds: only what IMDS shows by now. */
int world_load_eni(struct world *world, const char *eni_id, bool imds, struct arena *arena,
                   struct world_eni *ret, struct err *err);
int world_load_instance(struct world *world, const char *name, bool imds, struct arena *arena,
                        struct world_instance *ret, struct err *err);

/* world_pool.c: what a request comes to; the named ones first, in the order of the request. */
int world_choose_ipv4(struct world *world, const char *subnet_id, const struct world_asked *requested,
                      struct arena *arena, struct prefix **ret, size_t *ret_n, struct err *err);
int world_count_free(struct world *world, const char *subnet_id, unsigned *ret, struct err *err);

/* world_ipv6.c: chooses and gives, for a new ENI or one more request. */
int world_give_ipv6(struct world *world, const char *eni_id, const struct world_asked *requested,
                    struct arena *arena, struct prefix **ret, size_t *ret_n, struct err *err);

/* world_address.c */
int world_give_ipv4(struct world *world, const char *eni_id, struct prefix cidr, bool primary,
                    struct err *err);
/* Refuses what is more than the ENI may have: what its instance takes, or the most that any takes. */
int world_check_limit(struct world *world, const struct world_eni *eni, size_t n, const char *what,
                      struct err *err);
/* All that the fabric delivers to the ENI: prefixes as their addresses, the primary address first. IPv4 only. */
size_t world_list_delivered(const struct world_eni *eni, struct arena *arena, struct ip **ret);
/* Tells the fabric what the ENI's addresses are now; nothing where it has no link. */
int world_tell_addresses(struct world *world, const char *eni_id, struct err *err);

/* world_eni.c */
/* Of the VPC, beside the default one: [{"id", "name"}]. */
int world_read_groups(struct world *world, const char *vpc_id, const json_t *groups, struct err *err);
int world_set_groups(struct world *world, const char *eni_id, const char *const *groups, size_t n,
                     struct err *err);
/* Makes the rows of an ENI; the caller is in a transaction. */
int world_insert_eni(struct world *world, const struct world_create_eni *request, struct arena *arena,
                     char ret_id[static WORLD_ID_BYTES], struct err *err);
int world_write_tags(struct world *world, const char *id, const struct world_tag *tags, size_t n,
                     struct err *err);
int world_drop_eni(struct world *world, const char *eni_id, struct err *err);

/* world_token.c: 1 where just this request made something before (*ret_made), 0 where not, or without a token. */
int world_find_token(struct world *world, const struct world_token *token, struct arena *arena,
                     const char **ret_made, struct err *err);
int world_keep_token(struct world *world, const struct world_token *token, const char *made, struct err *err);

/* world_trunk.c */
unsigned world_max_branches(const char *type, unsigned max_enis, unsigned ipv4_per_eni);
/* By a column: "id", or "branch", of which there is one at most. ERR_NOT_FOUND. */
int world_load_association(struct world *world, const char *column, const char *id, struct arena *arena,
                           struct world_association *ret, struct err *err);
/* What forbids it, beside what holds of any ENI. */
int world_check_trunk_attach(struct world *world, const char *eni_id, const char *instance_id,
                             struct arena *arena, struct err *err);
/* Of a trunk whose link has come. They go with it. */
int world_plug_branches(struct world *world, const char *trunk_id, struct arena *arena, struct err *err);
/* Of an ENI that goes, trunk or branch. */
int world_drop_associations(struct world *world, const char *eni_id, struct err *err);

/* world_node.c: as `add-node` answers. */
json_t *world_node_to_json(const struct world_instance *node);

/* world_attach.c */
int world_insert_attachment(struct world *world, const char *eni_id, const char *instance_id,
                            unsigned device_index, const char *status, bool delete_on_termination,
                            char ret_id[static WORLD_ID_BYTES], struct err *err);
int world_plug(struct world *world, const char *eni_id, struct err *err);
/* Whether an ENI's packets come to its instance: by its own link, or by that of the trunk whose branch it is. */
int world_has_link(struct world *world, const char *eni_id, bool *ret, struct err *err);
/* All but where it is plugged in. */
int world_describe_to_fabric(struct world *world, const struct world_eni *eni, struct arena *arena,
                             struct fabric_eni *ret, struct err *err);

#endif
