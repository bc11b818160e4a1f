// SPDX-License-Identifier: Apache-2.0
/* See run.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vpcwire/file.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "control.h"
#include "ec2api.h"
#include "fabric.h"
#include "httpd.h"
#include "imdsapi.h"
#include "run.h"
#include "world_ec2.h"

enum { LISTEN_BACKLOG = 128, HTTP_PORT = 80, HTTPS_PORT = 443, EC2_SERVERS_MAX = 2, CA_MODE = 0644 };

static const char ec2_address[] = "198.51.100.1", imds_address[] = "169.254.169.254";

/* In the order of making; undone backwards. */
struct running {
        int signal_fd;
        struct fabric *fabric;
        struct world *world;
        struct ec2api *ec2[EC2_SERVERS_MAX];
        size_t n_ec2;
        struct imdsapi *imds;
        struct control_target target;
        struct control *control;
        char *ec2_url, *ec2_local_url, *imds_url; /* NULL: none */
        struct tls tls;                           /* empty: plain HTTP */
        const char *tls_ca_path;                  /* the file that is to be removed; NULL: none */
};

static void running_done(struct running *running)
{
        control_free(running->control);
        imdsapi_stop(running->imds);
        while (running->n_ec2 > 0)
                ec2api_stop(running->ec2[--running->n_ec2]);
        world_free(running->world);
        fabric_free(running->fabric);
        cleanup_closep(&running->signal_fd);
        free(running->ec2_url);
        free(running->ec2_local_url);
        free(running->imds_url);
        tls_done(&running->tls);
        if (running->tls_ca_path)
                (void)unlink(running->tls_ca_path);
}

static int read_world_file(const char *path, json_t **ret, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        json_error_t json_error;
        size_t n;
        int r;

        if (strcmp(path, "-") == 0)
                r = file_read_fd(STDIN_FILENO, "standard input", RUN_WORLD_BYTES_MAX, &text, &n, err);
        else
                r = file_read(path, RUN_WORLD_BYTES_MAX, &text, &n, err);
        if (r < 0)
                return err_wrap(err, "world file");
        *ret = json_loadb(text, n, JSON_REJECT_DUPLICATES, &json_error);
        if (!*ret)
                return err_set(err, ERR_INVALID, "world file %s, line %d column %d: %s", path,
                               json_error.line, json_error.column, json_error.text);
        return 0;
}

/* Before any thread is made, so that all inherit the mask and the signals only come here. */
static int take_signals(int *ret_fd, struct err *err)
{
        sigset_t signals;
        int fd;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return err_set_errno(err, errno, "block signals");
        fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return err_set_errno(err, errno, "make a signalfd");
        *ret_fd = fd;
        return 0;
}

/* On 127.0.0.1 of the caller's namespace; port 0 takes a free one. */
static int listen_local(unsigned port, const char *scheme, int *ret_fd, char **ret_url, struct err *err)
{
        struct sockaddr_in in = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t n = sizeof(in);

        if (fd < 0)
                return err_set_errno(err, errno, "make a socket");
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
            bind(fd, (const struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
            getsockname(fd, (struct sockaddr *)&in, &n) < 0)
                return err_set_errno(err, errno, "listen on 127.0.0.1 port %u", port);
        *ret_url = xasprintf("%s://127.0.0.1:%u", scheme, (unsigned)ntohs(in.sin_port));
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int listen_fabric(struct fabric *fabric, enum fabric_place place, const char *text, bool tls,
                         int *ret_fd, char **ret_url, struct err *err)
{
        int port = tls ? HTTPS_PORT : HTTP_PORT;
        struct ip address;
        int r;

        r = ip_parse(text, &address, err);
        if (r == 0)
                r = fabric_listen(fabric, place, address, (unsigned)port, ret_fd, err);
        if (r < 0)
                return r;
        *ret_url = xasprintf("%s://%s:%d", tls ? "https" : "http", text, port);
        return 0;
}

/* One server per listening socket: libmicrohttpd takes one each. */
static int serve_ec2(struct running *running, int fd, struct err *err)
{
        const struct httpd_tls tls = {running->tls.certificate, running->tls.key};
        int r = ec2api_start(running->world, fd, tls.key ? &tls : NULL, &running->ec2[running->n_ec2], err);

        if (r < 0) {
                close(fd);
                return r;
        }
        running->n_ec2++;
        return 0;
}

static int start_ec2(struct running *running, int local_port, struct err *err)
{
        bool tls = running->tls.key;
        int fd = -1, r;

        if (running->fabric) {
                r = listen_fabric(running->fabric, FABRIC_INTERNET, ec2_address, tls, &fd, &running->ec2_url,
                                  err);
                if (r == 0)
                        r = serve_ec2(running, fd, err);
                if (r < 0)
                        return r;
        }
        if (local_port == RUN_NO_PORT && running->fabric)
                return 0;
        r = listen_local(local_port == RUN_NO_PORT ? 0 : (unsigned)local_port, tls ? "https" : "http", &fd,
                         &running->ec2_local_url, err);
        if (r == 0)
                r = serve_ec2(running, fd, err);
        if (r == 0 && !running->fabric)
                running->ec2_url = xstrdup(running->ec2_local_url);
        return r;
}

/* The CA before any client can ask for it. */
static int start_tls(const struct run_options *options, struct running *running, struct err *err)
{
        _cleanup_free_ char *ec2 = xasprintf("ec2.%s.amazonaws.com", world_region(running->world)),
                            *sts = xasprintf("sts.%s.amazonaws.com", world_region(running->world));
        const char *const hosts[] = {ec2_address, "127.0.0.1", "localhost", ec2, sts, NULL};
        int r;

        if (!options->tls_ca_path)
                return 0;
        r = tls_make(options->tls_kind, hosts, &running->tls, err);
        if (r == 0)
                r = file_replace(options->tls_ca_path, running->tls.ca, strlen(running->tls.ca), CA_MODE,
                                 err);
        if (r < 0)
                return err_wrap(err, "TLS");
        running->tls_ca_path = options->tls_ca_path;
        return 0;
}

static int start_imds(struct running *running, struct err *err)
{
        int fd = -1, r;

        if (running->fabric)
                r = listen_fabric(running->fabric, FABRIC_VPC, imds_address, false, &fd, &running->imds_url,
                                  err);
        else
                r = listen_local(0, "http", &fd, &running->imds_url, err);
        if (r < 0)
                return r;
        r = imdsapi_start(running->world, fd, &running->imds, err);
        if (r < 0)
                close(fd);
        return r;
}

static int start(const struct run_options *options, struct running *running, struct err *err)
{
        _cleanup_json_ json_t *description = NULL;
        int r;

        r = take_signals(&running->signal_fd, err);
        if (r == 0)
                r = read_world_file(options->world_file, &description, err);
        if (r == 0 && !options->no_fabric)
                r = fabric_new(options->prefix, &running->fabric, err);
        if (r == 0)
                r = world_new(description, running->fabric, &running->world, err);
        if (r < 0)
                return r;
        running->target = (struct control_target){.world = running->world, .fabric = running->fabric};
        r = start_tls(options, running, err);
        if (r < 0)
                return r;
        r = start_ec2(running, options->ec2_port, err);
        if (r < 0)
                return err_wrap(err, "EC2 API");
        r = start_imds(running, err);
        if (r < 0)
                return err_wrap(err, "IMDS");
        return control_new(options->control_path, &running->target, &running->control, err);
}

/* The one line on standard output: whoever started us waits for it. */
static int print_ready(const struct run_options *options, struct running *running, struct err *err)
{
        _cleanup_json_ json_t *dump = NULL, *line = NULL;
        _cleanup_free_ char *text = NULL;

        world_lock(running->world);
        dump = world_dump(running->world);
        world_unlock(running->world);
        line = json_pack("{s:b, s:s?, s:s, s:s?, s:s, s:s?, s:O?}", "ready", true, "prefix",
                         options->no_fabric ? NULL : options->prefix, "ec2", running->ec2_url, "ec2_local",
                         running->ec2_local_url, "imds", running->imds_url, "ca", running->tls_ca_path,
                         "nodes", json_object_get(dump, "nodes"));
        text = line ? json_dumps(line, JSON_COMPACT) : NULL;
        if (!text)
                return err_set(err, ERR_INTERNAL, "the ready line cannot be written as JSON");
        if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
                return err_set_errno(err, errno, "print the ready line");
        return 0;
}

static int loop(struct running *running, struct err *err)
{
        enum { SIGNAL, CONTROL, WAKE };
        struct pollfd fds[] = {
                [SIGNAL] = {.fd = running->signal_fd, .events = POLLIN},
                [CONTROL] = {.fd = control_fd(running->control), .events = POLLIN},
                [WAKE] = {.fd = world_wake_fd(running->world), .events = POLLIN},
        };
        struct signalfd_siginfo signal_info;
        eventfd_t woken;
        int timeout_ms;

        while (!running->target.stop) {
                world_lock(running->world);
                timeout_ms = world_tick(running->world);
                world_unlock(running->world);
                if (poll(fds, ARRAY_SIZE(fds), timeout_ms) < 0 && errno != EINTR)
                        return err_set_errno(err, errno, "poll");
                if (fds[WAKE].revents)
                        (void)eventfd_read(fds[WAKE].fd, &woken); /* the next tick looks at all that is due */
                if (fds[CONTROL].revents)
                        control_dispatch(running->control);
                if (fds[SIGNAL].revents &&
                    read(running->signal_fd, &signal_info, sizeof(signal_info)) == sizeof(signal_info)) {
                        log_info("stopping", LOG_INT("signal", signal_info.ssi_signo));
                        return 0;
                }
        }
        log_info("stopping", LOG_STR("by", "command"));
        return 0;
}

int run_simulation(const struct run_options *options, struct err *err)
{
        _cleanup_(running_done) struct running running = {.signal_fd = -1};
        int r;

        r = start(options, &running, err);
        if (r == 0)
                r = print_ready(options, &running, err);
        return r < 0 ? r : loop(&running, err);
}
