// SPDX-License-Identifier: Apache-2.0
/* A fabric with three nodes on two subnets, for the tests of vpcsim's fabric. */
#ifndef FABRIC_FIXTURE_H
#define FABRIC_FIXTURE_H

#include "fabric.h"
#include "fabric_space.h"

/* n1 and n2 share a subnet; n3 is in the other one. */
#define N1_IP "10.0.1.10"
#define N2_IP "10.0.1.20"
#define N3_IP "10.0.2.10"

/* Of the namespaces of this process; fixture_main() sets it. */
extern char fixture_prefix[16];

/* "<prefix>-<node>"; valid to the end of the block. */
#define SPACE(node) fixture_space_name((node), (char[64]){0})
const char *fixture_space_name(const char *node, char text[static 64]);
size_t fixture_count_spaces(const char *prefix);

struct fabric *fixture_build(const char *prefix);
/* An ENI whose MAC ends in the last two bytes of its only address. */
int fixture_attach(struct fabric *fabric, const char *eni_id, const char *node, unsigned device,
                   const char *address, struct err *err);
struct prefix fixture_cidr(const char *text);
struct fabric_counters fixture_counters(struct fabric *fabric);
/* Forwarding happens in the sender's context or in a softirq soon after: waits until the number is there. */
uint64_t fixture_wait_wrong_source(struct fabric *fabric, uint64_t expect);

/* Each test gets its fabric as *state, and fails if the fabric leaves anything. */
#define WITH_FABRIC(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* False without root: the test is skipped then (exit code 77). */
bool fixture_start(void);

#endif
