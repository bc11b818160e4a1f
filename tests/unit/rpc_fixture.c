// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "rpc_fixture.h"

enum { PATIENCE_MS = TEST_PATIENCE_MS };

static void on_async(uv_async_t *async)
{
        struct fixture *fixture = async->data;

        if (fixture->task) {
                fixture->task(fixture);
                fixture->task = NULL;
                sem_post(&fixture->done);
        }
}

static void on_wake(void *data)
{
        struct fixture *fixture = data;

        atomic_fetch_add(&fixture->wakes, 1);
}

static void *run_loop(void *data)
{
        struct fixture *fixture = data;

        uv_run(&fixture->loop, UV_RUN_DEFAULT);
        return NULL;
}

struct fixture *fixture_new(int64_t cooldown_ms)
{
        struct fixture *fixture = XNEW(struct fixture);
        struct store_options options = {.boot_id = "test-boot", .cooldown_ms = cooldown_ms};
        struct err err;

        signal(SIGPIPE, SIG_IGN);
        log_init(STDERR_FILENO, LOG_FORMAT_TEXT, getenv("VW_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
        strcpy(fixture->folder, "/tmp/vw-rpc-XXXXXX");
        assert_non_null(mkdtemp(fixture->folder));
        snprintf(fixture->socket_path, sizeof(fixture->socket_path), "%s/run/ipamd.sock", fixture->folder);
        snprintf(fixture->database, sizeof(fixture->database), "%s/ipam.db", fixture->folder);
        options.path = fixture->database;
        assert_ok(store_prepare(&options, NULL, &err), &err);
        assert_ok(store_open(&options, &fixture->store, &err), &err);
        assert_ok(store_open(&options, &fixture->loop_store, &err), &err);
        assert_int_equal(uv_loop_init(&fixture->loop), 0);
        assert_int_equal(uv_async_init(&fixture->loop, &fixture->async, on_async), 0);
        fixture->async.data = fixture;
        sem_init(&fixture->done, 0, 0);
        fixture->options = (struct rpc_options){
                .socket_path = fixture->socket_path,
                .store = fixture->loop_store,
                .settings = {.targets = {.warm_eni = 1}, .mtu = 9001},
                .wake = on_wake,
                .wake_data = fixture,
                .version = "9.8.7",
        };
        return fixture;
}

void fixture_start(struct fixture *fixture)
{
        struct err err;

        assert_ok(rpc_new(&fixture->loop, &fixture->options, &fixture->rpc, &err), &err);
        assert_int_equal(pthread_create(&fixture->thread, NULL, run_loop, fixture), 0);
}

static void task_stop(struct fixture *fixture)
{
        fixture->rpc = rpc_free(fixture->rpc);
        uv_close((uv_handle_t *)&fixture->async, NULL);
}

void fixture_run(struct fixture *fixture, void (*task)(struct fixture *fixture))
{
        fixture->task = task;
        uv_async_send(&fixture->async);
        while (sem_wait(&fixture->done) < 0)
                ;
}

void fixture_free(struct fixture *fixture)
{
        static const char *const files[] = {"ipam.db", "ipam.db-wal", "ipam.db-shm", "ipam.db.lock"};
        char path[128];

        fixture_run(fixture, task_stop);
        pthread_join(fixture->thread, NULL);
        assert_int_equal(uv_loop_close(&fixture->loop), 0); /* no handle is left */
        assert_int_equal(access(fixture->socket_path, F_OK), -1);
        store_free(fixture->loop_store);
        store_free(fixture->store);
        sem_destroy(&fixture->done);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(path, sizeof(path), "%s/%s", fixture->folder, files[i]);
                unlink(path);
        }
        snprintf(path, sizeof(path), "%s/run", fixture->folder);
        rmdir(path);
        assert_int_equal(rmdir(fixture->folder), 0);
        free(fixture);
}

int fixture_setup(void **state)
{
        struct fixture *fixture = fixture_new(60000);

        fixture_set_addresses(fixture, 3);
        fixture_start(fixture);
        *state = fixture;
        return 0;
}

int fixture_teardown(void **state)
{
        fixture_free(*state);
        return 0;
}

static void task_pool_changed(struct fixture *fixture)
{
        rpc_pool_changed(fixture->rpc);
}

void fixture_pool_changed(struct fixture *fixture)
{
        fixture_run(fixture, task_pool_changed);
}

static void task_nothing(struct fixture *fixture _unused_)
{
}

/* Accepting and reading are turns of their own; a few more do no harm. */
void fixture_catch_up(struct fixture *fixture)
{
        for (int i = 0; i < 10; i++)
                fixture_run(fixture, task_nothing);
}

static int64_t find_eni(struct fixture *fixture, const char *eni_id)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct eni *enis;
        struct err err;
        size_t n;

        assert_ok(store_enis(fixture->store, clock_boottime_ms(), arena, &enis, &n, &err), &err);
        for (size_t i = 0; i < n; i++)
                if (strcmp(enis[i].eni_id, eni_id) == 0)
                        return enis[i].key;
        fail_msg("no ENI %s", eni_id);
        return 0;
}

void fixture_set_addresses(struct fixture *fixture, unsigned n)
{
        struct eni eni = {
                .state = ENI_CONFIGURING,
                .primary = true,
                .managed = true,
                .eni_id = "eni-primary",
                .attachment_id = "eni-attach-1",
                .subnet_id = "subnet-1",
                .mac = {{2, 0, 0, 0, 0, 1}},
                .primary_address = ip_from_u32(0x0a000064),
        };
        _cleanup_free_ struct prefix *blocks = XNEW_ARRAY(struct prefix, n);
        int64_t now_ms = clock_boottime_ms();
        unsigned routed;
        bool changed, done;
        struct err err;

        assert_ok(prefix_parse("10.0.0.0/16", &eni.subnet_cidr, &err), &err);
        for (unsigned i = 0; i < n; i++)
                blocks[i] = prefix_host(ip_from_u32(0x0a000101 + i));
        assert_ok(store_eni_observed(fixture->store, &eni, blocks, n, 0, now_ms, &changed, &err), &err);
        if (!fixture->eni_key) {
                fixture->eni_key = find_eni(fixture, eni.eni_id);
                assert_ok(store_eni_set_state(fixture->store, fixture->eni_key, ENI_READY, "test", now_ms,
                                              &done, &err),
                          &err);
                assert_true(done);
        }
        assert_ok(store_blocks_routed(fixture->store, fixture->eni_key, blocks, n, &routed, &err), &err);
}

struct ipam_client *fixture_connect(struct fixture *fixture)
{
        struct ipam_client *client;
        struct err err;

        assert_ok(ipam_client_connect(fixture->socket_path, PATIENCE_MS, &client, &err), &err);
        return client;
}

struct ipam_add_request fixture_request(struct fixture *fixture _unused_, unsigned number, int64_t timeout_ms)
{
        static char ids[400][16];

        snprintf(ids[number], sizeof(ids[number]), "c%u", number);
        return (struct ipam_add_request){
                .network = "net",
                .container_id = ids[number],
                .ifname = "eth0",
                .timeout_ms = timeout_ms,
        };
}

void fixture_wait(struct fixture *fixture, bool (*holds)(struct fixture *fixture), const char *what)
{
        int64_t until_ms = clock_boottime_ms() + PATIENCE_MS;

        while (!holds(fixture)) {
                if (clock_boottime_ms() > until_ms)
                        fail_msg("waited for: %s", what);
                poll(NULL, 0, 2);
        }
}

void fixture_wait_waiting(struct fixture *fixture, unsigned n)
{
        int64_t until_ms = clock_boottime_ms() + PATIENCE_MS;
        struct store_counts counts = {0};
        struct err err;

        for (;;) {
                assert_ok(store_counts(fixture->store, clock_boottime_ms(), &counts, &err), &err);
                if (counts.waiting == n)
                        return;
                if (clock_boottime_ms() > until_ms)
                        fail_msg("%u requests wait, not %u", counts.waiting, n);
                poll(NULL, 0, 2);
        }
}

static void *run_add(void *data)
{
        struct async_add *add = data;
        struct ipam_client *client;
        int64_t start_ms = clock_boottime_ms();

        add->result = ipam_client_connect(add->fixture->socket_path, PATIENCE_MS, &client, &add->err);
        if (add->result < 0)
                return NULL;
        add->result = ipam_add(client, &add->request, &add->reply, &add->err);
        add->error = *ipam_client_error(client);
        if (add->result == 0)
                add->address = add->reply.addresses[0].address;
        add->reply.addresses = NULL; /* the client's */
        ipam_client_free(client);
        add->took_ms = clock_boottime_ms() - start_ms;
        return NULL;
}

void async_add_start(struct async_add *add, struct fixture *fixture, unsigned number, int64_t timeout_ms)
{
        *add = (struct async_add){.fixture = fixture,
                                  .request = fixture_request(fixture, number, timeout_ms)};
        assert_int_equal(pthread_create(&add->thread, NULL, run_add, add), 0);
}

void async_add_join(struct async_add *add)
{
        pthread_join(add->thread, NULL);
}

int raw_connect(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_in_range(strlen(path), 1, sizeof(address.sun_path) - 1);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

void raw_send(int fd, const void *bytes, size_t n)
{
        const char *at = bytes;

        while (n) {
                ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

                if (sent < 0)
                        return; /* closed by the server: the test looks at what it reads */
                at += sent;
                n -= (size_t)sent;
        }
}

char *raw_receive(int fd)
{
        _cleanup_(text_done) struct text text = {0};
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char bytes[4096];

        for (;;) {
                ssize_t n;
                const char *end;

                if (poll(&poll_fd, 1, PATIENCE_MS) <= 0)
                        fail_msg("the server is silent");
                n = recv(fd, bytes, sizeof(bytes), MSG_PEEK);
                if (n <= 0)
                        return NULL;
                end = memchr(bytes, '\0', (size_t)n);
                n = recv(fd, bytes, end ? (size_t)(end - bytes) + 1 : (size_t)n, 0);
                text_add_bytes(&text, bytes, (size_t)n);
                if (end)
                        return TAKE_PTR(text.text);
        }
}

char *raw_call(int fd, const char *call)
{
        raw_send(fd, call, strlen(call) + 1);
        return raw_receive(fd);
}
