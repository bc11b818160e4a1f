// SPDX-License-Identifier: Apache-2.0
/*
 * Real packets for the tests of the wanted state: three pods (10.0.1.11 on the primary ENI, 10.0.1.21 and .22 on ENI 1) of a
 * node_world, and packet sockets on the other ends of eth0 and eth1.
 */
#ifndef NODE_PACKETS_H
#define NODE_PACKETS_H

#include "node_world.h"

#include <netinet/in.h>

enum { PORT = 5353 };

struct packet_seen {
        char source[INET_ADDRSTRLEN];
        unsigned source_port;
        int tap;
};

extern int node_packets_taps[2]; /* on f0 and f1 */

/* cmocka's setup and teardown: *state is a struct node_world. */
int node_packets_setup(void **state);
int node_packets_teardown(void **state);
/* The subnet's gateway as the host's neighbour on an ENI: the fabric answers no ARP here. */
void node_packets_gateway(struct node_world *w, const char *ifname, const char *fabric_ifname);

/* A bound UDP socket in a namespace. */
int node_packets_open(struct node_world *w, int netns_fd, unsigned port);
struct sockaddr_in node_packets_sockaddr(const char *address, unsigned port);
void node_packets_send(int fd, const char *address, unsigned port);
/* Waits for a UDP packet to that address, on either ENI. */
struct packet_seen node_packets_await(const char *destination);
void node_packets_assert(struct packet_seen seen, int tap, const char *source);

#endif
