// SPDX-License-Identifier: Apache-2.0
/* See fabric_fixture.h. */
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "fabric_fixture.h"
#include "fabric_packets.h"

char fixture_prefix[16];

const char *fixture_space_name(const char *node, char text[static 64])
{
        snprintf(text, 64, "%s-%s", fixture_prefix, node);
        return text;
}

struct prefix fixture_cidr(const char *text)
{
        struct prefix cidr;
        struct err err;

        assert_ok(prefix_parse(text, &cidr, &err), &err);
        return cidr;
}

int fixture_attach(struct fabric *fabric, const char *eni_id, const char *node, unsigned device,
                   const char *address, struct err *err)
{
        struct ip ip = packets_ip(address);
        struct fabric_eni eni = {.eni_id = eni_id,
                                 .node = node,
                                 .device_index = device,
                                 .mac = {{2, 0, 0, 0, ip.bytes[2], ip.bytes[3]}},
                                 .subnet = prefix_network((struct prefix){ip, 24}),
                                 .addresses = &ip,
                                 .n_addresses = 1};

        return fabric_attach(fabric, &eni, err);
}

size_t fixture_count_spaces(const char *of_prefix)
{
        struct err err;
        char **names;
        size_t n;

        assert_ok(fabric_space_list(of_prefix, &names, &n, &err), &err);
        fabric_space_list_free(names, n);
        return n;
}

struct fabric *fixture_build(const char *with_prefix)
{
        struct fabric *fabric;
        struct err err;

        assert_ok(fabric_new(with_prefix, &fabric, &err), &err);
        assert_ok(fabric_add_subnet(fabric, fixture_cidr("10.0.1.0/24"), &err), &err);
        assert_ok(fabric_add_subnet(fabric, fixture_cidr("10.0.2.0/24"), &err), &err);
        assert_ok(fabric_add_node(fabric, "n1", &err), &err);
        assert_ok(fabric_add_node(fabric, "n2", &err), &err);
        assert_ok(fabric_add_node(fabric, "n3", &err), &err);
        assert_ok(fixture_attach(fabric, "eni-1", "n1", 0, N1_IP, &err), &err);
        assert_ok(fixture_attach(fabric, "eni-2", "n2", 0, N2_IP, &err), &err);
        assert_ok(fixture_attach(fabric, "eni-3", "n3", 0, N3_IP, &err), &err);
        return fabric;
}

int fixture_setup(void **state)
{
        *state = fixture_build(fixture_prefix);
        return 0;
}

int fixture_teardown(void **state)
{
        *state = fabric_free(*state);
        return fixture_count_spaces(fixture_prefix) == 0 ? 0 : -1;
}

struct fabric_counters fixture_counters(struct fabric *fabric)
{
        struct fabric_counters counters;
        struct err err;

        assert_ok(fabric_read_counters(fabric, &counters, &err), &err);
        return counters;
}

uint64_t fixture_wait_wrong_source(struct fabric *fabric, uint64_t expect)
{
        int64_t deadline_ms = clock_boottime_ms() + PACKETS_DEADLINE_MS;

        while (fixture_counters(fabric).wrong_source_packets < expect && clock_boottime_ms() < deadline_ms)
                poll(NULL, 0, 1);
        return fixture_counters(fabric).wrong_source_packets;
}

bool fixture_start(void)
{
        if (geteuid() != 0) {
                fprintf(stderr, "skipped: network namespaces need root\n");
                return false;
        }
        snprintf(fixture_prefix, sizeof(fixture_prefix), "f%x", (unsigned)getpid());
        return true;
}
