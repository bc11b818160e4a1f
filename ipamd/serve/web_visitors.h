// SPDX-License-Identifier: Apache-2.0
/*
 * The web server's connections: how long each may stay, and who goes when there are many. libmicrohttpd has them; here they
 * are only known, and shut down, which it takes for the peer's end.
 */
#ifndef IPAMD_SERVE_WEB_VISITORS_H
#define IPAMD_SERVE_WEB_VISITORS_H

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct visitor;

/* In the order of arrival: the first one is the first to end. Zero is empty. */
struct visitors {
        struct visitor *first, *last;
        unsigned n;
        bool somebody_left; /* since it was set to false */
};

/*
 * With more than WEB_CONNECTIONS_ROOMY, the oldest of those from the address that has most of them goes: one who asks once
 * is not held up by others who hold many. end_ms is on CLOCK_BOOTTIME.
 */
struct visitor *visitors_add(struct visitors *visitors, struct MHD_Connection *connection, int64_t end_ms);
/* Its connection is closed. */
void visitors_remove(struct visitors *visitors, struct visitor *visitor);

/* INT64_MAX: nobody is here. */
int64_t visitors_next_end_ms(const struct visitors *visitors);
void visitors_end_overdue(const struct visitors *visitors, int64_t now_ms);

#endif
