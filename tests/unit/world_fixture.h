// SPDX-License-Identifier: Apache-2.0
/*
 * A small world without packets for the tests of vpcsim: two zones, a /28, one t3.small (3 ENIs of 4 addresses). The first
 * subnet has IPv6.
 */
#ifndef WORLD_FIXTURE_H
#define WORLD_FIXTURE_H

#include "test.h"

#include <jansson.h>
#include <poll.h>

#include <vpcwire/clock.h>

#include "world_imds.h"

#define SUBNET_A     "subnet-aaaa0000000000001"
#define SUBNET_B     "subnet-aaaa0000000000002"
#define SUBNET_SMALL "subnet-aaaa0000000000003"

static const char WORLD_TEXT[] =
        "{'vpc': {'id': 'vpc-0123456789abcdef0', 'cidrs': ['10.0.0.0/16'], 'ipv6_cidrs': "
        "['2001:db8:1:100::/56']},"
        " 'subnets': ["
        "{'id': '" SUBNET_A "', 'cidr': '10.0.1.0/24', 'ipv6_cidr': '2001:db8:1:101::/64', 'zone': "
        "'us-east-1a', 'tags': {'kubernetes.io/role/cni': '1'}},"
        "{'id': '" SUBNET_B "', 'cidr': '10.0.2.0/24', 'zone': 'us-east-1b'},"
        "{'id': '" SUBNET_SMALL "', 'cidr': '10.0.3.0/28', 'zone': 'us-east-1a'}],"
        "'nodes': [{'name': 'n1', 'instance_type': 't3.small', 'subnet': '" SUBNET_A "', 'public': true}]}";

struct fixture {
        struct world *world;
        struct arena *arena;
        const char *instance_id, *primary_eni;
        struct err err;
};

/* JSON with ' for ". */
static inline json_t *json_from(const char *text)
{
        char *copy = strdup(text);
        json_error_t error;
        json_t *json;

        for (char *c = copy; *c; c++)
                if (*c == '\'')
                        *c = '"';
        json = json_loads(copy, JSON_DECODE_ANY, &error);
        if (!json)
                fail_msg("%s: %s", text, error.text);
        free(copy);
        return json;
}

static inline void fixture_set(struct fixture *f, const char *settings)
{
        json_t *json = json_from(settings);

        assert_ok(world_set_delays(f->world, json, &f->err), &f->err);
        json_decref(json);
}

static inline int fixture_setup(void **state)
{
        struct fixture *f = XNEW(struct fixture);
        json_t *description = json_from(WORLD_TEXT);
        struct world_instance *instances;
        int64_t next;
        size_t n;

        f->arena = arena_new();
        assert_ok(world_new(description, NULL, &f->world, &f->err), &f->err);
        json_decref(description);
        assert_ok(world_find_instances(f->world, &(struct world_query){0}, f->arena, &instances, &n, &next,
                                       &f->err),
                  &f->err);
        assert_int_equal(n, 1);
        f->instance_id = instances[0].id;
        f->primary_eni = instances[0].enis[0].id;
        *state = f;
        return 0;
}

static inline int fixture_teardown(void **state)
{
        struct fixture *f = *state;
        json_t *violations = world_check(f->world);
        char *text = json_dumps(violations, 0);

        assert_string_equal(text, "[]"); /* whatever a test did */
        free(text);
        json_decref(violations);
        world_free(f->world);
        arena_free(f->arena);
        free(f);
        return 0;
}

/* The call was refused with this code of EC2's. */
#define assert_refused(f, call, code)                                                                        \
        do {                                                                                                 \
                world_clear_refusal((f)->world);                                                             \
                assert_true((call) < 0);                                                                     \
                assert_string_equal(world_refusal((f)->world) ?: (f)->err.msg, (code));                      \
        } while (0)

static inline struct world_eni fixture_create(struct fixture *f, const char *subnet, unsigned secondary)
{
        struct world_eni eni = {0};

        assert_ok(world_create_eni(
                          f->world,
                          &(struct world_create_eni){.subnet_id = subnet, .ipv4.n_addresses = secondary},
                          f->arena, &eni, &f->err),
                  &f->err);
        return eni;
}

static inline const char *fixture_attach(struct fixture *f, const char *eni_id, unsigned index)
{
        const char *id = NULL;

        assert_ok(world_attach_eni(f->world, eni_id, f->instance_id, index, f->arena, &id, &f->err), &f->err);
        return id;
}

static inline struct world_eni fixture_eni(struct fixture *f, const char *id)
{
        struct world_eni *enis = NULL;
        int64_t next;
        size_t n;

        assert_ok(world_find_enis(f->world, &(struct world_query){.ids = &id, .n_ids = 1}, f->arena, &enis,
                                  &n, &next, &f->err),
                  &f->err);
        return enis[0];
}

static inline unsigned fixture_free_addresses(struct fixture *f, const char *subnet)
{
        struct world_subnet *subnets = NULL;
        int64_t next;
        size_t n;

        assert_ok(world_find_subnets(f->world, &(struct world_query){.ids = &subnet, .n_ids = 1}, f->arena,
                                     &subnets, &n, &next, &f->err),
                  &f->err);
        return subnets[0].free_addresses;
}

static inline struct ip ip_of(const char *text)
{
        struct ip ip;

        assert_int_equal(ip_parse(text, &ip, NULL), 0);
        return ip;
}

static inline struct prefix cidr_of(const char *text)
{
        struct prefix prefix;

        assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
        return prefix;
}

/* A world file with ' for " that is refused, and this part of the error's text. */
struct bad_file {
        const char *file, *part;
};

static inline void assert_bad_files(const struct bad_file *cases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                _cleanup_(world_freep) struct world *world = NULL;
                json_t *file = json_from(cases[i].file);
                struct err err = {0};

                if (world_new(file, NULL, &world, &err) >= 0)
                        fail_msg("accepted: %s", cases[i].file);
                assert_contains(err.msg, cases[i].part);
                json_decref(file);
        }
}

/* Does what becomes due, step by step, until nothing is. */
static inline void fixture_settle(struct fixture *f)
{
        struct pollfd poll_fd = {.fd = world_wake_fd(f->world), .events = POLLIN};

        for (int wait = world_tick(f->world); wait >= 0; wait = world_tick(f->world))
                poll(&poll_fd, 1, wait);
}

#endif
