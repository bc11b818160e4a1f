// SPDX-License-Identifier: Apache-2.0
/* What the nftables tables are put together from. Private to this folder. */
#ifndef NODE_WANT_NFT_H
#define NODE_WANT_NFT_H

#include <vpcwire/dataplane.h>

#include "node/want.h"

struct text;

/* The secondary ENIs that are configured, by their marks, which differ. */
struct want_enis {
        const struct node_want_eni **list;
        size_t n;
};

/* The number in the names of an ENI's chains. */
static inline unsigned want_eni_index(const struct node_want_eni *eni)
{
        return (eni->mark & DATAPLANE_MARK_INDEX) >> DATAPLANE_MARK_SHIFT;
}

/* A table that is being written. */
struct want_nft_table {
        struct text *t;
        struct node_nft_content nft;
};

/* Rules that return for destinations that see the pod's own address. */
void want_add_returns_of_direct(struct text *t, struct arena *arena, const struct node_view *view);
/* "set pods": the addresses that pods of this node have or can get. */
void want_add_pods_set(struct want_nft_table *table, struct arena *arena, const struct node_view *view);
/* "set secondary": those of the secondary ENIs. */
void want_add_secondary_set(struct want_nft_table *table, struct arena *arena, const struct node_view *view,
                            const struct want_enis *enis);
/* "map eni_of": where each of them goes on: pod_N of its ENI, pod_0 of the primary one. */
void want_add_eni_map(struct want_nft_table *table, struct arena *arena, const struct node_view *view,
                      const struct want_enis *enis);

#endif
