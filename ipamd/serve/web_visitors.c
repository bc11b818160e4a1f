// SPDX-License-Identifier: Apache-2.0
#include "serve/web_visitors.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include <vpcwire/addr.h>
#include <vpcwire/mem.h>

#include "serve/web.h"

struct visitor {
        struct visitor *previous, *next;
        int fd;
        struct ip address; /* IP_NONE: a unix socket's peer */
        int64_t end_ms;
        bool shut; /* libmicrohttpd will see that it has gone */
};

static struct ip address_of(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr *address = info ? info->client_addr : NULL;
        struct ip ip = IP_NONE;

        if (address && address->sa_family == AF_INET) {
                ip.family = AF_INET;
                memcpy(ip.bytes, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                       sizeof(struct in_addr));
        } else if (address && address->sa_family == AF_INET6) {
                ip.family = AF_INET6;
                memcpy(ip.bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                       sizeof(struct in6_addr));
        }
        return ip;
}

static unsigned count_of(const struct visitors *visitors, struct ip address)
{
        unsigned n = 0;

        for (const struct visitor *v = visitors->first; v; v = v->next)
                n += !v->shut && ip_compare(v->address, address) == 0;
        return n;
}

/* The descriptor stays libmicrohttpd's. */
static void shut(struct visitor *visitor)
{
        if (visitor->fd >= 0)
                shutdown(visitor->fd, SHUT_RDWR);
        visitor->shut = true;
}

static void make_room(const struct visitors *visitors)
{
        struct visitor *most = NULL;
        unsigned n_most = 0;

        for (struct visitor *v = visitors->first; v; v = v->next) {
                unsigned n = v->shut ? 0 : count_of(visitors, v->address);

                if (n > n_most) {
                        most = v;
                        n_most = n;
                }
        }
        if (most)
                shut(most);
}

struct visitor *visitors_add(struct visitors *visitors, struct MHD_Connection *connection, int64_t end_ms)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct visitor *visitor = XNEW(struct visitor);

        visitor->fd = info ? info->connect_fd : -1;
        visitor->address = address_of(connection);
        visitor->end_ms = end_ms;
        if (visitors->n >= WEB_CONNECTIONS_ROOMY)
                make_room(visitors);
        visitors->n++;
        visitor->previous = visitors->last;
        *(visitors->last ? &visitors->last->next : &visitors->first) = visitor;
        visitors->last = visitor;
        return visitor;
}

void visitors_remove(struct visitors *visitors, struct visitor *visitor)
{
        *(visitor->previous ? &visitor->previous->next : &visitors->first) = visitor->next;
        *(visitor->next ? &visitor->next->previous : &visitors->last) = visitor->previous;
        visitors->n--;
        visitors->somebody_left = true;
        free(visitor);
}

int64_t visitors_next_end_ms(const struct visitors *visitors)
{
        return visitors->first ? visitors->first->end_ms : INT64_MAX;
}

void visitors_end_overdue(const struct visitors *visitors, int64_t now_ms)
{
        for (struct visitor *v = visitors->first; v && v->end_ms <= now_ms; v = v->next)
                shut(v);
}
