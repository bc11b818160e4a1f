// SPDX-License-Identifier: Apache-2.0
/*
 * The fabric's nftables table, through libnftables: the source check, 1:1 NAT, counters. Element changes are collected as
 * text and run as one transaction. Internal to fabric*.c.
 */
#ifndef VPCSIM_FABRIC_NFT_H
#define VPCSIM_FABRIC_NFT_H

#include <stdbool.h>

#include <vpcwire/mem.h>

#include "fabric.h"

/* The fabric's link to the internet; the table and the links are made with this one name. */
#define FABRIC_INTERNET_LINK "inet"

/* ... and those to other networks begin with this. */
#define FABRIC_NETWORK_LINKS "net"

struct fabric_nft;

/* Makes the table in the network namespace of netns_fd, which is borrowed. */
int fabric_nft_new(int netns_fd, struct fabric_nft **ret, struct err *err);
struct fabric_nft *fabric_nft_free(struct fabric_nft *nft); /* leaves the table to its namespace */
DEFINE_CLEANUP(struct fabric_nft *, fabric_nft_free)

/* These only add to `commands`; fabric_nft_run() carries them out, all or none. */
void fabric_nft_add_subnet(struct text *commands, struct prefix cidr);
void fabric_nft_add_network(struct text *commands, struct prefix cidr);
void fabric_nft_change_address(struct text *commands, bool add, const char *link, struct ip address);
void fabric_nft_change_ipv6(struct text *commands, bool add, const char *link, struct prefix cidr);
/* Links whose packets may have any source. */
void fabric_nft_change_unchecked(struct text *commands, bool add, const char *link);
void fabric_nft_change_public(struct text *commands, bool add, struct ip private_address,
                              struct ip public_address);
int fabric_nft_run(struct fabric_nft *nft, const struct text *commands, struct err *err);

/* Of both families together. */
int fabric_nft_read_counters(struct fabric_nft *nft, struct fabric_counters *ret, struct err *err);
/* eni_id of the results holds the link's name. */
int fabric_nft_read_offenders(struct fabric_nft *nft, struct fabric_offender **ret, size_t *ret_n,
                              struct err *err);

#endif
