// SPDX-License-Identifier: Apache-2.0
/*
 * A server for tests: a temporary folder with a real database, the server on its own loop in its own thread, and the
 * test as the reconciler, with the second store connection.
 */
#ifndef RPC_FIXTURE_H
#define RPC_FIXTURE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include <uv.h>

#include <vpcwire/ipam_client.h>

#include "rpc/server.h"
#include "store/store.h"

struct fixture {
        char folder[32], socket_path[64], database[64];
        struct store *store;      /* the test's */
        struct store *loop_store; /* the server's */
        struct rpc *rpc;
        uv_loop_t loop;
        uv_async_t async;
        pthread_t thread;
        sem_t done;
        void (*task)(struct fixture *fixture);
        atomic_uint wakes;
        int64_t eni_key;
        struct rpc_options options; /* a test may change it before fixture_start() */
};

struct fixture *fixture_new(int64_t cooldown_ms);
void fixture_start(struct fixture *fixture);
void fixture_free(struct fixture *fixture);

/* cmocka setup and teardown; *state is a fixture that serves, with three free addresses and a long cooldown. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Runs on the loop's thread, and waits for it. */
void fixture_run(struct fixture *fixture, void (*task)(struct fixture *fixture));
void fixture_pool_changed(struct fixture *fixture);
/* The loop has accepted who connected and read what was sent until now. */
void fixture_catch_up(struct fixture *fixture);

/* As the reconciler would: the primary ENI with n routed addresses 10.0.1.1.., ready; later calls add up to n. */
void fixture_set_addresses(struct fixture *fixture, unsigned n);

struct ipam_client *fixture_connect(struct fixture *fixture);
/* "c<number>", eth0, network "net". */
struct ipam_add_request fixture_request(struct fixture *fixture, unsigned number, int64_t timeout_ms);
/* Waits until so many ADDs wait in the store; fails after some seconds. */
void fixture_wait_waiting(struct fixture *fixture, unsigned n);
/* The same for any condition. */
void fixture_wait(struct fixture *fixture, bool (*holds)(struct fixture *fixture), const char *what);

/* An ADD in a thread of its own, with its own connection. */
struct async_add {
        struct fixture *fixture;
        struct ipam_add_request request;
        struct ipam_add_reply reply; /* without its addresses */
        struct ip address;
        struct ipam_error error;
        struct err err;
        int result;
        pthread_t thread;
        int64_t took_ms;
};
void async_add_start(struct async_add *add, struct fixture *fixture, unsigned number, int64_t timeout_ms);
void async_add_join(struct async_add *add);

/* Raw bytes: connects, or -1; sends all; reads until n bytes, NUL or end of file, whatever is first. */
int raw_connect(const char *path);
void raw_send(int fd, const void *bytes, size_t n);
/* The next message without its NUL; NULL when the server closed. Fails after some seconds of silence. */
char *raw_receive(int fd);
/* One call as text, one reply as text. */
char *raw_call(int fd, const char *call);

#endif
