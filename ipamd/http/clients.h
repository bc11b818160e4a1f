// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP server's connections: how long each may stay, and who goes when there are many. libmicrohttpd has them; here they
 * are only known, and shut down, which it takes for the peer's end.
 */
#ifndef IPAMD_HTTP_CLIENTS_H
#define IPAMD_HTTP_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
        HTTP_CONNECTIONS_ROOMY = 24
}; /* with more, one of those who have most of them goes for each that comes */

struct MHD_Connection;
struct client;

/* In the order of arrival: the first one is the first to end. Zero is empty. */
struct clients {
        struct client *first, *last;
        unsigned n;
        bool somebody_left; /* since it was set to false */
};

/*
 * With more than HTTP_CONNECTIONS_ROOMY, the oldest of those from the address that has most of them goes: one who asks once
 * is not held up by others who hold many. end_ms is on CLOCK_BOOTTIME.
 */
struct client *clients_add(struct clients *clients, struct MHD_Connection *connection, int64_t end_ms);
/* Its connection is closed. */
void clients_remove(struct clients *clients, struct client *client);

/* INT64_MAX: nobody is here. */
int64_t clients_next_end_ms(const struct clients *clients);
void clients_end_overdue(const struct clients *clients, int64_t now_ms);

#endif
