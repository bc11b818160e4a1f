// SPDX-License-Identifier: Apache-2.0
/* What the metadata service says at each path, for one node at this moment. */
#ifndef VPCSIM_IMDSAPI_TREE_H
#define VPCSIM_IMDSAPI_TREE_H

#include "world_imds.h"

/*
 * The body at a path ("/latest/meta-data/mac"; a trailing slash makes no difference): a leaf's text, or the names in a
 * directory, one a line, those of directories with a slash. ERR_NOT_FOUND. *ret is in the arena.
 */
int imdsapi_tree_read(struct world *world, const char *node, const char *path, struct arena *arena,
                      const char **ret, struct err *err);

#endif
