// SPDX-License-Identifier: Apache-2.0
/*
 * The numbers by which our objects in the kernel are known, each once: the plugin writes some of them, the daemon others,
 * and ipamctl looks for all. The values are aws-vpc-cni's where it has the same thing, so that a node changes over with its
 * pods running. Pure.
 *
 *   priority 512   lookup 512                      pods: one host route per pod, no default, so a miss falls through
 *            1024  fwmark 0x80/0x80 lookup main    connections that must use the primary interface (the mark is a setting)
 *            1534  from <own> iif lo goto 1537     what the node sends from its ENIs' addresses: no mark there is ours
 *            1534  iif lo fwmark 0 goto 1537       and from all others, if it has no mark of ours
 *            1535  to <external service> lookup main
 *            1536  fwmark <mark> lookup <table>    a secondary ENI's addresses, marked in nftables
 *            1537  from <primary address> lookup <table>
 */
#ifndef VPCWIRE_DATAPLANE_H
#define VPCWIRE_DATAPLANE_H

#include <stdbool.h>
#include <stdint.h>

#define DATAPLANE_GATEWAY   "169.254.1.1" /* of every pod: by a permanent neighbour entry, else by ARP */
#define DATAPLANE_NFT_TABLE "vpcwire"     /* in the families ip, inet and arp */
#define DATAPLANE_CONNMARK  0x80          /* where AWS_VPC_K8S_CNI_CONNMARK is not set */

/* A number above as text. */
#define DATAPLANE_TEXT_(number) #number
#define DATAPLANE_TEXT(number)  DATAPLANE_TEXT_(number)

enum {
        DATAPLANE_PROTOCOL =
                118, /* of all our routes, rules and proxied neighbours: so they are known from others' */
        DATAPLANE_LINK_GROUP = 118, /* IFLA_GROUP of pods' host links, by which packet filters know them */

        DATAPLANE_TABLE_PODS = 512, /* what leads to no ENI of its own uses RT_TABLE_MAIN */

        DATAPLANE_PRIORITY_PODS = 512,
        DATAPLANE_PRIORITY_CONNMARK = 1024,
        DATAPLANE_PRIORITY_OWN_PACKETS = 1534,
        DATAPLANE_PRIORITY_EXTERNAL_SERVICE = 1535,
        DATAPLANE_PRIORITY_ENI_MARK = 1536,
        DATAPLANE_PRIORITY_ENI_ADDRESS = 1537,

        /*
         * A packet for a secondary ENI bears its index, and a bit that says that the index is ours: others' marks have it not
         * (wg-quick's, Cilium's, Calico's, kube-proxy's, Istio's, Tailscale's). The index is all of others' bits that is
         * written over, and only on packets of pods of secondary ENIs; portmap's 0x2000, which is for such packets, and
         * kube-proxy's 0xc000 are not in it.
         */
        DATAPLANE_MARK_OURS = 0x2,
        DATAPLANE_MARK_INDEX = 0x1f00,
        DATAPLANE_MARK_SHIFT = 8,
        DATAPLANE_MARK_MASK = DATAPLANE_MARK_INDEX | DATAPLANE_MARK_OURS,
        DATAPLANE_MARK_PORTMAP = 0x2000,    /* the CNI plugin's "masquerade" */
        DATAPLANE_MARK_KUBE_PROXY = 0xc000, /* "masquerade" and "drop" */
        DATAPLANE_ENI_INDEX_MAX = DATAPLANE_MARK_INDEX >> DATAPLANE_MARK_SHIFT,
        DATAPLANE_CARDS_MAX = 64,

        DATAPLANE_TABLE_CARD = 10000, /* tables of the ENIs of further network cards begin here */
        DATAPLANE_TABLE_CARD_STEP = 100,
        DATAPLANE_TABLE_LAST =
                DATAPLANE_TABLE_CARD + DATAPLANE_TABLE_CARD_STEP * (DATAPLANE_CARDS_MAX + 1) - 1,
};

/* What aws-vpc-cni makes and we do not; the priorities and tables above are its, too. */
enum {
        AWS_CNI_PRIORITY_TO_POD = DATAPLANE_PRIORITY_PODS,       /* "to <pod> lookup main" */
        AWS_CNI_PRIORITY_FROM_POD = DATAPLANE_PRIORITY_ENI_MARK, /* "from <pod> lookup <table of its ENI>" */
        AWS_CNI_PRIORITY_ENI_ADDRESS = 32765,                    /* "from <ENI's primary address>" */
};

/* The usual route table of a secondary ENI: device index + 1; on card c > 0: 10000 + 100 c + index. The primary ENI uses main. */
uint32_t dataplane_eni_table(unsigned device_index, unsigned network_card);
/* The mark of packets that must leave by the secondary ENI of this index, 1 to DATAPLANE_ENI_INDEX_MAX. */
uint32_t dataplane_eni_mark(unsigned index);
/* Whether a table is one that we put routes into. */
bool dataplane_table_is_ours(uint32_t table);
/* Whether it is the priority of a rule that we make; others' rules may have it, too. */
bool dataplane_priority_is_ours(uint32_t priority);

#endif
