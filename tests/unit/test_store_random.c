// SPDX-License-Identifier: Apache-2.0
/*
 * All that happens to the database, in any order: looks that show and hide, doubt, tags that go, pods, restarts with what the
 * kernel shows. Whatever the order, the schema refuses no call of ours, and what a pod has stays its own.
 */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store_fixture.h"

enum { ENIS = 3, ADDRESSES = 4, BLOCKS = ADDRESSES + 4, PODS = 6, RUNS = 8, STEPS = 150 };

struct world {
        struct fixture *f;
        uint64_t random;
        int64_t now_ms;
        struct ip has[PODS]; /* what a pod's link has in the kernel; IP_NONE: it does not run */
};

static unsigned dice(struct world *w, unsigned below)
{
        w->random ^= w->random << 13;
        w->random ^= w->random >> 7;
        w->random ^= w->random << 17;
        return (unsigned)(w->random >> 33) % below;
}

static const char *pod_name(unsigned pod)
{
        static const char *const names[PODS] = {"p0", "p1", "p2", "p3", "p4", "p5"};

        return names[pod];
}

/* What EC2 may give an ENI: single addresses, a /28 of IPv4, a /80 of IPv6; and what cannot be there beside these. */
static struct prefix block_of(unsigned eni, unsigned i)
{
        struct prefix ipv6 = {{.family = AF_INET6, .bytes = {0x26, 0, [9] = (uint8_t)eni}}, 80};

        switch (i < ADDRESSES ? ADDRESSES : i) {
        case ADDRESSES: return prefix_host(fixture_ip(eni, i + 1));
        case ADDRESSES + 1: return (struct prefix){fixture_ip(eni, 31), 28};
        case ADDRESSES + 2: return ipv6;
        default: return prefix_host(fixture_ip(eni, 36)); /* in that /28 */
        }
}

static struct prefix some_block(struct world *w)
{
        return block_of(dice(w, ENIS), dice(w, BLOCKS));
}

/* Of any block: its first, or one of the next. */
static struct ip some_address(struct world *w)
{
        struct prefix block = some_block(w);

        if (block.bits < ip_max_bits(block.ip))
                block.ip.bytes[ip_max_bits(block.ip) / 8 - 1] += (uint8_t)dice(w, 3);
        return block.ip;
}

/* An ENI of the database; its key is 0 when there is none. */
static struct eni some_eni(struct world *w)
{
        struct eni *enis;
        size_t n;

        assert_ok(store_enis(w->f->store, w->now_ms, w->f->arena, &enis, &n, &w->f->err), &w->f->err);
        return n ? enis[dice(w, (unsigned)n)] : (struct eni){0};
}

static void refuse_nothing(struct world *w, int r)
{
        if (r == -ERR_INTERNAL)
                fail_msg("%s", w->f->err.msg);
}

/* ---- what happens ---- */

static void look(struct world *w)
{
        unsigned device = dice(w, ENIS);
        struct eni eni = fixture_eni(device);
        struct prefix shown[BLOCKS];
        struct ip associated;
        size_t n = 0;
        bool changed;

        for (unsigned i = 0; i < BLOCKS; i++) {
                if (dice(w, i == BLOCKS - 1 ? 2 : 4))
                        shown[n++] = block_of(device, i);
        }
        eni.untagged = device && dice(w, 5) == 0;
        refuse_nothing(w, store_eni_observed(w->f->store, &eni, shown, n, n ? dice(w, (unsigned)n) : 0,
                                             w->now_ms, &changed, &w->f->err));
        associated = some_address(w);
        refuse_nothing(
                w, store_addresses_associated(w->f->store, eni.eni_id, &associated, dice(w, 2), &w->f->err));
}

static void route(struct world *w)
{
        struct eni eni = some_eni(w);
        struct prefix routed[BLOCKS + 1] = {[BLOCKS] = prefix_host(some_address(w))};
        unsigned n;
        bool done;

        for (unsigned i = 0; i < BLOCKS; i++)
                routed[i] = block_of(eni.device_index, i);
        refuse_nothing(w,
                       store_blocks_routed(w->f->store, eni.key, routed, ARRAY_SIZE(routed), &n, &w->f->err));
        refuse_nothing(
                w, store_eni_set_state(w->f->store, eni.key, ENI_READY, "", w->now_ms, &done, &w->f->err));
}

static void change_eni(struct world *w)
{
        static const enum eni_state states[] = {ENI_CONFIGURING, ENI_READY, ENI_DRAINING, ENI_DETACHING,
                                                ENI_DELETING};
        struct eni eni = some_eni(w);
        bool done;

        switch (dice(w, 5)) {
        case 0: refuse_nothing(w, store_eni_doubt(w->f->store, eni.key, &w->f->err)); break;
        case 1:
                refuse_nothing(w, store_eni_set_link_missing(w->f->store, eni.key, dice(w, 2), &w->f->err));
                break;
        case 2:
                if (eni.state == ENI_DELETING)
                        refuse_nothing(w, store_eni_deleted(w->f->store, eni.key, w->now_ms, &w->f->err));
                break;
        default:
                refuse_nothing(w, store_eni_set_state(w->f->store, eni.key, states[dice(w, 5)], "", w->now_ms,
                                                      &done, &w->f->err));
        }
}

static void change_address(struct world *w)
{
        struct eni eni = some_eni(w);
        struct ip address = some_address(w);
        struct prefix block = some_block(w), *taken;
        size_t n_taken;
        unsigned n;

        switch (dice(w, 5)) {
        case 0:
                refuse_nothing(w,
                               store_addresses_withhold(w->f->store, eni.key, &address, 1, &n, &w->f->err));
                break;
        case 1:
                refuse_nothing(w, store_blocks_take(w->f->store, eni.key, 1 + dice(w, 20), w->now_ms,
                                                    w->f->arena, &taken, &n_taken, &w->f->err));
                break;
        case 2:
                refuse_nothing(w, store_blocks_gone(w->f->store, eni.key, &block, 1, w->now_ms, &w->f->err));
                break;
        case 3: refuse_nothing(w, store_blocks_restore(w->f->store, eni.key, &block, 1, &w->f->err)); break;
        default: refuse_nothing(w, store_give_back_again(w->f->store, eni.key, block, &w->f->err));
        }
}

static bool runs_with(const struct world *w, struct ip address)
{
        for (unsigned i = 0; i < PODS; i++) {
                if (ip_equal(w->has[i], address))
                        return true;
        }
        return false;
}

static void add_pod(struct world *w)
{
        unsigned pod = dice(w, PODS);
        struct lease wanted = fixture_wanted(pod_name(pod)), got = {0};
        enum lease_result result = LEASE_NONE_FREE;

        if (ip_is_set(w->has[pod]))
                return;
        wanted.families = (const unsigned[]){0, LEASE_IPV4 | LEASE_IPV6, LEASE_IPV6}[dice(w, 3)];
        refuse_nothing(
                w, store_lease_add(w->f->store, &wanted, w->now_ms, w->f->arena, &result, &got, &w->f->err));
        if (result != LEASE_GIVEN && result != LEASE_AGAIN)
                return;
        if (runs_with(w, got.address))
                fail_msg("%s has a pod that runs", IP_TEXT(got.address));
        w->has[pod] = got.address;
}

static void delete_pod(struct world *w)
{
        unsigned pod = dice(w, PODS);
        const struct lease_key key = {"net", pod_name(pod), "eth0", NULL};
        struct ip address;
        bool done;

        w->has[pod] = IP_NONE;
        refuse_nothing(w, store_lease_release(w->f->store, &key, LEASE_END_DEL, w->now_ms, &done, &address,
                                              &w->f->err));
}

/* The reconciler's takeover: the pod's lease, or, where it is gone, the address is nobody's. */
static void settle_imports(struct world *w)
{
        struct import *imports;
        bool done;
        size_t n;

        assert_ok(store_imports(w->f->store, w->f->arena, &imports, &n, &w->f->err), &w->f->err);
        for (size_t i = 0; i < n; i++) {
                if (imports[i].verdict != IMPORT_PENDING)
                        continue;
                if (runs_with(w, imports[i].address))
                        refuse_nothing(w, store_import_take(w->f->store, &imports[i], imports[i].key.ifname,
                                                            w->now_ms, &done, &w->f->err));
                else
                        refuse_nothing(
                                w, store_import_skip(w->f->store, imports[i].address, "gone", &w->f->err));
        }
}

/* Databases that are older than the pods: some leases are not in them yet. */
static void forget_a_lease(struct world *w)
{
        fixture_sql(w->f,
                    "BEGIN; CREATE TEMP TABLE old AS SELECT key FROM leases LIMIT 1;"
                    " UPDATE addresses SET lease = NULL, usable_from_ms = 1, held = EXISTS (SELECT 1 FROM "
                    "imports i"
                    "  WHERE i.hex = addresses.hex AND i.verdict = 'pending') WHERE lease IN (SELECT key "
                    "FROM old);"
                    " DELETE FROM leases WHERE key IN (SELECT key FROM old);"
                    " CREATE TEMP TABLE gone AS SELECT key FROM blocks b WHERE state = 'lost' AND NOT EXISTS"
                    "  (SELECT 1 FROM addresses WHERE block = b.key AND lease IS NOT NULL);"
                    " DELETE FROM addresses WHERE block IN (SELECT key FROM gone);"
                    " DELETE FROM blocks WHERE key IN (SELECT key FROM gone);"
                    " COMMIT;");
}

/* The daemon starts again; at times with another boot id, at times with a database that has lost a pod. */
static void restart(struct world *w)
{
        struct import running[PODS];
        struct store_prepared prepared;
        struct fixture *f = w->f;
        size_t n = 0;

        for (unsigned i = 0; i < PODS; i++) {
                if (ip_is_set(w->has[i]))
                        running[n++] =
                                (struct import){.key = {IMPORT_NETWORK_UNKNOWN, pod_name(i), pod_name(i)},
                                                .address = w->has[i],
                                                .pod_namespace = "",
                                                .pod_name = ""};
        }
        f->store = store_free(f->store);
        if (dice(w, 4) == 0)
                forget_a_lease(w);
        f->options.boot_id = dice(w, 3) ? f->options.boot_id : dice(w, 2) ? "a" : "b";
        f->options.running = running;
        f->options.n_running = n;
        assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
        if (*prepared.backup)
                fail_msg("backup: %s", prepared.why_backup);
        close(prepared.lock_fd);
        f->options.running = NULL;
        f->options.n_running = 0;
        assert_ok(store_open(&f->options, &f->store, &f->err), &f->err);
}

static void run(uint64_t seed)
{
        static void (*const events[])(struct world *) = {look,       look,           route,   route,
                                                         change_eni, add_pod,        add_pod, add_pod,
                                                         delete_pod, change_address, restart, settle_imports};
        struct world w = {.random = seed * 0x9e3779b97f4a7c15U + 1, .now_ms = NOW};
        void *fixture;

        fixture_setup(&fixture);
        w.f = fixture;
        fixture_ready_eni(w.f, 0, ADDRESSES);
        for (int i = 0; i < STEPS; i++) {
                w.now_ms += dice(&w, COOLDOWN_MS / 4);
                events[dice(&w, ARRAY_SIZE(events))](&w);
                if (i % 10 == 0)
                        fixture_check(w.f);
        }
        fixture_check(w.f);
        fixture_teardown(&fixture);
}

static void test_whatever_the_order_nothing_breaks(void **state _unused_)
{
        const char *given = getenv("VPCWIRE_TEST_SEED");
        uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000;

        for (uint64_t i = 0; i < (given ? 1 : RUNS); i++) {
                print_message("VPCWIRE_TEST_SEED=%" PRIu64 "\n", seed + i);
                run(seed + i);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_whatever_the_order_nothing_breaks)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
