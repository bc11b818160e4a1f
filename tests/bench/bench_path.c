// SPDX-License-Identifier: Apache-2.0
/*
 * What a packet costs on the way between a pod and a host of the VPC, measured for several nodes in turns: short slices, one
 * node after the other, again and again, so that whatever else the machine does hits all alike.
 *
 *         bench_path ROUNDS SLICE_MS (LABEL POD_NETNS HOST_NETNS HOST_ADDRESS)...
 *
 * One thread on one CPU holds both ends' sockets. Loopback and veth hand a packet on inside the sender's system call, so a
 * round trip is four system calls and the network's own work, without a wake-up or a switch between processes.
 *
 * Prints JSON: by label and kind the median of each slice. "udp_us", "tcp_us": a round trip of one byte; "udp_pps": packets
 * per second one way, in bursts.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <vpcwire/addr.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>

enum {
        PORT = 7701,
        BURST = 64,
        PACKET_BYTES = 64,
        SAMPLES_MAX = 1 << 20,
        ARGUMENTS_PER_PAIR = 4,
        FIRST_ROUNDS = 1, /* not counted: caches, neighbour entries, connection tracking */
        RECEIVE_TIMEOUT_S = 5,
        RECEIVE_BUFFER_BYTES = 1 << 20,
};

struct pair {
        const char *label;
        int udp[2], tcp[2];     /* the pod's, the host's */
        struct sockaddr_in pod; /* as the host sees it */
};

static double samples[SAMPLES_MAX];

_printf_(1, 2) static void die(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        fputs("bench_path: ", stderr);
        vfprintf(stderr, format, args);
        fprintf(stderr, " (%s)\n", strerror(errno));
        va_end(args);
        exit(1);
}

static double now_s(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t n)
{
        if (!n)
                die("no sample in a slice");
        qsort(values, n, sizeof(values[0]), compare);
        return values[n / 2];
}

/* A socket of that namespace: it stays there, whoever uses it. */
static int socket_in(const char *netns, int type, const struct sockaddr_in *bind_to)
{
        const struct timeval timeout = {.tv_sec = RECEIVE_TIMEOUT_S};
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_close_ int ns = -1;
        const int on = 1, bytes = RECEIVE_BUFFER_BYTES;
        struct err err;
        int fd;

        if (netns_open(netns, &ns, &err) < 0 || netns_enter(ns, &guard, &err) < 0)
                die("%s", err.msg);
        fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
            (bind_to && bind(fd, (const struct sockaddr *)bind_to, sizeof(*bind_to)) < 0))
                die("a socket in %s", netns);
        return fd;
}

static void no_delay(int fd)
{
        const int on = 1;

        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
                die("TCP_NODELAY");
}

/* One port per pair, so that all pairs may have one host. */
static void connect_pair(struct pair *pair, char **argv, unsigned n)
{
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(PORT + n))};
        struct sockaddr_in host = any;
        socklen_t bytes = sizeof(pair->pod);
        struct ip ip;
        struct err err;
        char byte = 0;
        int listener;

        if (ip_parse(argv[3], &ip, &err) < 0)
                die("%s", err.msg);
        memcpy(&host.sin_addr, ip.bytes, sizeof(host.sin_addr));
        pair->label = argv[0];
        pair->udp[1] = socket_in(argv[2], SOCK_DGRAM, &any);
        pair->udp[0] = socket_in(argv[1], SOCK_DGRAM, NULL);
        listener = socket_in(argv[2], SOCK_STREAM, &any);
        pair->tcp[0] = socket_in(argv[1], SOCK_STREAM, NULL);
        if (listen(listener, 1) < 0 ||
            connect(pair->tcp[0], (const struct sockaddr *)&host, sizeof(host)) < 0 ||
            connect(pair->udp[0], (const struct sockaddr *)&host, sizeof(host)) < 0)
                die("%s: connect", pair->label);
        pair->tcp[1] = accept(listener, NULL, NULL);
        close(listener);
        if (pair->tcp[1] < 0 || send(pair->udp[0], &byte, 1, 0) != 1 ||
            recvfrom(pair->udp[1], &byte, 1, 0, (struct sockaddr *)&pair->pod, &bytes) != 1 ||
            connect(pair->udp[1], (const struct sockaddr *)&pair->pod, sizeof(pair->pod)) < 0)
                die("%s: no way from the pod to the host", pair->label);
        no_delay(pair->tcp[0]);
        no_delay(pair->tcp[1]);
}

static double round_trip_slice(const int fds[2], double slice_s)
{
        double begin = now_s(), before = begin;
        char byte = 0;
        size_t n = 0;

        while (before - begin < slice_s && n < SAMPLES_MAX) {
                double after;

                if (send(fds[0], &byte, 1, 0) != 1 || recv(fds[1], &byte, 1, 0) != 1 ||
                    send(fds[1], &byte, 1, 0) != 1 || recv(fds[0], &byte, 1, 0) != 1)
                        die("a round trip");
                after = now_s();
                samples[n++] = (after - before) * 1e6;
                before = after;
        }
        return median(samples, n);
}

static double udp_us(const struct pair *pair, double slice_s)
{
        return round_trip_slice(pair->udp, slice_s);
}

static double tcp_us(const struct pair *pair, double slice_s)
{
        return round_trip_slice(pair->tcp, slice_s);
}

static double udp_pps(const struct pair *pair, double slice_s)
{
        static char bytes[BURST][PACKET_BYTES];
        struct iovec parts[BURST];
        struct mmsghdr out[BURST], in[BURST];
        double begin = now_s(), before = begin;
        size_t n = 0;

        for (size_t i = 0; i < BURST; i++) {
                parts[i] = (struct iovec){bytes[i], PACKET_BYTES};
                in[i] = out[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
        }
        while (before - begin < slice_s && n < SAMPLES_MAX) {
                double after;

                if (sendmmsg(pair->udp[0], out, BURST, 0) != BURST)
                        die("%s: send a burst", pair->label);
                for (int got = 0, more; got < BURST; got += more) {
                        more = recvmmsg(pair->udp[1], in, (unsigned)(BURST - got), MSG_WAITFORONE, NULL);
                        if (more <= 0)
                                die("%s: %d of a burst of %d arrived", pair->label, got, BURST);
                }
                after = now_s();
                samples[n++] = BURST / (after - before);
                before = after;
        }
        return median(samples, n);
}

static const struct {
        const char *name;
        double (*slice)(const struct pair *pair, double slice_s);
} kinds[] = {{"udp_us", udp_us}, {"tcp_us", tcp_us}, {"udp_pps", udp_pps}};

static void stay_on_one_cpu(void)
{
        cpu_set_t all, one;
        int last = 0;

        CPU_ZERO(&one);
        if (sched_getaffinity(0, sizeof(all), &all) < 0)
                die("processors");
        for (int i = 0; i < CPU_SETSIZE; i++)
                last = CPU_ISSET(i, &all) ? i : last;
        CPU_SET(last, &one);
        if (sched_setaffinity(0, sizeof(one), &one) < 0)
                die("stay on processor %d", last);
}

/* slices[kind][pair][round] */
static void print_json(const struct pair *pairs, size_t n_pairs, const double *slices, size_t rounds)
{
        printf("{");
        for (size_t p = 0; p < n_pairs; p++) {
                printf("%s\"%s\": {", p ? ",\n " : "", pairs[p].label);
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                        printf("%s\"%s\": [", k ? ", " : "", kinds[k].name);
                        for (size_t r = 0; r < rounds; r++)
                                printf("%s%.3f", r ? ", " : "", slices[(k * n_pairs + p) * rounds + r]);
                        printf("]");
                }
                printf("}");
        }
        printf("}\n");
}

int main(int argc, char **argv)
{
        enum { ROUNDS = 1, SLICE, PAIRS };
        size_t n = argc > PAIRS ? (size_t)(argc - PAIRS) / ARGUMENTS_PER_PAIR : 0;
        long rounds = argc > ROUNDS ? strtol(argv[ROUNDS], NULL, 10) : 0;
        double slice_s = argc > SLICE ? strtod(argv[SLICE], NULL) / 1e3 : 0;
        struct pair *pairs;
        double *slices;

        if (rounds < 1 || slice_s <= 0 || n == 0)
                die("usage: bench_path ROUNDS SLICE_MS (LABEL POD_NETNS HOST_NETNS HOST_ADDRESS)...");
        pairs = XNEW_ARRAY(struct pair, n);
        slices = XNEW_ARRAY(double, ARRAY_SIZE(kinds) * n * (size_t)rounds);
        stay_on_one_cpu();
        for (size_t p = 0; p < n; p++)
                connect_pair(&pairs[p], argv + PAIRS + p * ARGUMENTS_PER_PAIR, (unsigned)p);
        for (long r = -FIRST_ROUNDS; r < rounds; r++) {
                for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                        /* Each round begins with another one: none is always behind the same neighbour. */
                        for (size_t i = 0; i < n; i++) {
                                size_t p = (i + (size_t)(r + FIRST_ROUNDS)) % n;
                                double value = kinds[k].slice(&pairs[p], slice_s);

                                if (r >= 0)
                                        slices[(k * n + p) * (size_t)rounds + (size_t)r] = value;
                        }
                }
                fprintf(stderr, "\r  round %ld of %ld", r < 0 ? 0 : r + 1, rounds);
        }
        fputc('\n', stderr);
        print_json(pairs, n, slices, (size_t)rounds);
        free(pairs);
        free(slices);
        return 0;
}
