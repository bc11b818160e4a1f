// SPDX-License-Identifier: Apache-2.0
#include "http/clients.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include <vpcwire/addr.h>
#include <vpcwire/mem.h>

struct client {
        struct client *previous, *next;
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

static unsigned count_of(const struct clients *clients, struct ip address)
{
        unsigned n = 0;

        for (const struct client *client = clients->first; client; client = client->next)
                n += !client->shut && ip_compare(client->address, address) == 0;
        return n;
}

/* The descriptor stays libmicrohttpd's. */
static void shut(struct client *client)
{
        if (client->fd >= 0)
                shutdown(client->fd, SHUT_RDWR);
        client->shut = true;
}

static void make_room(const struct clients *clients)
{
        struct client *most = NULL;
        unsigned n_most = 0;

        for (struct client *client = clients->first; client; client = client->next) {
                unsigned n = client->shut ? 0 : count_of(clients, client->address);

                if (n > n_most) {
                        most = client;
                        n_most = n;
                }
        }
        if (most)
                shut(most);
}

struct client *clients_add(struct clients *clients, struct MHD_Connection *connection, int64_t end_ms)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct client *client = XNEW(struct client);

        client->fd = info ? info->connect_fd : -1;
        client->address = address_of(connection);
        client->end_ms = end_ms;
        if (clients->n >= HTTP_CONNECTIONS_ROOMY)
                make_room(clients);
        clients->n++;
        client->previous = clients->last;
        *(clients->last ? &clients->last->next : &clients->first) = client;
        clients->last = client;
        return client;
}

void clients_remove(struct clients *clients, struct client *client)
{
        *(client->previous ? &client->previous->next : &clients->first) = client->next;
        *(client->next ? &client->next->previous : &clients->last) = client->previous;
        clients->n--;
        clients->somebody_left = true;
        free(client);
}

int64_t clients_next_end_ms(const struct clients *clients)
{
        return clients->first ? clients->first->end_ms : INT64_MAX;
}

void clients_end_overdue(const struct clients *clients, int64_t now_ms)
{
        for (struct client *client = clients->first; client && client->end_ms <= now_ms;
             client = client->next)
                shut(client);
}
