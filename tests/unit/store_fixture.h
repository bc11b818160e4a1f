// SPDX-License-Identifier: Apache-2.0
/* A store in a folder of its own, with ENIs and addresses in the states that tests start from. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <sqlite3.h>

#include "store/store.h"

enum { NOW = 1000 * 1000, COOLDOWN_MS = 30 * 1000 };

struct fixture {
        char folder[64], path[128];
        struct store_options options;
        struct store *store;
        struct arena *arena;
        struct err err;
};

/* cmocka setup and teardown: *state is a struct fixture, prepared (as boot "a") and open. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* The same without preparing or opening: only the folder and the options. */
int fixture_setup_folder(void **state);

/* Closes, prepares as that boot, and opens again: a restart of the daemon. */
void fixture_restart(struct fixture *f, const char *boot_id);

struct ip fixture_ip(unsigned eni, unsigned n); /* 10.0.<eni>.<n + 1>; n 0 is the primary one */
/* Addresses as blocks of one; in the arena. */
struct prefix *fixture_hosts(struct arena *arena, const struct ip *addresses, size_t n);
struct eni fixture_eni(unsigned device); /* as EC2 shows it, attached */
/* An ENI of that device, observed, with n addresses, all routed; ready. Device 0 is the primary. */
int64_t fixture_ready_eni(struct fixture *f, unsigned device, unsigned n);
struct lease fixture_wanted(const char *container_id);
/* A lease, which must be given. */
struct lease fixture_lease(struct fixture *f, const char *container_id, int64_t now_ms);
/* What the lease's link is called. */
const char *fixture_host_ifname(struct fixture *f, const char *container_id);
struct store_counts fixture_counts(struct fixture *f, int64_t now_ms);
/* The state of ENI `key` as text, "" when there is none; of an address likewise. */
const char *fixture_eni_state(struct fixture *f, int64_t key);
const char *fixture_address_state(struct fixture *f, struct ip address, int64_t now_ms);

/* A second connection, as a person with sqlite3 would have it; foreign keys on. */
sqlite3 *fixture_raw(struct fixture *f);
/* Runs SQL there, which must work; and one that must be refused with this text. */
void fixture_sql(struct fixture *f, const char *sql);
void fixture_sql_refused(struct fixture *f, const char *sql, const char *text);
/* integrity_check, foreign_key_check, and that the rules of the schema hold. */
void fixture_check(struct fixture *f);

#endif
