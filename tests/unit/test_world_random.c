// SPDX-License-Identifier: Apache-2.0
/* vpcsim's world under random verbs: whatever is asked, no invariant breaks and no address is lost. Prints its seed. */
#include "world_cruel.h"
#include "world_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1500, CHECK_EVERY = 25, MAX_ENIS = 25, USABLE = 251 + 251 + 11 };

static uint64_t seed;
static unsigned n_taken; /* addresses that others hold */

static unsigned draw(unsigned below)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(seed >> 33) % below;
}

static const char *some_subnet(void)
{
        static const char *const subnets[] = {SUBNET_A, SUBNET_B, SUBNET_SMALL};

        return subnets[draw(ARRAY_SIZE(subnets))];
}

static struct world_asked some_asked(bool addresses)
{
        if (addresses)
                return (struct world_asked){.n_addresses = draw(6)};
        return (struct world_asked){.n_prefixes = draw(4)};
}

/* One of its addresses or prefixes. */
static int unassign_some(struct fixture *f, const struct world_eni *eni)
{
        unsigned at = draw((unsigned)(eni->n_addresses + eni->n_prefixes));
        struct prefix cidr = at < eni->n_addresses ? prefix_host(eni->addresses[at].ip)
                                                   : eni->prefixes[at - eni->n_addresses];

        if (eni->n_ipv6 && draw(2))
                return world_unassign_ipv6(f->world, eni->id, &eni->ipv6[draw((unsigned)eni->n_ipv6)], 1,
                                           &f->err);
        return world_unassign_ipv4(f->world, eni->id, &cidr, 1, &f->err);
}

/* One verb on what it finds; refusals are as good as successes, other errors are not. */
static int one_step(struct fixture *f, struct arena *arena, const struct world_eni *enis, size_t n)
{
        const struct world_eni *eni = &enis[draw((unsigned)n)];
        struct world_assign assign = {.eni_id = eni->id, .requested = some_asked(draw(2))};
        struct world_create_eni create = {.subnet_id = some_subnet(), .ipv4 = some_asked(draw(3))};
        struct prefix *assigned;
        struct world_eni made;
        const char *id;
        size_t got;

        if (strcmp(create.subnet_id, SUBNET_A) == 0)
                create.ipv6 = some_asked(draw(2));
        switch (n < MAX_ENIS ? draw(9) : 2 + draw(7)) { /* not so many that a step takes long */
        case 0:
        case 1: return world_create_eni(f->world, &create, arena, &made, &f->err);
        case 2: return world_attach_eni(f->world, eni->id, f->instance_id, draw(4), arena, &id, &f->err);
        case 3:
                return world_detach_eni(f->world, eni->attachment ? eni->attachment->id : "eni-attach-0",
                                        &f->err);
        case 4: return world_delete_eni(f->world, eni->id, &f->err);
        case 5: return world_assign_ipv4(f->world, &assign, arena, &assigned, &got, &f->err);
        case 6: return world_assign_ipv6(f->world, &assign, arena, &assigned, &got, &f->err);
        default: return unassign_some(f, eni);
        }
}

/* Strangers take one address of each whole block but some, or let them go. */
static void take_some(struct fixture *f, unsigned n_left)
{
        char text[64];
        json_t *taken;
        unsigned before;

        taken = json_object();
        assert_ok(world_set_taken(f->world, taken, &f->err), &f->err);
        json_decref(taken);
        before = fixture_free_addresses(f, SUBNET_A);
        snprintf(text, sizeof(text), "{'%s': %u}", SUBNET_A, n_left);
        taken = json_from(text);
        assert_ok(world_set_taken(f->world, taken, &f->err), &f->err);
        json_decref(taken);
        n_taken = before - fixture_free_addresses(f, SUBNET_A);
}

/* Every usable address is free, an ENI's, or a foreign. */
static void check(struct fixture *f, const struct world_eni *enis, size_t n)
{
        unsigned free_addresses = fixture_free_addresses(f, SUBNET_A) + fixture_free_addresses(f, SUBNET_B) +
                                  fixture_free_addresses(f, SUBNET_SMALL);
        json_t *violations = world_check(f->world);

        for (size_t i = 0; i < n; i++)
                free_addresses += (unsigned)(enis[i].n_addresses + 16 * enis[i].n_prefixes);
        assert_int_equal(free_addresses + n_taken, USABLE);
        if (json_array_size(violations) > 0)
                fail_msg("%s", json_string_value(json_array_get(violations, 0)));
        json_decref(violations);
}

static void test_random_verbs(void **state)
{
        struct fixture *f = *state;
        unsigned done = 0, refused = 0;

        for (int i = 0; i < STEPS; i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                struct world_eni *enis;
                int64_t next;
                size_t n;

                if (draw(100) == 0)
                        take_some(f, draw(16));
                if (draw(100) == 0)
                        fixture_set(f, draw(2) ? "{'allocation': 'random'}"
                                               : "{'allocation': 'lowest', 'reuse_at_once': false}");
                assert_ok(
                        world_find_enis(f->world, &(struct world_query){0}, arena, &enis, &n, &next, &f->err),
                        &f->err);
                if (i % CHECK_EVERY == 0)
                        check(f, enis, n);
                world_clear_refusal(f->world);
                if (one_step(f, arena, enis, n) == 0)
                        done++;
                else if (world_refusal(f->world))
                        refused++;
                else
                        fail_msg("step %d: %s", i, f->err.msg);
                world_tick(f->world);
        }
        assert_true(done > STEPS / 4 && refused > STEPS / 20); /* both ways were gone */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_random_verbs, fixture_setup, fixture_teardown),
        };
        const char *given = getenv("VPCWIRE_TEST_SEED");

        seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_wall_ms();
        printf("VPCWIRE_TEST_SEED=%llu\n", (unsigned long long)seed);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
