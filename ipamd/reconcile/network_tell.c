// SPDX-License-Identifier: Apache-2.0
/* What a sync of the host's network found that somebody must hear of: in the log, and as warnings in the books. */
#include <vpcwire/log.h>

#include "reconcile/state.h"

/* Somebody took a pod's packets from it. Twice in a row is no accident, so each time is told. */
static void tell_repaired(const struct node_misled *misled)
{
        log_error("a route led a pod's packets elsewhere: it is replaced",
                  LOG_STR("address", IP_TEXT(misled->ip)), LOG_STR("route", misled->route),
                  LOG_STR("link", misled->ifname), LOG_STR("container", misled->container_id));
}

static struct warning warn_of(struct round *round, const struct node_misled *misled)
{
        return (struct warning){
                .subject = arena_strdup(round->arena, IP_TEXT(misled->ip)),
                .reason = arena_printf(
                        round->arena,
                        "its pod's link is not here, and table %d leads its packets to link %s of "
                        "container %s; remove that route if it is wrong: ip route del %s table %d",
                        NODE_POD_TABLE, misled->ifname,
                        *misled->container_id ? misled->container_id : "(unknown)", IP_TEXT(misled->ip),
                        NODE_POD_TABLE)};
}

static int tell_misled(struct reconcile *r, struct round *round, const struct node_report *report,
                       struct err *err)
{
        struct warning *warnings = ARENA_ARRAY(round->arena, struct warning, report->n_misled + 1);
        size_t n = 0;

        if (report->n_pods_failed)
                warnings[n++] = (struct warning){"routes to pods",
                                                 arena_printf(round->arena, "%u cannot be set: %s",
                                                              report->n_pods_failed, report->pod_err.msg)};
        for (size_t i = 0; i < report->n_misled; i++) {
                if (report->misled[i].repaired)
                        tell_repaired(&report->misled[i]);
                else
                        warnings[n++] = warn_of(round, &report->misled[i]);
        }
        return warn_exactly(r, round, STORE_WARNING_POD_ROUTE, warnings, n,
                            round->now_ms + 2 * NETWORK_PERIOD_MS, err);
}

int network_tell(struct reconcile *r, struct round *round, const struct node_report *report, struct err *err)
{
        return tell_misled(r, round, report, err);
}
