// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses that somebody on the host has without a lease are given to nobody: they are "preparing" for as long as that is
 * seen, and a warning says who has them.
 */
#include <stdlib.h>
#include <string.h>

#include "reconcile/state.h"

static const struct store_address *find(const struct store_address *addresses, size_t n, struct ip ip)
{
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i].address, ip))
                        return &addresses[i];
        }
        return NULL;
}

/* *ret: it is withheld now. Not: an ADD was faster, or it is on its way back to EC2. */
static int withhold_one(struct reconcile *r, struct round *round, const struct store_address *address,
                        bool *ret, struct err *err)
{
        unsigned changed = 0;

        if (store_addresses_withhold(r->store, address->eni_key, &address->address, 1, &changed, err) < 0)
                return err_wrap(err, "withhold %s", IP_TEXT(address->address));
        *ret = changed || address->state == ADDRESS_PREPARING;
        round->changed |= changed > 0;
        return 0;
}

static struct warning warn_of(struct round *round, const struct node_occupied *occupied)
{
        const char *ip = arena_strdup(round->arena, IP_TEXT(occupied->ip));

        return (struct warning){
                .subject = ip,
                .reason = occupied->local ? arena_printf(round->arena,
                                                         "the host itself has this address by link %s, so no "
                                                         "pod gets it; if "
                                                         "that is not meant: ip address del %s dev %s",
                                                         occupied->ifname, ip, occupied->ifname)
                                          : arena_printf(round->arena,
                                                         "table %d leads this address to link %s, and no "
                                                         "lease says whose it "
                                                         "is, so no pod gets it",
                                                         NODE_POD_TABLE, occupied->ifname)};
}

int withhold_occupied(struct reconcile *r, struct round *round, const struct node_report *report,
                      const struct store_address *addresses, size_t n, struct err *err)
{
        struct warning *warnings = ARENA_ARRAY(round->arena, struct warning, report->n_occupied);
        size_t kept = 0;

        free(r->withheld);
        r->withheld = XNEW_ARRAY(struct withheld, report->n_occupied + 1);
        r->n_withheld = 0;
        for (size_t i = 0; i < report->n_occupied; i++) {
                const struct node_occupied *occupied = &report->occupied[i];
                const struct store_address *address = find(addresses, n, occupied->ip);
                bool withheld = false;

                if (occupied->of_pod || !address || withhold_has(r, occupied->ip))
                        continue;
                if (withhold_one(r, round, address, &withheld, err) < 0)
                        return -(int)err->code;
                if (!withheld)
                        continue;
                r->withheld[r->n_withheld++] = (struct withheld){occupied->ip, address->eni_key};
                warnings[kept++] = warn_of(round, occupied);
        }
        return warn_exactly(r, round, STORE_WARNING_OCCUPIED, warnings, kept,
                            round->now_ms + 2 * NETWORK_PERIOD_MS, err);
}

bool withhold_has(const struct reconcile *r, struct ip ip)
{
        for (size_t i = 0; i < r->n_withheld; i++) {
                if (ip_equal(r->withheld[i].ip, ip))
                        return true;
        }
        return false;
}

unsigned withhold_count(const struct reconcile *r, const struct store_eni *eni)
{
        unsigned n = 0;

        for (size_t i = 0; i < r->n_withheld; i++)
                n += r->withheld[i].eni_key == eni->key;
        return n < eni->preparing ? n : eni->preparing; /* EC2 may have taken one since */
}
