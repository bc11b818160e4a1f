// SPDX-License-Identifier: Apache-2.0
/*
 * The packets of the VPC: network namespaces, links, the fabric's forwarding table and its source check. It knows
 * nothing of EC2; the world tells it what is attached where.
 *
 *   <prefix>-<node>   a node: eth<device index> for each attached ENI, born with the ENI's MAC
 *   <prefix>-vpc      the fabric: one link per attached ENI, of a branch a VLAN on its trunk's, gateways (.1 of each subnet), the IMDS address, a /32 route
 *                     and a permanent neighbour per assigned address, proxy ARP for everything, and an nftables table that
 *                     drops and counts each packet whose source is not assigned to the ENI that it came from
 *   <prefix>-<network> a peered VPC or a site behind a gateway: both ways, without translation, and no further
 *   <prefix>-inet     the internet: hosts on 198.51.100.0/24, reached by 1:1 NAT from addresses that have a public one
 *
 * All calls come from one thread at a time. fabric_free() removes all that was made, whatever state it is in.
 */
#ifndef VPCSIM_FABRIC_H
#define VPCSIM_FABRIC_H

#include <vpcwire/addr.h>
#include <vpcwire/err.h>

struct fabric;

/* Public addresses that fabric_set_public() takes, hosts of the internet, and the sizes of a subnet (EC2's). */
#define FABRIC_PUBLIC_POOL    "203.0.113.0/24"
#define FABRIC_INTERNET_HOSTS "198.51.100.0/24"
enum {
        FABRIC_SUBNET_BITS_MIN = 16,
        FABRIC_SUBNET_BITS_MAX = 28,
        FABRIC_MTU_MIN = 576,
        FABRIC_MTU_MAX = 9001
};

/*
 * prefix: 1..8 characters of a-z 0-9, unique on this machine. Needs root (ERR_DENIED). ERR_EXISTS when namespaces of
 * this prefix are there already: another run, or what a crashed one left.
 */
int fabric_check_prefix(const char *prefix, struct err *err);
int fabric_new(const char *prefix, struct fabric **ret, struct err *err);
struct fabric *fabric_free(struct fabric *fabric);
DEFINE_CLEANUP(struct fabric *, fabric_free)

int fabric_add_subnet(struct fabric *fabric, struct prefix cidr, struct err *err);
int fabric_add_node(struct fabric *fabric, const char *node, struct err *err);
int fabric_remove_node(struct fabric *fabric, const char *node, struct err *err);

/* A network that is no part of the VPC and has routes to and from it. Named as nodes are, in the same name space. */
struct fabric_network {
        const char *name;
        struct prefix cidr;
        unsigned mtu; /* of the way there */
        const struct ip *hosts;
        size_t n_hosts;
};

int fabric_add_network(struct fabric *fabric, const struct fabric_network *network, struct err *err);

struct fabric_eni {
        const char *eni_id, *node;
        unsigned device_index;
        struct mac mac;
        struct prefix subnet;
        const struct ip *addresses; /* the primary one first */
        const struct prefix *ipv6;  /* /128: an address; shorter: a prefix */
        size_t n_addresses, n_ipv6;
        bool unchecked; /* may send from any source: EC2's sourceDestCheck is off */
};

/*
 * The ENI's link appears in the node's namespace, down and without an address, as a hot-plugged ENI does. Device index
 * 0 is there at boot: it comes up with its primary address on the subnet, a default route and a link route to the IMDS; with
 * IPv6 addresses, they are on it too, and a default route via fe80::1.
 */
int fabric_attach(struct fabric *fabric, const struct fabric_eni *eni, struct err *err);
/*
 * A branch: its packets are those with its VLAN (802.1Q) on the trunk's link. What makes links of them in the node is not
 * known here: eni->node and eni->device_index do not count. It goes with its trunk. ERR_UNSUPPORTED: the kernel has no
 * VLANs.
 */
int fabric_attach_branch(struct fabric *fabric, const struct fabric_eni *eni, const char *trunk_id,
                         unsigned vlan, struct err *err);
int fabric_set_addresses(struct fabric *fabric, const char *eni_id, const struct ip *addresses, size_t n,
                         struct err *err);
/* The fabric's side of them: the node is told nothing. */
int fabric_set_ipv6(struct fabric *fabric, const char *eni_id, const struct prefix *cidrs, size_t n,
                    struct err *err);
int fabric_set_unchecked(struct fabric *fabric, const char *eni_id, bool unchecked, struct err *err);
int fabric_detach(struct fabric *fabric, const char *eni_id,
                  struct err *err); /* the link vanishes from the node */

/* 1:1 NAT at the internet gateway; IP_NONE as public_address takes it away. */
int fabric_set_public(struct fabric *fabric, struct ip private_address, struct ip public_address,
                      struct err *err);

enum fabric_place { FABRIC_VPC, FABRIC_INTERNET };

/* A listening TCP socket inside the fabric or the internet; the address is put on that namespace's loopback. */
int fabric_listen(struct fabric *fabric, enum fabric_place place, struct ip address, unsigned port,
                  int *ret_fd, struct err *err);

struct fabric_counters {
        uint64_t wrong_source_packets; /* dropped: the source is not assigned to the ENI they came from */
        uint64_t no_public_packets;    /* dropped at the internet gateway: no public address */
        uint64_t forwarded_packets;    /* between ENIs, and between them and the internet */
};

int fabric_read_counters(struct fabric *fabric, struct fabric_counters *ret, struct err *err);

/* Whose packets wrong_source_packets counted: the first FABRIC_OFFENDERS_MAX different ones. */
enum { FABRIC_OFFENDERS_MAX = 256 };

struct fabric_offender {
        char *eni_id; /* or the link's name in the fabric, once the ENI is detached */
        struct ip source, destination;
        uint64_t packets;
};

/* The array and the strings in it are the caller's: fabric_offenders_free(). */
int fabric_read_offenders(struct fabric *fabric, struct fabric_offender **ret, size_t *ret_n,
                          struct err *err);
void fabric_offenders_free(struct fabric_offender *offenders, size_t n);

/* Puts a host of 198.51.100.0/24 on the internet; existing ones are fine. ERR_INVALID when it lies outside. */
int fabric_add_internet_address(struct fabric *fabric, struct ip address, struct err *err);

/*
 * Removes what a crashed run with this prefix left: cuts its links and removes its namespaces. Works without a struct
 * fabric; never while a run with the prefix lives. *ret_removed is the number of namespaces removed.
 */
int fabric_clean(const char *prefix, unsigned *ret_removed, struct err *err);

#endif
