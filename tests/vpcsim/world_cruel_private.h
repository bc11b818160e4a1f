// SPDX-License-Identifier: Apache-2.0
/* What the files behind world_cruel.h and the world's life share. */
#ifndef VPCSIM_WORLD_CRUEL_PRIVATE_H
#define VPCSIM_WORLD_CRUEL_PRIVATE_H

#include "world_cruel.h"
#include "world_private.h"

struct throttle *world_throttle_free(struct throttle *throttle);
DEFINE_CLEANUP(struct throttle *, world_throttle_free)

/* world_deny.c: an array of patterns, checked, and whether one of them means the name. */
int world_check_patterns(const json_t *array, const char *what, struct err *err);
bool world_patterns_match(const json_t *array, const char *name);

struct faults *world_faults_free(struct faults *faults);
DEFINE_CLEANUP(struct faults *, world_faults_free)

/* world_secrets.c: random letters and digits after the prefix; upper: only those of an access key id (base 32). */
const char *world_random_text(struct arena *arena, const char *prefix, size_t n, bool upper);
/* Makes keys for the times in *keys and remembers them: a node's, or of the session with this ARN. */
int world_new_keys(struct world *world, const char *node, const char *arn, struct arena *arena,
                   struct world_role_credentials *keys, struct err *err);

/* Past states of the world, kept while a face is late or stale. */
struct views *world_views_free(struct views *views);
/* Called when the lock is given back: keeps the state if it changed and somebody may ask for it. */
void world_views_note(struct world *world);
/* The lags have changed: from now on the past is kept, or no longer. */
int world_views_set_lags(struct world *world, const unsigned lag_ms[static _WORLD_VIEW_MAX], struct err *err);

#endif
