// SPDX-License-Identifier: Apache-2.0
/* Packets of our own making inside network namespaces, for test_fabric.c. Each waits for its event, with a deadline. */
#ifndef FABRIC_PACKETS_H
#define FABRIC_PACKETS_H

#include <stdbool.h>

#include <vpcwire/addr.h>

#include "test.h"

enum { PACKETS_DEADLINE_MS = TEST_PATIENCE_MS, PACKETS_ABSENCE_MS = 250, PACKETS_RESEND_MS = 300 };

struct ip packets_ip(const char *text);

/*
 * Whether an ICMP echo request was answered within timeout_ms. It is sent again each PACKETS_RESEND_MS, since a link that
 * just came up drops what is sent before its queue is there. source NULL: the kernel's choice.
 */
bool packets_ping(const char *netns, const char *source, const char *destination, size_t payload_bytes,
                  int timeout_ms);
/* As above, with a source that the namespace does not have. Waits for nothing. */
void packets_send_forged(const char *netns, const char *source, const char *destination);

/* TCP sockets in a namespace; non-negative, or the test fails. source NULL: any. */
int packets_listen(const char *netns, const char *address, unsigned port);
int packets_connect(const char *netns, const char *source, const char *destination, unsigned port);
/* The next connection, and who it comes from. */
int packets_accept(int listen_fd, struct ip *ret_peer);
/* Whether a byte sent into one end comes out of the other within timeout_ms. */
bool packets_exchange(int from_fd, int to_fd, int timeout_ms);

#endif
