// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses that somebody on the host has without a lease are given to nobody: they are "preparing" for as long as that is
 * seen, and a warning says who has them.
 */
#include <stdlib.h>
#include <string.h>

#include <vpcwire/dataplane.h>

#include "reconcile/blocked.h"
#include "reconcile/network.h"

static const struct block_address *find(const struct block_address *addresses, size_t n, struct ip ip)
{
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i].address, ip))
                        return &addresses[i];
        }
        return NULL;
}

/* *ret: it is withheld now. Not: an ADD was faster, or it is on its way back to EC2. */
static int withhold_one(struct context *ctx, const struct block_address *address, bool *ret,
                        struct outcome *out, struct err *err)
{
        unsigned changed = 0;

        if (store_addresses_withhold(ctx->store, address->eni_key, &address->address, 1, &changed, err) < 0)
                return err_wrap(err, "withhold %s", IP_TEXT(address->address));
        *ret = changed || address->state == ADDRESS_PREPARING;
        out->pool_changed |= changed > 0;
        return 0;
}

static struct warning warn_of(struct round *round, const struct node_occupied *occupied)
{
        return (struct warning){
                .object = arena_strdup(round->arena, IP_TEXT(occupied->ip)),
                .cause = occupied->local ? CAUSE_HOST_HAS_ADDRESS : CAUSE_NO_LEASE,
                .message =
                        occupied->local
                                ? arena_printf(
                                          round->arena,
                                          "the host itself has this address, on link %s, so no pod gets it",
                                          occupied->ifname)
                                : arena_printf(round->arena,
                                               "table %d routes this address to link %s, but no lease has "
                                               "it, so no pod gets it",
                                               DATAPLANE_TABLE_PODS, occupied->ifname)};
}

int withhold_occupied(struct withholding *withholding, struct context *ctx, struct round *round,
                      const struct node_report *report, const struct block_address *addresses, size_t n,
                      struct outcome *out, struct err *err)
{
        struct warning *warnings = ARENA_ARRAY(round->arena, struct warning, report->n_occupied);
        size_t kept = 0;

        free(withholding->list);
        withholding->list = XNEW_ARRAY(struct withheld, report->n_occupied + 1);
        withholding->n = 0;
        for (size_t i = 0; i < report->n_occupied; i++) {
                const struct node_occupied *occupied = &report->occupied[i];
                const struct block_address *address = find(addresses, n, occupied->ip);
                bool withheld = false;

                if (occupied->of_pod || !address || withhold_has(withholding, occupied->ip))
                        continue;
                if (withhold_one(ctx, address, &withheld, out, err) < 0)
                        return -(int)err->code;
                if (!withheld)
                        continue;
                withholding->list[withholding->n++] = (struct withheld){occupied->ip, address->eni_key};
                warnings[kept++] = warn_of(round, occupied);
        }
        return warn_exactly(ctx, round, CONDITION_OCCUPIED, warnings, kept,
                            round->now_ms + 2 * NETWORK_PERIOD_MS, out, err);
}

bool withhold_has(const struct withholding *withholding, struct ip ip)
{
        for (size_t i = 0; i < withholding->n; i++) {
                if (ip_equal(withholding->list[i].ip, ip))
                        return true;
        }
        return false;
}

unsigned withhold_count(const struct withholding *withholding, const struct eni *eni)
{
        unsigned n = 0;

        for (size_t i = 0; i < withholding->n; i++)
                n += withholding->list[i].eni_key == eni->key;
        return n < eni->preparing ? n : eni->preparing; /* EC2 may have taken one since */
}

void withhold_done(struct withholding *withholding)
{
        free(withholding->list);
        *withholding = (struct withholding){0};
}
