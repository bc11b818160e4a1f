// SPDX-License-Identifier: Apache-2.0
/*
 * A reconciler without its thread: opened as the daemon opens it, on the database of a life before that knows the node. EC2 is a list of
 * answers, nobody answers for IMDS, and the clock is a number.
 */
#ifndef RECONCILE_FIXTURE_H
#define RECONCILE_FIXTURE_H

#include "fake_ec2.h"
#include "httpd.h"
#include "reconcile/act.h"
#include "reconcile/blocked.h"
#include "reconcile/resync.h"
#include "reconcile/state.h"
#include "store_fixture.h"

#define INSTANCE "i-1"
#define SUBNET   "subnet-1"
#define VPC      "vpc-1"
#define ZONE     "zone-a"

struct bench {
        struct fixture *f; /* the database; f->store is a connection beside the reconciler's */
        /* What a test changes of these counts from bench_restart() on. */
        struct reconcile_options options;
        struct identity identity;
        struct reconcile r;
        struct httpd *ec2;     /* after bench_script() */
        struct fake_ec2 *fake; /* after bench_answer(); the reconciler's */
        struct arena *arena;
        struct outcome out; /* of the last act or look, or what bench_out() was given to */
};

/* cmocka setup and teardown; *state is a struct bench. The primary ENI (device 0) is ready with 3 addresses. */
int bench_setup(void **state);
int bench_teardown(void **state);

/* The daemon ends and starts again, in this boot: all that it kept in memory is gone, and EC2 with it. */
void bench_restart(struct bench *b, const char *boot_id);

/* EC2 answers so from now on. Copied. */
void bench_answer(struct bench *b, const struct fake_answer *answers, size_t n);
/* ... by HTTP, for what depends on how replies are read. Borrowed. */
void bench_script(struct bench *b, const struct httpd_reply *replies, size_t n);

/* A round at this time, with the store observed. */
struct round bench_round(struct bench *b, int64_t now_ms);
struct eni *bench_eni(struct bench *b, struct round *round, int64_t key);

/* A fresh one: what it is given to shall be seen alone. */
struct outcome *bench_out(struct bench *b);

/* One action of a plan, which must not fail for a reason of ours. */
void bench_act(struct bench *b, struct round *round, struct plan_action action);
void bench_look(struct bench *b, int64_t now_ms);

/* Replies of EC2, in the bench's arena. ENIs are written "device:n" as fixture_eni() numbers them. */
const char *bench_describe(struct bench *b, const char *const *enis, size_t n);
const char *bench_eni_xml(struct bench *b, unsigned device, const char *owner, const struct ip *addresses,
                          size_t n);
/* Every call is answered with these ENIs, from now on. */
void bench_show(struct bench *b, const char *const *enis, size_t n);
const char *bench_error(struct bench *b, const char *code, const char *message);

#endif
