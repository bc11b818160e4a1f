// SPDX-License-Identifier: Apache-2.0
/* What a sync of the host's network found that somebody must hear of: in the log, and as warnings in the database. */
#include <vpcwire/dataplane.h>
#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/network.h"

/* Somebody took a pod's packets from it. Twice in a row is no accident, so each time is reported. */
static void tell_repaired(const struct node_misled *misled)
{
        log_error("another program's route to a pod replaced by ours",
                  LOG_STR("address", IP_TEXT(misled->ip)), LOG_STR("route", misled->route),
                  LOG_STR("link", misled->ifname), LOG_STR("container", misled->container_id));
}

static struct warning warn_of(struct round *round, const struct node_misled *misled)
{
        return (struct warning){
                .object = arena_strdup(round->arena, IP_TEXT(misled->ip)),
                .cause = CAUSE_ROUTE_MISLED,
                .message = arena_printf(round->arena,
                                        "its pod's link is missing, and table %d routes its packets to link "
                                        "%s of container %s",
                                        DATAPLANE_TABLE_PODS, misled->ifname,
                                        *misled->container_id ? misled->container_id : "(unknown)")};
}

static void tell_taken_off(const struct node_occupied *occupied)
{
        log_error("pod's address removed from an ENI's link", LOG_STR("address", IP_TEXT(occupied->ip)),
                  LOG_STR("link", occupied->ifname));
}

static struct warning warn_of_local(struct round *round, const struct node_occupied *occupied)
{
        return (struct warning){
                .object = arena_strdup(round->arena, IP_TEXT(occupied->ip)),
                .cause = CAUSE_HOST_HAS_ADDRESS,
                .message = arena_printf(
                        round->arena,
                        "the host itself has this pod's address, on link %s, so the pod gets no packets",
                        occupied->ifname)};
}

static size_t tell_local(struct round *round, const struct node_report *report, struct warning *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < report->n_occupied; i++) {
                if (report->occupied[i].removed)
                        tell_taken_off(&report->occupied[i]);
                else if (report->occupied[i].of_pod)
                        ret[n++] = warn_of_local(round, &report->occupied[i]);
        }
        return n;
}

static struct warning warn_of_strayed(struct round *round, const struct node_report *report,
                                      const struct node_strayed *strayed)
{
        return (struct warning){
                .object = strayed->dst,
                .cause = CAUSE_ROUTE_STRAYED,
                .message = arena_printf(round->arena,
                                        "the main routing table routes it %s%s, not via the primary ENI's "
                                        "link %s: pods on that ENI cannot reach it",
                                        *strayed->ifname ? "via link " : "elsewhere", strayed->ifname,
                                        report->primary_ifname)};
}

/* Others' table, so nobody but its owner can mend it; the pods of secondary ENIs do without it. */
static int tell_main(struct context *ctx, struct round *round, const struct node_report *report,
                     struct outcome *out, struct err *err)
{
        struct warning *warnings = ARENA_ARRAY(round->arena, struct warning, report->n_strayed + 1);
        size_t n = 0;

        for (size_t i = 0; i < report->n_strayed; i++)
                warnings[n++] = warn_of_strayed(round, report, &report->strayed[i]);
        if (report->no_default)
                warnings[n++] = (struct warning){"default", CAUSE_NO_DEFAULT_ROUTE,
                                                 "the main routing table has no default route: pods on the "
                                                 "primary ENI cannot reach anything outside its subnet"};
        return warn_exactly(ctx, round, CONDITION_MAIN_ROUTE, warnings, n,
                            round->now_ms + 2 * NETWORK_PERIOD_MS, out, err);
}

/*
 * A pod that is being wired has a link that is not up yet, and so no route; the plugin sets it a moment later. What fails again
 * at the next sync, which comes soon for that, is worth a word.
 */
static size_t tell_pod_routes(struct network *network, struct round *round, const struct node_report *report,
                              struct warning *ret)
{
        bool again = network->pod_routes_failed;

        network->pod_routes_failed = report->n_pods_failed > 0;
        if (!network->pod_routes_failed)
                return 0;
        if (!again) {
                network->due_ms = round->now_ms + ROUND_RETRY_MS;
                return 0;
        }
        *ret = (struct warning){"routes to pods", CAUSE_ROUTE_FAILED,
                                arena_printf(round->arena, "%u cannot be set: %s", report->n_pods_failed,
                                             report->pod_err.msg)};
        return 1;
}

int network_tell(struct network *network, struct context *ctx, struct round *round,
                 const struct node_report *report, struct outcome *out, struct err *err)
{
        struct warning *warnings =
                ARENA_ARRAY(round->arena, struct warning, report->n_misled + report->n_occupied + 1);
        size_t n = tell_local(round, report, warnings);

        n += tell_pod_routes(network, round, report, warnings + n);
        if (report->n_suspects)
                network->due_ms = outcome_earlier(network->due_ms, round->now_ms + SUSPECTS_AGAIN_MS);
        for (size_t i = 0; i < report->n_misled; i++) {
                if (report->misled[i].repaired)
                        tell_repaired(&report->misled[i]);
                else
                        warnings[n++] = warn_of(round, &report->misled[i]);
        }
        if (warn_exactly(ctx, round, CONDITION_POD_ROUTE, warnings, n, round->now_ms + 2 * NETWORK_PERIOD_MS,
                         out, err) < 0)
                return -(int)err->code;
        return tell_main(ctx, round, report, out, err);
}
