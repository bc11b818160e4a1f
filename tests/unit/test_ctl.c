// SPDX-License-Identifier: Apache-2.0
/* ipamctl's commands: what they print, in text and JSON, and their exit codes, against a daemon with canned answers. */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/varlink.h>

#include "ctl/ctl.h"
#include "ctl/doctor/doctor.h"
#include "ctl/source.h"

/* It stands still: what was 12 seconds ago when the answer was made is so when it is shown. (As in reconcile_fixture.c.) */
int64_t __real_clock_wall_ms(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int64_t __wrap_clock_wall_ms(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int64_t __wrap_clock_wall_ms(void)  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
{
        static int64_t now_ms;

        if (!now_ms)
                now_ms = __real_clock_wall_ms();
        return now_ms;
}

/* ---- a daemon that knows one answer per method ---- */

struct daemon {
        char folder[32], path[64];
        int fd;
        pthread_t thread;
        char *bytes; /* sent after the first call; then the connection is closed */
        size_t n;
};

static void *daemon_run(void *data)
{
        struct daemon *daemon = data;
        int fd = accept4(daemon->fd, NULL, NULL, SOCK_CLOEXEC);
        char c = 'x';

        while (c && read(fd, &c, 1) == 1)
                ;
        for (size_t at = 0; at < daemon->n;) {
                ssize_t sent = send(fd, daemon->bytes + at, daemon->n - at, MSG_NOSIGNAL);

                if (sent < 0)
                        break;
                at += (size_t)sent;
        }
        /* No more answers, but more calls may be on their way: their sender reads what is here first. */
        shutdown(fd, SHUT_WR);
        while (read(fd, &c, 1) == 1)
                ;
        close(fd);
        return NULL;
}

static void daemon_add(struct daemon *daemon, enum ipam_method_id id, const void *reply, const char *error,
                       bool continues)
{
        _cleanup_json_ json_t *parameters =
                error ? json_pack("{s:s}", "reason", "because") : jsonx_encode(ipam_method(id)->reply, reply);
        _cleanup_json_ json_t *message = varlink_reply_new(
                &(struct varlink_reply){.error = error, .parameters = parameters, .continues = continues});
        size_t n;
        _cleanup_free_ char *bytes = varlink_message_format(message, &n);

        daemon->bytes = xrealloc_array(daemon->bytes, daemon->n + n, 1);
        memcpy(daemon->bytes + daemon->n, bytes, n);
        daemon->n += n;
}

static void daemon_start(struct daemon *daemon)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        strcpy(daemon->folder, "/tmp/vw-ctl-XXXXXX");
        assert_non_null(mkdtemp(daemon->folder));
        snprintf(daemon->path, sizeof(daemon->path), "%s/s", daemon->folder);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->path);
        daemon->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(daemon->fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(daemon->fd, 8), 0);
        assert_int_equal(pthread_create(&daemon->thread, NULL, daemon_run, daemon), 0);
}

static void daemon_stop(struct daemon *daemon)
{
        pthread_join(daemon->thread, NULL);
        close(daemon->fd);
        unlink(daemon->path);
        rmdir(daemon->folder);
        free(daemon->bytes);
}

/* ---- running the program ---- */

struct run {
        enum ctl_exit code;
        char *out, *err;
};

static struct run run(const char *socket_path, unsigned width, const char *const *arguments)
{
        struct run ret = {0};
        size_t n_out, n_errors;
        char *argv[8] = {NULL};
        int argc = 0;
        struct ctl ctl = {
                .out = open_memstream(&ret.out, &n_out),
                .err = open_memstream(&ret.err, &n_errors),
                .socket_path = socket_path,
                .columns = width,
        };

        argv[argc++] = xstrdup("ipamctl");
        for (; arguments[argc - 1]; argc++)
                argv[argc] = xstrdup(arguments[argc - 1]);
        ret.code = ctl_run(&ctl, argc, argv);
        fclose(ctl.out);
        fclose(ctl.err);
        for (int i = 0; i < argc; i++)
                free(argv[i]);
        return ret;
}

static void run_done(struct run *run)
{
        free(run->out);
        free(run->err);
}

#define RUN(path_, width_, ...) run((path_), (width_), (const char *const[]){__VA_ARGS__, NULL})

static void assert_lines_fit(const char *text, size_t width)
{
        for (const char *line = text; *line;) {
                size_t n = strcspn(line, "\n");

                if (n > width)
                        fail_msg("%zu characters: %.*s", n, (int)n, line);
                line += n + (line[n] == '\n');
        }
}

/* ---- samples ---- */

static struct ipam_status_reply sample_status(void)
{
        static struct ipam_blocked blocked[] = {
                {.action = "assign",
                 .subject = "subnet-1",
                 .reason = "subnet is full",
                 .remedy = "free some"},
                {.action = "create",
                 .subject = "subnet-1",
                 .reason = "subnet is full",
                 .remedy = "free some"},
                {.action = "grow", .subject = "", .reason = "all 3 ENIs are full", .remedy = "a larger one"}};
        int64_t now_ms = clock_wall_ms();
        struct ipam_status_reply status = {
                .ready = true,
                .version = "1.2.3",
                .booted_ms = now_ms - 7500000,
                .started_ms = now_ms - 250000,
                .node = {.instance_id = "i-1",
                         .instance_type = "t3.small",
                         .availability_zone = "eu-1a",
                         .subnet_id = "subnet-1",
                         .primary_address = ip_from_u32(0x0a00000a)},
                .pool = {.total = 9, .leased = 5, .free = 3, .cooling = 1},
                .targets =
                        {.warm_eni = 1, .warm_ip = -1, .minimum_ip = -1, .max_eni = -1, .cooldown_ms = 30000},
                .enis = 2,
                .max_enis = 3,
                .blocked = blocked,
                .n_blocked = ARRAY_SIZE(blocked),
                .room = IPAM_ROOM_STATE_AVAILABLE,
                .room_summary = "3 free, 5 of at most 9 in use",
        };

        blocked[0].until_ms = now_ms + 50500;
        blocked[1].until_ms = now_ms + 44500;
        return status;
}

static struct ipam_list_reply sample_list(void)
{
        static struct ipam_eni enis[] = {
                {.eni_id = "eni-0123456789abcdef0",
                 .state = IPAM_ENI_STATE_READY,
                 .mac = "02:00:00:00:00:01",
                 .subnet_id = "subnet-0123456789abcdef0",
                 .primary = true,
                 .total = 3,
                 .leased = 2,
                 .free = 1},
                {.device_index = 1, .network_card = 1, .state = IPAM_ENI_STATE_CREATING},
        };
        static struct ipam_lease_address addresses[] = {{.eni_id = "eni-0123456789abcdef0"},
                                                        {.eni_id = "eni-0123456789abcdef0"}};
        static struct ipam_lease leases[] = {
                {.addresses = &addresses[0],
                 .n_addresses = 1,
                 .network = "net",
                 .container_id = "0123456789abcdef0123456789abcdef",
                 .ifname = "eth0",
                 .pod_namespace = "default",
                 .pod_name = "web-0",
                 .state = IPAM_LEASE_STATE_WIRED},
                {.addresses = &addresses[1],
                 .n_addresses = 1,
                 .network = "net",
                 .container_id = "short",
                 .ifname = "eth0",
                 .state = IPAM_LEASE_STATE_RESERVED},
        };
        static struct ipam_waiting waiting[] = {{.network = "net",
                                                 .container_id = "fedcba9876543210",
                                                 .ifname = "eth0",
                                                 .pod_namespace = "default",
                                                 .pod_name = "web-9"}};

        for (uint32_t i = 0; i < ARRAY_SIZE(addresses); i++) {
                addresses[i].address = ip_from_u32(0x0a000105 + i);
                addresses[i].gateway = ip_from_u32(0xa9fe0101);
        }
        leases[0].since_ms = leases[1].since_ms = clock_wall_ms() - 7500000;
        waiting[0].since_ms = clock_wall_ms() - 12500;
        waiting[0].deadline_ms = waiting[0].since_ms + 30000;
        return (struct ipam_list_reply){.enis = enis,
                                        .n_enis = ARRAY_SIZE(enis),
                                        .leases = leases,
                                        .n_leases = ARRAY_SIZE(leases),
                                        .waiting = waiting,
                                        .n_waiting = ARRAY_SIZE(waiting)};
}

/* ---- tests ---- */

static void test_status(void **state _unused_)
{
        struct ipam_status_reply status = sample_status();
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        daemon_add(&daemon, IPAM_METHOD_STATUS, &status, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "status");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        assert_string_equal(text.err, "");
        assert_contains(text.out, "node       i-1 (t3.small) in eu-1a, subnet-1, 10.0.0.10\n");
        assert_contains(text.out, "ipamd      1.2.3, started 4m10s ago; node booted 2h05m ago\n");
        assert_contains(text.out, "ready      yes\n");
        assert_contains(text.out, "ENIs       2 of 3\n");
        assert_contains(text.out, "addresses  9: 5 in use, 3 free, 1 cooling\n");
        assert_contains(text.out, "targets    WARM_ENI_TARGET=1, cooldown 30s\n");
        assert_contains(text.out, "room       3 free, 5 of at most 9 in use\n");
        assert_contains(text.out,
                        "blocked    assign subnet-1, create subnet-1: subnet is full, next try in 45s\n"
                        "           fix: free some\n"
                        "blocked    grow: all 3 ENIs are full\n"
                        "           fix: a larger one\n");
        assert_null(strstr(text.out, "affected"));
        assert_null(strchr(text.out, '\033'));
}

/* The time of the next try is over while it is under way. */
static void test_status_retrying(void **state _unused_)
{
        struct ipam_blocked blocked = {.action = "assign",
                                       .subject = "eni-1",
                                       .reason = "EC2 hangs",
                                       .kind = IPAM_CONDITION_KIND_ASSIGN,
                                       .cause = IPAM_CONDITION_CAUSE_TRANSPORT,
                                       .until_ms = clock_wall_ms() - 2000};
        struct ipam_status_reply status = sample_status();
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        status.blocked = &blocked;
        status.n_blocked = 1;
        daemon_add(&daemon, IPAM_METHOD_STATUS, &status, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "status");
        daemon_stop(&daemon);
        assert_contains(text.out, "blocked    assign eni-1: EC2 hangs, retrying now\n");
}

static void test_status_not_ready(void **state _unused_)
{
        struct ipam_status_reply status = sample_status();
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        status.ready = false;
        status.room = IPAM_ROOM_STATE_NONE;
        status.room_summary = "none, 3 of 3 in use";
        status.room_remedy = "a larger one";
        status.pool.waiting = 2;
        status.reason = "no free address";
        status.impaired = true;
        status.impaired_reason = "two pods\033[31m";
        status.node = (struct ipam_node){0};
        daemon_add(&daemon, IPAM_METHOD_STATUS, &status, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "status", "--socket", daemon.path);
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_NO);
        assert_contains(text.out, "node       not known yet\n");
        assert_contains(text.out, "ready      no: no free address\n");
        assert_contains(text.out, "room       none, 3 of 3 in use\n"
                                  "           fix: a larger one\n"
                                  "waiting    2 pods, ipamctl pods shows them\n");
        assert_contains(text.out, "blocked    grow: all 3 ENIs are full\n");
        assert_null(strstr(strstr(text.out, "blocked    grow"), "fix:")); /* said above */
        assert_contains(text.out, "affected   two pods?[31m\n");
}

#define ROOM "room: 3 free, 5 of at most 9 in use\n"

static void test_health(void **state _unused_)
{
        static const struct {
                const char *arguments[3];
                bool ready, set_up;
                enum ctl_exit code;
                const char *out;
        } cases[] = {
                {{"health"}, true, true, CTL_OK, "ok\n" ROOM},
                {{"health", "ready"}, true, true, CTL_OK, "ok\n" ROOM},
                {{"health"}, false, true, CTL_NO, "no free address?[31m\n" ROOM},
                {{"health", "ready"}, false, true, CTL_NO, "no free address?[31m\n" ROOM},
                {{"health", "startup"}, false, true, CTL_OK, "ok\n"},
                {{"health", "startup"}, false, false, CTL_NO, "no free address?[31m\n"},
                {{"health", "startup"},
                 true,
                 false,
                 CTL_OK,
                 "ok\n"}, /* a daemon that does not say set_up yet */
                {{"health", "live"}, false, false, CTL_OK, "ok\n"},
                {{"--json", "health", "live"},
                 true,
                 true,
                 CTL_OK,
                 "{\n  \"probe\": \"live\",\n  \"ok\": true,\n  \"reason\": null,\n  \"room\": null\n}\n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct ipam_status_reply status = sample_status();
                const char *const *a = cases[i].arguments;
                _cleanup_(run_done) struct run text = {0};
                struct daemon daemon = {0};

                status.ready = cases[i].ready;
                status.set_up = cases[i].set_up;
                status.reason = status.ready ? NULL : "no free address\033[31m";
                daemon_add(&daemon, IPAM_METHOD_STATUS, &status, NULL, false);
                daemon_start(&daemon);
                text = RUN(daemon.path, 0, a[0], a[1], a[2]);
                daemon_stop(&daemon);
                assert_int_equal(text.code, cases[i].code);
                assert_string_equal(text.out, cases[i].out);
                assert_string_equal(text.err, "");
        }
}

static void test_pods(void **state _unused_)
{
        struct ipam_list_reply list = sample_list();
        static const unsigned widths[] = {0, 120, 80};

        for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
                struct daemon daemon = {0};
                _cleanup_(run_done) struct run text = {0};

                daemon_add(&daemon, IPAM_METHOD_LIST, &list, NULL, false);
                daemon_start(&daemon);
                text = RUN(daemon.path, widths[i], "pods");
                daemon_stop(&daemon);
                assert_int_equal(text.code, CTL_OK);
                assert_lines_fit(text.out, widths[i] ?: 200);
                assert_contains(text.out, "default/web-0  10.0.1.5  ");
                assert_contains(text.out, "0123456789ab  wired     2h05m\n");
                assert_contains(text.out, "-              10.0.1.6  ");
                assert_contains(text.out, "short         reserved  2h05m\n");
                assert_contains(text.out, "default/web-9  -         ");
                assert_contains(text.out, "fedcba987654  waiting     12s\n");
        }
}

static void test_enis(void **state _unused_)
{
        struct ipam_list_reply list = sample_list();
        static const unsigned widths[] = {0, 120, 80};

        for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
                struct daemon daemon = {0};
                _cleanup_(run_done) struct run text = {0};

                daemon_add(&daemon, IPAM_METHOD_LIST, &list, NULL, false);
                daemon_start(&daemon);
                text = RUN(daemon.path, widths[i], "enis");
                daemon_stop(&daemon);
                assert_int_equal(text.code, CTL_OK);
                assert_lines_fit(text.out, widths[i] ?: 200);
                assert_contains(text.out, "eni-0123456789abcdef0    0  ready ");
                assert_contains(text.out, "-                      1/1  creating  -");
        }
}

static void test_json_is_what_came(void **state _unused_)
{
        struct ipam_list_reply list = sample_list(), pods = list;
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};
        _cleanup_json_ json_t *got = NULL, *expect = NULL;

        pods.enis = NULL;
        pods.n_enis = 0;
        daemon_add(&daemon, IPAM_METHOD_LIST, &list, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 80, "--json", "pods");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        got = json_loads(text.out, 0, NULL);
        expect = jsonx_encode(ipam_method(IPAM_METHOD_LIST)->reply, &pods);
        assert_true(json_equal(got, expect));
}

static void test_watch(void **state _unused_)
{
        const struct ipam_event events[] = {{1, 1440938160123, "lease-added", "10.0.1.5", "net/c1/eth0"},
                                            {2, 1440938161123, "eni-ready", "eni-1", ""}};
        static const char *const expect[2] = {
                "2015-08-30T12:36:00.123Z  lease-added       10.0.1.5               net/c1/eth0\n"
                "2015-08-30T12:36:01.123Z  eni-ready         eni-1                  \n",
                "{\"id\":1,\"at_ms\":1440938160123,\"kind\":\"lease-added\",\"subject\":\"10.0.1.5\","
                "\"text\":"
                "\"net/c1/eth0\"}\n"
                "{\"id\":2,\"at_ms\":1440938161123,\"kind\":\"eni-ready\",\"subject\":\"eni-1\",\"text\":"
                "\"\"}\n",
        };

        for (int json = 0; json < 2; json++) {
                for (int stop = 0; stop < 2; stop++) {
                        struct daemon daemon = {0};
                        _cleanup_(run_done) struct run text = {0};

                        for (size_t i = 0; i < ARRAY_SIZE(events); i++)
                                daemon_add(&daemon, IPAM_METHOD_WATCH, &events[i], NULL, true);
                        daemon_start(&daemon);
                        text = RUN(daemon.path, 80, "watch", stop ? "--events=2" : "--events=3",
                                   json ? "--json" : NULL);
                        daemon_stop(&daemon);
                        assert_string_equal(text.out, expect[json]);
                        /* Without the limit it runs until the daemon is gone, and says so. */
                        assert_int_equal(text.code, stop ? CTL_OK : CTL_NO);
                        if (!stop)
                                assert_contains(text.err, "closed the connection");
                }
        }
}

static const struct ipam_event history[] = {
        /* The newest first, as the daemon answers. */
        {4, 1440938163123, "lease-released", "10.0.1.5", "net/c1/eth0: DEL", "d/web", "c1", "eni-1",
         IPAM_LEASE_END_DEL},
        {3, 1440938162123, "lease-wired", "10.0.1.5", "net/c1/eth0: the pod has it", "d/web", "c1", "eni-1",
         0},
        {2, 1440938161123, "lease-added", "10.0.1.5", "net/c1/eth0: web", "d/web", "c1", "eni-1", 0},
        {1, 1440938160123, "add-waiting", "d/web", "no free\033 address", "d/web", "c1", NULL, 0},
};

/* Pages until one is empty. */
static void daemon_add_history(struct daemon *daemon, size_t from)
{
        struct ipam_events_reply page = {.n_events = ARRAY_SIZE(history) - from};

        page.events = xcalloc(page.n_events, sizeof(history[0]));
        memcpy(page.events, history + from, page.n_events * sizeof(history[0]));
        daemon_add(daemon, IPAM_METHOD_EVENTS, &page, NULL, false);
        daemon_add(daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){0}, NULL, false);
        free(page.events);
}

static void test_events(void **state _unused_)
{
        for (int json = 0; json < 2; json++) {
                struct daemon daemon = {0};
                _cleanup_(run_done) struct run text = {0};
                const char *first, *last;

                daemon_add_history(&daemon, 0);
                daemon_start(&daemon);
                text = RUN(daemon.path, 80, "events", "--since", "2h", json ? "--json" : NULL);
                daemon_stop(&daemon);
                assert_int_equal(text.code, CTL_OK);
                first = strstr(text.out, "add-waiting");
                last = strstr(text.out, "lease-released");
                assert_true(first && last && first < last); /* the newest last */
                assert_null(strchr(text.out, '\033'));
        }
}

static void test_events_last(void **state _unused_)
{
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        daemon_add_history(&daemon, 0);
        daemon_start(&daemon);
        text = RUN(daemon.path, 120, "events", "--last=1");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        assert_string_equal(
                text.out,
                "2015-08-30T12:36:03.123Z  lease-released    10.0.1.5               net/c1/eth0: DEL\n");
}

/* All of an event of a pod in one line of 120 columns: the container's id as runtimes' tools have it. */
static void test_events_have_short_ids(void **state _unused_)
{
        static char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        struct ipam_event event = {1, 1440938163123, "lease-released", "10.0.1.5", NULL, "d/web", id, "eni-1",
                                   0};
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        event.text = "vpcwire/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/eth0: DEL";
        daemon_add(&daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){&event, 1}, NULL, false);
        daemon_add(&daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){0}, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 120, "events");
        daemon_stop(&daemon);
        assert_string_equal(text.out, "2015-08-30T12:36:03.123Z  lease-released    10.0.1.5               "
                                      "vpcwire/0123456789ab/eth0: DEL\n");
}

static void test_events_fit_the_terminal(void **state _unused_)
{
        static const unsigned widths[] = {80, 120};
        struct ipam_event event = {
                1, 1440938160123, "add-refused", "default/web-7f9c6b5d4-x2x9q",
                "no free address: 9 of 9 leased on 3 ENIs, all that a t3.small can have; next "
                "try in 25 s, and more words that no line has room for"};

        for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
                struct daemon daemon = {0};
                _cleanup_(run_done) struct run text = {0};

                daemon_add(&daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){&event, 1}, NULL, false);
                daemon_add(&daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){0}, NULL, false);
                daemon_start(&daemon);
                text = RUN(daemon.path, widths[i], "events");
                daemon_stop(&daemon);
                assert_lines_fit(text.out, widths[i]);
                assert_contains(text.out, " room for\n");
        }
}

static void test_explain_address(void **state _unused_)
{
        struct ipam_address_reply now = {true, IPAM_ADDRESS_STATE_COOLING, "eni-1", 1,
                                         clock_wall_ms() + 20500};
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        daemon_add_history(&daemon, 0);
        daemon_add(&daemon, IPAM_METHOD_ADDRESS, &now, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "explain", "10.0.1.5");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        assert_contains(
                text.out,
                "address    10.0.1.5\nstate      cooling for another 20s\nENI        eni-1, device 1\n");
        assert_contains(text.out,
                        "d/web  10.0.1.5  2015-08-30T12:36:01.123Z  2015-08-30T12:36:03.123Z    2s      1s  "
                        "eni-1  c1         DEL\n");
        assert_contains(
                text.out,
                "2015-08-30T12:36:00.123Z  add-waiting       d/web                  no free? address\n");
}

static void test_explain_pod(void **state _unused_)
{
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        daemon_add_history(&daemon, 1);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "explain", "d/web");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        assert_contains(text.out, "pod        d/web\nleases     1 now, 0 ended\n");
}

static void test_explain_waiting(void **state _unused_)
{
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};

        daemon_add_history(&daemon, 3);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "explain", "web");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        assert_contains(text.out, "leases     0 now, 0 ended\nwaiting    for ");
        assert_contains(text.out, ": no free? address\n");
}

static void test_explain_json(void **state _unused_)
{
        struct ipam_address_reply now = {true, IPAM_ADDRESS_STATE_FREE, "eni-1", 1, 0};
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};
        _cleanup_json_ json_t *got = NULL;
        const json_t *lease;

        daemon_add_history(&daemon, 0);
        daemon_add(&daemon, IPAM_METHOD_ADDRESS, &now, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "--json", "explain", "10.0.1.5");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        got = json_loads(text.out, 0, NULL);
        assert_int_equal(json_array_size(json_object_get(got, "events")), ARRAY_SIZE(history));
        assert_string_equal(json_string_value(json_object_get(json_object_get(got, "now"), "state")), "free");
        assert_int_equal(json_array_size(json_object_get(got, "leases")), 1);
        lease = json_array_get(json_object_get(got, "leases"), 0);
        assert_string_equal(json_string_value(json_object_get(lease, "pod")), "d/web");
        assert_string_equal(json_string_value(json_object_get(lease, "end")), "DEL");
        assert_int_equal(json_integer_value(json_object_get(lease, "waited_ms")), 1000);
        assert_int_equal(json_integer_value(json_object_get(lease, "wired_ms")), 1440938162123);
}

static void test_explain_the_unknown(void **state _unused_)
{
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0};
        struct ipam_event boot = {1, 1440938160123, "boot", "", "another boot", NULL, NULL, NULL};

        daemon_add(&daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){&boot, 1}, NULL, false);
        daemon_add(&daemon, IPAM_METHOD_EVENTS, &(struct ipam_events_reply){0}, NULL, false);
        daemon_add(&daemon, IPAM_METHOD_ADDRESS, &(struct ipam_address_reply){0}, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "explain", "10.9.9.9");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_NO);
        assert_string_equal(
                text.err, "ipamctl: no record of 10.9.9.9 on this node; next: kubectl vpcwire explain, which "
                          "asks all nodes\n");
}

static void test_log_level(void **state _unused_)
{
        static const struct {
                struct ipam_log_level_reply reply;
                const char *expect;
        } cases[] = {
                {{IPAM_LEVEL_INFO, IPAM_LEVEL_INFO}, "info\n"},
                {{IPAM_LEVEL_DEBUG, IPAM_LEVEL_INFO},
                 "debug (until a restart or SIGHUP; the settings say info)\n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct daemon daemon = {0};
                _cleanup_(run_done) struct run text = {0};

                daemon_add(&daemon, IPAM_METHOD_LOG_LEVEL, &cases[i].reply, NULL, false);
                daemon_start(&daemon);
                text = RUN(daemon.path, 0, "log-level");
                daemon_stop(&daemon);
                assert_int_equal(text.code, CTL_OK);
                assert_string_equal(text.out, cases[i].expect);
        }
}

static void test_version(void **state _unused_)
{
        struct ipam_status_reply status = sample_status();
        struct daemon daemon = {0};
        _cleanup_(run_done) struct run text = {0}, alone = {0};

        daemon_add(&daemon, IPAM_METHOD_STATUS, &status, NULL, false);
        daemon_start(&daemon);
        text = RUN(daemon.path, 0, "version");
        daemon_stop(&daemon);
        assert_int_equal(text.code, CTL_OK);
        assert_string_equal(text.out, "ipamctl " VPCWIRE_VERSION "\nipamd   1.2.3\n");
        alone = RUN("/nonexistent/s", 0, "version");
        assert_int_equal(alone.code, CTL_NO);
        assert_string_equal(alone.out, "ipamctl " VPCWIRE_VERSION "\n");
}

static void test_no_daemon(void **state _unused_)
{
        static const char *const commands[] = {"status", "pods",      "enis",  "watch",
                                               "events", "log-level", "health"};

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                _cleanup_(run_done) struct run text = RUN("/nonexistent/s", 0, commands[i]);

                assert_int_equal(text.code, CTL_NO);
                assert_string_equal(text.out, "");
                assert_string_equal(text.err,
                                    "ipamctl: there is no socket /nonexistent/s; next: ipamctl doctor\n");
        }
}

static void test_the_daemon_says_no(void **state _unused_)
{
        static const char *const commands[] = {"status",  "pods",   "enis",      "watch",
                                               "version", "events", "log-level", "health"};

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                struct daemon daemon = {0};
                _cleanup_(run_done) struct run text = {0};

                daemon_add(&daemon, IPAM_METHOD_STATUS, NULL, "io.vpcwire.ipam.Internal", false);
                daemon_start(&daemon);
                text = RUN(daemon.path, 0, commands[i]);
                daemon_stop(&daemon);
                assert_int_equal(text.code, CTL_NO);
                assert_string_equal(text.err, "ipamctl: because; next: ipamctl doctor\n");
        }
}

static void test_usage(void **state _unused_)
{
        static const struct {
                const char *arguments[4];
                enum ctl_exit code;
                const char *out, *complaint;
        } cases[] = {
                {{NULL}, CTL_USAGE, NULL, "usage: ipamctl"},
                {{"frob"}, CTL_USAGE, NULL, "unknown command frob; see ipamctl --help"},
                {{"health", "well"}, CTL_USAGE, NULL, "health takes live, ready or startup, not well"},
                {{"health", "live", "x"}, CTL_USAGE, NULL, "too many arguments: x"},
                {{"pods", "x"}, CTL_USAGE, NULL, "too many arguments: x"},
                {{"--frob"}, CTL_USAGE, NULL, "unknown option --frob"},
                {{"-x"}, CTL_USAGE, NULL, "unknown option -x"},
                {{"pods", "--socket"}, CTL_USAGE, NULL, "a value is missing after --socket"},
                {{"watch", "--events", "0"}, CTL_USAGE, NULL, "--events expects a number from 1, not 0"},
                {{"watch", "--events", "1x"}, CTL_USAGE, NULL, "not 1x"},
                {{"explain"}, CTL_USAGE, NULL, "name a pod or an address"},
                {{"events", "--last", "0"}, CTL_USAGE, NULL, "--last expects a number from 1, not 0"},
                {{"events", "--since", "2"}, CTL_USAGE, NULL, "expects e.g. 90s, 10m, 2h or 3d, not 2"},
                {{"events", "--since", "-2h"}, CTL_USAGE, NULL, "not -2h"},
                {{"events", "--since", "99999999999999999999h"}, CTL_USAGE, NULL, "not 9999"},
                {{"events", "--since", "2hh"}, CTL_USAGE, NULL, "not 2hh"},
                {{"--help"}, CTL_OK, "  watch     what happens", NULL},
                {{"enis", "--help"}, CTL_OK, "DEV is the device index", NULL},
                {{"--help", "--socket", "/x/y"}, CTL_OK, "socket: /x/y", NULL},
                {{"statsu"},
                 CTL_USAGE,
                 NULL,
                 "unknown command statsu; did you mean status? See ipamctl --help"},
                {{"pods", "--jsn"}, CTL_USAGE, NULL, "unknown option --jsn; did you mean --json?"},
                {{"pods", "--sokcet=/x"}, CTL_USAGE, NULL, "unknown option --sokcet; did you mean --socket?"},
                {{"pods", "--last", "3"},
                 CTL_USAGE,
                 NULL,
                 "pods does not take --last; it takes --socket --json --help\n"},
                {{"--cancel", "bundle"},
                 CTL_USAGE,
                 NULL,
                 "bundle does not take --cancel; it takes --socket --json --root"},
                {{"--version", "pods"}, CTL_USAGE, NULL, "pods does not take --version"},
                {{"--version"}, CTL_OK, "ipamctl " VPCWIRE_VERSION "\n", NULL},
                {{"help"}, CTL_OK, "  watch     what happens", NULL},
                {{"help", "enis"}, CTL_OK, "DEV is the device index", NULL},
                {{"help", "enis", "x"}, CTL_USAGE, NULL, "too many arguments: x"},
                {{"help", "enix"}, CTL_USAGE, NULL, "did you mean enis?"},
                {{"help", "watch"}, CTL_OK, "  --events  N     stop after N events\n", NULL},
                {{"--help"}, CTL_OK, "  --last    N     events: only the newest N\n", NULL},
                {{"log-level", "loud"}, CTL_USAGE, NULL, "debug, info, warn, error"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(run_done) struct run text = run("/nonexistent/s", 0, cases[i].arguments);

                assert_int_equal(text.code, cases[i].code);
                if (cases[i].out)
                        assert_contains(text.out, cases[i].out);
                else
                        assert_string_equal(text.out, "");
                if (cases[i].complaint)
                        assert_contains(text.err, cases[i].complaint);
                else
                        assert_string_equal(text.err, "");
        }
}

/* A large subnet is no trouble as long as few of it are neighbours. */
static void test_doctor_tells_when_neighbours_fill_their_table(void **state)
{
        static const struct {
                uint64_t used, most, limit;
                bool tight;
        } cases[] = {
                {3, 254, 1024, false},    {3, 65534, 1024, false}, {512, 65534, 1024, false},
                {513, 65534, 1024, true}, {513, 254, 1024, false}, {768, 1024, 1024, false},
                {769, 1024, 1024, true},  {0, 254, 0, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(doctor_neighbours_are_tight(cases[i].used, cases[i].most, cases[i].limit),
                                 cases[i].tight);
}

/* One struct ctl is for all commands of a bundle, and a daemon may start, or hang, in the middle of it. */
static void test_source_after_another(void **state _unused_)
{
        struct daemon daemon = {0};
        struct ctl found = {.offline.daemon = CTL_DAEMON_DOWN};
        struct ctl hung = {.offline.daemon = CTL_DAEMON_SILENT, .db_path = "/nonexistent/ipam.db"};
        _cleanup_free_ char *text = NULL;
        struct source source;
        size_t n;

        daemon_start(&daemon);
        found.socket_path = daemon.path;
        assert_int_equal(source_open(&found, &source), 0);
        source_done(&source);
        daemon_stop(&daemon);
        assert_int_equal(found.offline.daemon, CTL_DAEMON_ANSWERS);

        hung.err = open_memstream(&text, &n);
        assert_true(source_open(&hung, &source) < 0);
        fclose(hung.err);
        assert_non_null(strstr(text, "did not answer a moment ago"));
        assert_non_null(strstr(text, "/nonexistent/ipam.db"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_status),
                cmocka_unit_test(test_status_retrying),
                cmocka_unit_test(test_status_not_ready),
                cmocka_unit_test(test_health),
                cmocka_unit_test(test_pods),
                cmocka_unit_test(test_enis),
                cmocka_unit_test(test_json_is_what_came),
                cmocka_unit_test(test_watch),
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_events_last),
                cmocka_unit_test(test_events_have_short_ids),
                cmocka_unit_test(test_events_fit_the_terminal),
                cmocka_unit_test(test_explain_address),
                cmocka_unit_test(test_explain_pod),
                cmocka_unit_test(test_explain_waiting),
                cmocka_unit_test(test_explain_json),
                cmocka_unit_test(test_explain_the_unknown),
                cmocka_unit_test(test_log_level),
                cmocka_unit_test(test_version),
                cmocka_unit_test(test_no_daemon),
                cmocka_unit_test(test_source_after_another),
                cmocka_unit_test(test_the_daemon_says_no),
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_doctor_tells_when_neighbours_fill_their_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
