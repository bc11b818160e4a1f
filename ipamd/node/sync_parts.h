// SPDX-License-Identifier: Apache-2.0
/* The parts of node_sync(), each for one kind of object. Private to this folder. */
#ifndef NODE_SYNC_PARTS_H
#define NODE_SYNC_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firewall/nft.h"
#include "node/check.h"
#include "node/report.h"
#include "node/want.h"

struct netlink;
struct nft_ctx;

/* A route that no lease spoke for at the last sync. */
struct node_suspect {
        struct ip dst;
        unsigned oif;
};

/* One of our nftables tables. */
struct node_nft_table {
        struct arena *arena;             /* of what follows; NULL: none was put in place yet */
        struct node_nft_content applied; /* what was last put in place */
        char *listing;                   /* what the kernel had after that, in the library's own words */
};

/* What the last node_sync() saw of the ENIs' links, if all of them were right after it. */
struct node_enis {
        struct arena *arena; /* of what follows; NULL: it is not so */
        struct link_info *links;
        size_t n_links;
        struct ifaddr *addresses;
        size_t n_addresses;
};

struct node {
        struct netlink *nl;
        struct nft_ctx *nft;
        struct nft_socket nft_socket;
        struct node_nft_table nft_tables[NODE_NFT_TABLES];
        uint32_t nft_generation; /* up to which nobody else touched them; 0: it is not known */
        struct node_enis enis;
        struct node_suspect *suspects;
        size_t n_suspects;
};

/* One sync under way. */
struct sync {
        struct node *node;
        struct arena *arena;
        const struct node_view *view;
        struct pod_evidence kernel; /* as it was before anything was repaired */
        struct node_want want;
        struct node_report report;
        struct node_occupied *occupied; /* grows; the report gets a copy */
        size_t occupied_capacity;
        struct err first; /* code set: the first failure that concerns the whole node */
        struct node_check *
                check; /* NULL: differences are repaired; else they are noted here, and nothing else is done */
        size_t differences_capacity;
};

/* Notes a failure: with the ENI that owns the table (or link), with the pods for theirs, else with the node. */
void sync_fail_table(struct sync *sync, uint32_t table, const struct err *failure);
void sync_fail_link(struct sync *sync, unsigned ifindex, const struct err *failure);
void sync_fail_node(struct sync *sync, const struct err *failure);

/*
 * Asked before each repair: true where nothing is to be repaired, and the difference is noted. The text is copied; the
 * link's name is filled in.
 */
bool sync_only_notes(struct sync *sync, struct node_difference difference);

void sync_begin_report(struct sync *sync);
/* sync_pool.c: at the end of a node_sync(). */
void sync_remember_enis(struct sync *sync, bool succeeded);
void sync_sysctls(struct sync *sync);
void sync_pod_aliases(struct sync *sync);
void sync_pod_sysctls(struct sync *sync);
void sync_pod_groups(struct sync *sync);
void sync_links(struct sync *sync);
void sync_addresses(struct sync *sync);
/* Takes pods' addresses off the ENIs' links. seen: all IPv4 addresses of the host. */
void sync_take_off(struct sync *sync, const struct ifaddr *seen, size_t n);
void sync_find_occupied(struct sync *sync);
void sync_look_at_main(struct sync *sync);
/* The addresses that pods of the view have, sorted, in the arena. */
struct ip *sync_list_pods(const struct sync *sync, size_t *ret_n);
void sync_misled_routes(struct sync *sync);
void sync_routes(struct sync *sync);
/* Whether two routes to the same destination are as good as one another, whosever they are. */
bool sync_leads_the_same_way(const struct route_info *a, const struct route_info *b);
/* Whether a route leads to a veth that is up and no ENI's: to some pod, whoever made it. */
bool sync_leads_to_live_veth(const struct sync *sync, const struct route_info *route);
/* Those that are missing. */
void sync_rules(struct sync *sync);
/* Takes away those that nobody wants. Not before our nftables table is written: an older one's marks are read by older rules. */
void sync_stale_rules(struct sync *sync);
void sync_gateway(struct sync *sync);
void sync_nft(struct sync *sync);
/* Elements of the tables' sets alone. false: more is to be done, or somebody else was there. */
bool sync_nft_elements(struct sync *sync);
/* The same for node_check(). */
void sync_check_nft(struct sync *sync);

void sync_nft_forget(struct node_nft_table *table);

#endif
