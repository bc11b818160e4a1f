// SPDX-License-Identifier: Apache-2.0
/*
 * The world as the metadata service of one node shows it: its own objects, late by the lag that the world is set to.
 * All results live in the caller's arena. All calls under world_lock().
 */
#ifndef VPCSIM_WORLD_IMDS_H
#define VPCSIM_WORLD_IMDS_H

#include "world_ec2.h"

/* The node whose ENI has this address; ERR_NOT_FOUND where there is none. *ret is in the arena. */
int world_node_of_address(struct world *world, struct ip address, struct arena *arena, const char **ret,
                          struct err *err);
bool world_has_fabric(const struct world *world);

/* An instance with the ENIs and addresses that IMDS shows by now. ERR_NOT_FOUND for a node that is not there. */
int world_imds_instance(struct world *world, const char *node, struct arena *arena,
                        struct world_instance *ret, struct err *err);
int world_imds_hop_limit(struct world *world, const char *node, unsigned *ret, struct err *err);

/* A session token of this node, good for ttl_s from now; *ret is in the arena. */
int world_imds_new_token(struct world *world, const char *node, unsigned ttl_s, struct arena *arena,
                         const char **ret, struct err *err);
/* All tokens end now: whoever holds one is refused once and gets a new one. */
int world_imds_forget_tokens(struct world *world, struct err *err);
/* Whether the token is this node's and has not ended. */
bool world_imds_token_is_good(struct world *world, const char *node, const char *token);

struct world_role_credentials {
        const char *access_key_id, *secret_access_key, *session_token;
        int64_t issued_ms, expires_ms; /* wall clock */
};

const char *world_role(const struct world *world);
/* The node's keys; new ones once half of their life is over. */
int world_role_credentials(struct world *world, const char *node, struct arena *arena,
                           struct world_role_credentials *ret, struct err *err);

#endif
