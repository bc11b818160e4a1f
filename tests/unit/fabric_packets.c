// SPDX-License-Identifier: Apache-2.0
/* See fabric_packets.h. */
#include "test.h"

#include <errno.h>
#include <linux/icmp.h>
#include <linux/ip.h>
#include <poll.h>
#include <sys/socket.h>

#include <vpcwire/clock.h>
#include <vpcwire/netns.h>

#include "fabric_packets.h"

enum { PACKET_BYTES_MAX = 10000 };

struct ip packets_ip(const char *text)
{
        struct err err;
        struct ip ip;

        assert_ok(ip_parse(text, &ip, &err), &err);
        return ip;
}

static struct sockaddr_in address_of(const char *text, unsigned port)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        struct ip ip = packets_ip(text);

        memcpy(&in.sin_addr, ip.bytes, sizeof(in.sin_addr));
        return in;
}

static int socket_in(const char *netns, int type, int protocol)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_close_ int netns_fd = -1;
        char path[NETNS_PATH_BYTES];
        struct err err;
        int fd;

        assert_ok(netns_open(netns_path(netns, path), &netns_fd, &err), &err);
        assert_ok(netns_enter(netns_fd, &guard, &err), &err);
        fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
        assert_return_code(fd, errno);
        return fd;
}

static void bind_to(int fd, const char *address, unsigned port)
{
        struct sockaddr_in in = address_of(address, port);

        assert_return_code(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), errno);
        assert_return_code(bind(fd, (const struct sockaddr *)&in, sizeof(in)), errno);
}

static uint16_t checksum(const void *bytes, size_t n)
{
        const uint8_t *at = bytes;
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < n; i += 2)
                sum += (uint32_t)at[i] << 8 | at[i + 1];
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t)~sum);
}

static bool wait_readable(int fd, int64_t deadline_ms)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - clock_boottime_ms();

        return left_ms > 0 && poll(&poll_fd, 1, (int)left_ms) == 1;
}

/* Whether the reply to the request is among what arrives until the deadline. */
static bool wait_reply(int fd, const struct icmphdr *request, const struct sockaddr_in *from,
                       size_t payload_bytes, int64_t deadline_ms)
{
        uint8_t bytes[PACKET_BYTES_MAX];
        struct icmphdr reply;
        struct iphdr header;

        while (wait_readable(fd, deadline_ms)) {
                ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

                if (n != (ssize_t)(sizeof(header) + sizeof(reply) + payload_bytes))
                        continue;
                memcpy(&header, bytes, sizeof(header));
                memcpy(&reply, bytes + sizeof(header), sizeof(reply));
                if (reply.type == ICMP_ECHOREPLY && reply.un.echo.sequence == request->un.echo.sequence &&
                    header.saddr == from->sin_addr.s_addr)
                        return true;
        }
        return false;
}

bool packets_ping(const char *netns, const char *source, const char *destination, size_t payload_bytes,
                  int timeout_ms)
{
        static uint16_t sequence;
        _cleanup_close_ int fd = socket_in(netns, SOCK_RAW, IPPROTO_ICMP);
        int64_t now_ms = clock_boottime_ms(), deadline_ms = now_ms + timeout_ms;
        struct sockaddr_in to = address_of(destination, 0);
        uint8_t bytes[PACKET_BYTES_MAX] = {0};
        struct icmphdr request = {.type = ICMP_ECHO,
                                  .un.echo = {.id = htons(4711), .sequence = htons(++sequence)}};
        size_t n = sizeof(request) + payload_bytes;

        assert_in_range(n, 0, sizeof(bytes) - sizeof(struct iphdr));
        if (source)
                bind_to(fd, source, 0);
        memcpy(bytes, &request, sizeof(request));
        request.checksum = checksum(bytes, n);
        memcpy(bytes, &request, sizeof(request));
        for (; now_ms < deadline_ms; now_ms = clock_boottime_ms()) {
                int64_t resend_ms = now_ms + PACKETS_RESEND_MS;

                if (sendto(fd, bytes, n, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
                        return false;
                if (wait_reply(fd, &request, &to, payload_bytes,
                               resend_ms < deadline_ms ? resend_ms : deadline_ms))
                        return true;
        }
        return false;
}

void packets_send_forged(const char *netns, const char *source, const char *destination)
{
        _cleanup_close_ int fd = socket_in(netns, SOCK_RAW, IPPROTO_RAW); /* which implies IP_HDRINCL */
        struct sockaddr_in from = address_of(source, 0), to = address_of(destination, 0);
        struct iphdr ip = {.version = 4,
                           .ihl = 5,
                           .ttl = 64,
                           .protocol = IPPROTO_ICMP,
                           .saddr = from.sin_addr.s_addr,
                           .daddr = to.sin_addr.s_addr};
        struct icmphdr icmp = {.type = ICMP_ECHO};
        uint8_t bytes[sizeof(ip) + sizeof(icmp)] = {0};

        memcpy(bytes, &ip, sizeof(ip));
        memcpy(bytes + sizeof(ip), &icmp, sizeof(icmp));
        icmp.checksum = checksum(bytes + sizeof(ip), sizeof(icmp));
        memcpy(bytes + sizeof(ip), &icmp, sizeof(icmp));
        assert_int_equal(sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&to, sizeof(to)),
                         sizeof(bytes));
}

int packets_listen(const char *netns, const char *address, unsigned port)
{
        int fd = socket_in(netns, SOCK_STREAM, 0);

        bind_to(fd, address, port);
        assert_return_code(listen(fd, 8), errno);
        return fd;
}

int packets_connect(const char *netns, const char *source, const char *destination, unsigned port)
{
        int fd = socket_in(netns, SOCK_STREAM, 0);
        struct sockaddr_in to = address_of(destination, port);
        struct timeval timeout = {.tv_sec = PACKETS_DEADLINE_MS / 1000};

        if (source)
                bind_to(fd, source, 0);
        assert_return_code(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), errno);
        assert_return_code(connect(fd, (const struct sockaddr *)&to, sizeof(to)), errno);
        return fd;
}

int packets_accept(int listen_fd, struct ip *ret_peer)
{
        struct sockaddr_in peer = {0};
        socklen_t peer_bytes = sizeof(peer);
        int fd;

        assert_true(wait_readable(listen_fd, clock_boottime_ms() + PACKETS_DEADLINE_MS));
        fd = accept4(listen_fd, (struct sockaddr *)&peer, &peer_bytes, SOCK_CLOEXEC);
        assert_return_code(fd, errno);
        *ret_peer = ip_from_in(peer.sin_addr);
        return fd;
}

bool packets_exchange(int from_fd, int to_fd, int timeout_ms)
{
        int64_t deadline_ms = clock_boottime_ms() + timeout_ms;
        char byte = 'x';

        assert_int_equal(send(from_fd, &byte, 1, MSG_NOSIGNAL), 1);
        return wait_readable(to_fd, deadline_ms) && recv(to_fd, &byte, 1, 0) == 1 && byte == 'x';
}
