// SPDX-License-Identifier: Apache-2.0
/*
 * The socket is our own and the messages are libnl's: libnl 3.7 neither reads extended acknowledgements nor sends
 * several messages at once.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/netns.h>

#include "netlink_message.h"

enum {
        REPLY_BYTES = 64 * 1024, /* the kernel fills at most 32 KiB of a dump into one datagram */
        CHUNK_MESSAGES = 64,     /* per sendmsg(): their acknowledgements fit the default receive buffer */
        REPLY_TIMEOUT_S = 5,     /* route netlink answers inside sendmsg(); this is for a kernel in trouble */
        DUMP_TRIES = 10,
        DUMP_BYTES_MAX = 64 * 1024 * 1024,
        EXPLANATION_BYTES = 160,
};

struct request {
        struct nl_msg *msg;
        char *what;
};

struct netlink {
        int fd;
        uint32_t port, seq;
        char *reply; /* REPLY_BYTES */
        bool batching;
        struct request *requests;
        size_t n_requests, capacity;
};

static int socket_open(int *ret_fd, uint32_t *ret_port, struct err *err)
{
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        const struct timeval timeout = {.tv_sec = REPLY_TIMEOUT_S};
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        socklen_t length = sizeof(address);
        const int on = 1;

        if (fd < 0)
                return err_set_errno(err, errno, "open a route netlink socket");
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
            setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) < 0 ||
            setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
                return err_set_errno(err, errno, "set up a route netlink socket");
        /* Since Linux 4.20. Without it dumps are not filtered by the kernel; the modules filter themselves too. */
        (void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
        *ret_fd = TAKE_FD(fd);
        *ret_port = address.nl_pid;
        return 0;
}

int netlink_open(int netns_fd, struct netlink **ret, struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        struct netlink *nl;
        uint32_t port = 0;
        int fd = -1, r;

        if (netns_fd >= 0) {
                r = netns_enter(netns_fd, &guard, err);
                if (r < 0)
                        return r;
        }
        r = socket_open(&fd, &port, err);
        if (r < 0)
                return r;
        nl = XNEW(struct netlink);
        /* Not zeroed: of most sockets' buffers only the first page is ever touched. */
        *nl = (struct netlink){.fd = fd, .port = port, .reply = xrealloc_array(NULL, REPLY_BYTES, 1)};
        *ret = nl;
        return 0;
}

static void requests_drop(struct netlink *nl)
{
        for (size_t i = 0; i < nl->n_requests; i++) {
                nlmsg_free(nl->requests[i].msg);
                free(nl->requests[i].what);
        }
        nl->n_requests = 0;
        nl->batching = false;
}

struct netlink *netlink_free(struct netlink *nl)
{
        if (nl) {
                requests_drop(nl);
                free(nl->requests);
                free(nl->reply);
                close(nl->fd);
                free(nl);
        }
        return NULL;
}

uint32_t netlink_port(const struct netlink *nl)
{
        return nl->port;
}

/* Sends requests first..first+n-1 in one datagram; they get consecutive sequence numbers, the first is *ret_seq. */
static int requests_send(struct netlink *nl, const struct request *requests, size_t n, uint32_t *ret_seq,
                         struct err *err)
{
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        struct iovec parts[CHUNK_MESSAGES];
        struct msghdr datagram = {
                .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = parts, .msg_iovlen = n};

        *ret_seq = nl->seq + 1;
        for (size_t i = 0; i < n; i++) {
                struct nlmsghdr *hdr = nlmsg_hdr(requests[i].msg);

                hdr->nlmsg_seq = ++nl->seq;
                hdr->nlmsg_pid = nl->port;
                parts[i] = (struct iovec){.iov_base = hdr, .iov_len = NLMSG_ALIGN(hdr->nlmsg_len)};
        }
        while (sendmsg(nl->fd, &datagram, 0) < 0) {
                if (errno != EINTR)
                        return err_set_errno(err, errno, "%s: send to the kernel", requests[0].what);
        }
        return 0;
}

/* One datagram into nl->reply. */
static int reply_receive(struct netlink *nl, size_t *ret_bytes, const char *what, struct err *err)
{
        struct sockaddr_nl sender;
        struct iovec part = {.iov_base = nl->reply, .iov_len = REPLY_BYTES};
        ssize_t n;

        for (;;) {
                struct msghdr datagram = {.msg_name = &sender,
                                          .msg_namelen = sizeof(sender),
                                          .msg_iov = &part,
                                          .msg_iovlen = 1};

                n = recvmsg(nl->fd, &datagram, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return err_set(err, ERR_TIMEOUT, "%s: no answer from the kernel in %d s", what,
                                       REPLY_TIMEOUT_S);
                if (n < 0)
                        return err_set_errno(err, errno, "%s: receive from the kernel", what);
                if (datagram.msg_flags & MSG_TRUNC)
                        return err_set(err, ERR_PROTOCOL, "%s: the kernel's answer is longer than %d bytes",
                                       what, REPLY_BYTES);
                if (sender.nl_pid != 0)
                        continue; /* only the kernel's word counts; any process may send to our port */
                *ret_bytes = (size_t)n;
                return 0;
        }
}

static void read_explanation(const struct nlmsghdr *hdr, size_t fixed_bytes, char *ret, size_t size)
{
        struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1];

        ret[0] = '\0';
        if ((hdr->nlmsg_flags & NLM_F_ACK_TLVS) &&
            message_parse(hdr, fixed_bytes, attributes, NLMSGERR_ATTR_MAX, NULL) == 0)
                attribute_string(attributes[NLMSGERR_ATTR_MSG], ret, size);
}

/* The error of an answer: errno's text, and the kernel's explanation in brackets. */
static int explain(int sys_errno, const char *explanation, const char *what, struct err *err)
{
        /* An address that is not there is EADDRNOTAVAIL, a table that is not there ENOENT, a route ESRCH. */
        int r = err_set_errno(err, sys_errno, "%s", what);

        if (sys_errno == EADDRNOTAVAIL) {
                r = -ERR_NOT_FOUND;
                if (err)
                        err->code = ERR_NOT_FOUND;
        }
        if (err && explanation[0]) {
                size_t used = strlen(err->msg);

                snprintf(err->msg + used, sizeof(err->msg) - used, " (%s)", explanation);
        }
        return r;
}

/* The verdict in an NLMSG_ERROR or NLMSG_DONE message: 0, or the failure. */
static int read_verdict(const struct nlmsghdr *hdr, const char *what, struct err *err)
{
        size_t fixed = hdr->nlmsg_type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(int);
        char explanation[EXPLANATION_BYTES];
        int error = 0;

        if (hdr->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
                return hdr->nlmsg_type == NLMSG_DONE
                               ? 0
                               : err_set(err, ERR_PROTOCOL, "%s: short acknowledgement", what);
        memcpy(&error, nlmsg_data(hdr), sizeof(error));
        if (error >= 0)
                return 0;
        read_explanation(hdr, fixed, explanation, sizeof(explanation));
        return explain(-error, explanation, what, err);
}

/* Waits until all n requests from first_seq on are answered. The first that failed, in their order, is the error. */
static int acks_collect(struct netlink *nl, const struct request *requests, size_t n, uint32_t first_seq,
                        struct err *err)
{
        size_t open = n, first_failed = n;
        int result = 0, r;

        while (open > 0) {
                size_t bytes = 0;
                int left;

                r = reply_receive(nl, &bytes, requests[0].what, err);
                if (r < 0)
                        return r;
                left = (int)bytes;
                for (struct nlmsghdr *hdr = (void *)nl->reply; nlmsg_ok(hdr, left);
                     hdr = nlmsg_next(hdr, &left)) {
                        size_t i = hdr->nlmsg_seq - first_seq;
                        struct err failure;

                        if (hdr->nlmsg_type != NLMSG_ERROR || i >= n)
                                continue;
                        open--;
                        r = read_verdict(hdr, requests[i].what, &failure);
                        if (r < 0 && i < first_failed) {
                                first_failed = i;
                                result = r;
                                if (err)
                                        *err = failure;
                        }
                }
        }
        return result;
}

/* Sends and awaits all kept requests, and drops them. */
static int requests_run(struct netlink *nl, struct err *err)
{
        int result = 0;

        for (size_t i = 0; i < nl->n_requests; i += CHUNK_MESSAGES) {
                size_t n = nl->n_requests - i < CHUNK_MESSAGES ? nl->n_requests - i : CHUNK_MESSAGES;
                struct err failure;
                uint32_t first_seq;
                int r = requests_send(nl, nl->requests + i, n, &first_seq, &failure);

                if (r == 0)
                        r = acks_collect(nl, nl->requests + i, n, first_seq, &failure);
                if (r < 0 && result == 0) {
                        result = r;
                        if (err)
                                *err = failure;
                }
        }
        requests_drop(nl);
        return result;
}

_printf_(3, 0) static void requests_add(struct netlink *nl, struct nl_msg *msg, const char *format,
                                        va_list args)
{
        struct request request = {.msg = msg};

        if (vasprintf(&request.what, format, args) < 0)
                abort();
        GROW(nl->requests, nl->n_requests, nl->capacity);
        nl->requests[nl->n_requests++] = request;
}

int netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
{
        va_list args;

        nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
        va_start(args, format);
        requests_add(nl, msg, format, args);
        va_end(args);
        return nl->batching ? 0 : requests_run(nl, err);
}

void netlink_batch_begin(struct netlink *nl)
{
        nl->batching = true;
}

int netlink_batch_commit(struct netlink *nl, struct err *err)
{
        return requests_run(nl, err);
}

void netlink_batch_cancel(struct netlink *nl)
{
        requests_drop(nl);
}

/* Takes what belongs to the request out of one datagram. Returns 1 at the end of the reply, 0 if more is to come. */
static int reply_take(struct netlink *nl, size_t bytes, uint32_t seq, struct text *body, bool *torn,
                      const char *what, struct err *err)
{
        int left = (int)bytes;

        for (struct nlmsghdr *hdr = (void *)nl->reply; nlmsg_ok(hdr, left); hdr = nlmsg_next(hdr, &left)) {
                if (hdr->nlmsg_seq != seq)
                        continue; /* the rest of an answer that nobody waited for */
                if (hdr->nlmsg_flags & NLM_F_DUMP_INTR)
                        *torn = true;
                if (hdr->nlmsg_type == NLMSG_DONE || hdr->nlmsg_type == NLMSG_ERROR) {
                        int r = read_verdict(hdr, what, err);

                        return r < 0 ? r : 1;
                }
                text_add_bytes(body, hdr, NLMSG_ALIGN(hdr->nlmsg_len));
        }
        return body->bytes > DUMP_BYTES_MAX
                       ? err_set(err, ERR_LIMIT, "%s: more than %d bytes", what, DUMP_BYTES_MAX)
                       : 0;
}

/* One try of a get or dump: the whole reply into body. */
static int reply_gather(struct netlink *nl, const struct request *request, struct text *body, bool *torn,
                        struct err *err)
{
        uint32_t seq = 0;
        int r = requests_send(nl, request, 1, &seq, err);

        body->bytes = 0;
        *torn = false;
        while (r == 0) {
                size_t bytes = 0;

                r = reply_receive(nl, &bytes, request->what, err);
                if (r == 0)
                        r = reply_take(nl, bytes, seq, body, torn, request->what, err);
        }
        return r < 0 ? r : 0;
}

static int reply_walk(const struct text *body, netlink_each_fn each, void *arg, struct err *err)
{
        int left = (int)body->bytes, r;

        for (struct nlmsghdr *hdr = (void *)body->text; left && nlmsg_ok(hdr, left);
             hdr = nlmsg_next(hdr, &left)) {
                r = each(hdr, arg, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int netlink_get(struct netlink *nl, struct nl_msg *msg, netlink_each_fn each, void *arg, struct err *err,
                const char *format, ...)
{
        _cleanup_(text_done) struct text body = {0};
        _cleanup_free_ char *what = NULL;
        struct request request = {.msg = msg};
        bool torn = true;
        va_list args;
        int r = 0;

        va_start(args, format);
        if (vasprintf(&what, format, args) < 0)
                abort();
        va_end(args);
        request.what = what;
        /* A dump ends with NLMSG_DONE; anything else needs the acknowledgement to have an end. */
        if ((nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
                nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
        if (nl->batching)
                r = err_set(err, ERR_INTERNAL, "%s: reading inside a batch", what);
        for (int i = 0; i < DUMP_TRIES && r == 0 && torn; i++)
                r = reply_gather(nl, &request, &body, &torn, err);
        nlmsg_free(msg);
        if (r < 0)
                return r;
        if (torn)
                return err_set(err, ERR_AGAIN, "%s: changed during each of %d readings", what, DUMP_TRIES);
        return reply_walk(&body, each, arg, err);
}
