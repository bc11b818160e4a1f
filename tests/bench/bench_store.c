// SPDX-License-Identifier: Apache-2.0
/*
 * What a lease costs in the database: µs per add, confirm and release, with 700 addresses on 14 ENIs.
 * bench_store [FOLDER]: where the database is made (default: a new folder in /tmp; give one on tmpfs or disk to compare).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

enum { ENIS = 14, PER_ENI = 50, PODS = ENIS * PER_ENI, ROUNDS = 20 };

static void must(int r, const struct err *err)
{
        if (r < 0) {
                fprintf(stderr, "%s\n", err->msg);
                exit(1);
        }
}

static double now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static void show(const char *what, double *us, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += us[i];
        qsort(us, n, sizeof(*us), by_value);
        printf("%-8s mean %6.1f µs   p50 %6.1f   p99 %6.1f   max %8.1f   (%zu)\n", what, sum / (double)n,
               us[n / 2], us[n * 99 / 100], us[n - 1], n);
}

static void add_eni(struct store *store, unsigned device)
{
        struct eni eni = {.primary = device == 0,
                          .managed = true,
                          .device_index = device,
                          .primary_address = ip_from_u32(0x0a000001U + (device << 8))};
        struct prefix blocks[PER_ENI];
        unsigned routed;
        struct err err;
        bool done;

        snprintf(eni.eni_id, sizeof(eni.eni_id), "eni-%u", device);
        for (unsigned i = 0; i < PER_ENI; i++)
                blocks[i] = prefix_host(ip_from_u32(0x0a000002U + (device << 8) + i));
        must(store_eni_observed(store, &eni, blocks, PER_ENI, 0, 1, &done, &err), &err);
        must(store_blocks_routed(store, device + 1, blocks, PER_ENI, &routed, &err), &err);
        must(store_eni_set_state(store, device + 1, ENI_READY, "bench", 1, &done, &err), &err);
}

static struct lease wanted(unsigned i, char id[static 65])
{
        snprintf(id, 65, "%064x", i * 2654435761U);
        return (struct lease){
                .key = {"vpcwire", id, "eth0"},
                .host_ifname = id,
                .netns = "/run/netns/cni-01234567-89ab-cdef-0123-456789abcdef",
                .pod_namespace = "default",
                .pod_name = "deployment-7d4b9c8f6d-x2x7k",
                .pod_uid = "01234567-89ab-cdef-0123-456789abcdef",
        };
}

static void measure(struct store *store)
{
        static double add[PODS * ROUNDS], confirm[PODS * ROUNDS], release[PODS * ROUNDS], counts[ROUNDS * 10];
        int64_t now_ms = 1000;
        struct err err;
        size_t n = 0, m = 0;

        for (unsigned round = 0; round < ROUNDS; round++) {
                for (unsigned i = 0; i < PODS; i++, n++, now_ms += 200) {
                        _cleanup_(arena_freep) struct arena *arena = arena_new();
                        struct lease want, got;
                        enum lease_result result;
                        double start = now_us();
                        struct ip ip;
                        bool released;
                        char id[65];

                        want = wanted(i, id);
                        must(store_lease_add(store, &want, now_ms, arena, &result, &got, &err), &err);
                        add[n] = now_us() - start;
                        start = now_us();
                        must(store_lease_confirm(store, &want.key, got.address, &err), &err);
                        confirm[n] = now_us() - start;
                        want = wanted((i + PODS / 2) % PODS,
                                      id); /* half are leased, some cool, all the time */
                        start = now_us();
                        must(store_lease_release(store, &want.key, LEASE_END_DEL, now_ms, &released, &ip,
                                                 &err),
                             &err);
                        release[n] = now_us() - start;
                }
                for (unsigned i = 0; i < 10; i++, m++) {
                        struct store_counts all;
                        double start = now_us();

                        must(store_counts(store, now_ms, &all, &err), &err);
                        counts[m] = now_us() - start;
                }
        }
        show("add", add, n);
        show("confirm", confirm, n);
        show("release", release, n);
        show("counts", counts, m);
}

int main(int argc, char **argv)
{
        _cleanup_(store_freep) struct store *store = NULL;
        char folder[256] = "/tmp/vw-bench-XXXXXX", path[300];
        struct store_options options = {.path = path, .cooldown_ms = 30 * 1000};
        static const char *const files[] = {"", "-wal", "-shm"};
        struct err err;

        if (argc > 1)
                snprintf(folder, sizeof(folder), "%s/vw-bench-XXXXXX", argv[1]);
        if (!mkdtemp(folder)) {
                perror(folder);
                return 1;
        }
        snprintf(path, sizeof(path), "%s/ipam.db", folder);
        must(store_prepare(&options, NULL, &err), &err);
        must(store_open(&options, &store, &err), &err);
        for (unsigned device = 0; device < ENIS; device++)
                add_eni(store, device);
        printf("%s, %d addresses on %d ENIs\n", folder, PODS, ENIS);
        measure(store);
        store = store_free(store);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                char name[320];

                snprintf(name, sizeof(name), "%s%s", path, files[i]);
                unlink(name);
        }
        rmdir(folder);
        return 0;
}
