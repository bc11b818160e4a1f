// SPDX-License-Identifier: Apache-2.0
/* ipamctl export: the way back. New pods wait while the leases become aws-vpc-cni's. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <vpcwire/clock.h>
#include <vpcwire/dataplane.h>
#include <vpcwire/file.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>

#include "ctl/ctl.h"
#include "ctl/leased.h"
#include "migrate/export.h"

#define TARGET "aws-vpc-cni"

enum {
        FILE_MODE = 0600,
        SETTLE_MS = 30 * 1000, /* for ADDs that are under way, and pods that are not looked at yet */
        POLL_NS = 250 * 1000 * 1000,
};

static int find_pods(struct netlink *nl, struct arena *arena, const struct ipam_list_reply *list,
                     struct pod_found **ret, struct err *err)
{
        struct pod_evidence kernel = {.table = DATAPLANE_TABLE_PODS};
        const struct route_filter filter = {.family = AF_INET, .table = DATAPLANE_TABLE_PODS};
        struct route_info *routes;
        struct link_info *links;

        if (route_dump(nl, arena, &filter, &routes, &kernel.n_routes, err) < 0 ||
            link_dump(nl, arena, &links, &kernel.n_links, err) < 0)
                return -(int)err->code;
        kernel.routes = routes;
        kernel.links = links;
        *ret = leased_match(arena, list, &kernel);
        return 0;
}

static int write_host(const struct ipam_list_reply *list, struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct pod_found *found = NULL;

        if (netlink_open(-1, &nl, err) < 0 || find_pods(nl, arena, list, &found, err) < 0)
                return -(int)err->code;
        assert(found);
        for (size_t i = 0; i < list->n_leases; i++) {
                if (export_routes(nl, list, &list->leases[i], found[i].link, err) < 0)
                        return -(int)err->code;
        }
        return 0;
}

/* To a file: its pods are to be aws-vpc-cni's, so the host's network is made ready for it, too. */
static int export_to(const char *path, const struct ipam_list_reply *list, const char *text, struct err *err)
{
        _cleanup_free_ char *line = xasprintf("%s\n", text);

        if (write_host(list, err) < 0)
                return err_wrap(err, "add aws-vpc-cni's routes and rules");
        return file_replace(path, line, strlen(line), FILE_MODE, err);
}

static int hold(struct ipam_client *client, bool on, struct err *err)
{
        struct ipam_handover_reply reply;

        if (ipam_handover(client, &(struct ipam_handover_request){.hold = on}, &reply, err) < 0)
                return err_wrap(err, on ? "stop giving addresses to new pods"
                                        : "give addresses to new pods again");
        return 0;
}

/* The address of a pod that is being wired, or that outlived our database and is not looked at yet; IP_NONE: there is none. */
static struct ip find_unsettled(const struct ipam_list_reply *list)
{
        for (size_t i = 0; i < list->n_leases; i++) {
                if (list->leases[i].state == IPAM_LEASE_STATE_RESERVED)
                        return list->leases[i].addresses[0].address;
        }
        for (size_t i = 0; i < list->n_imports; i++) {
                if (list->imports[i].verdict == IPAM_IMPORT_VERDICT_PENDING &&
                    !export_is_theirs(&list->imports[i]))
                        return list->imports[i].address;
        }
        return IP_NONE;
}

/* The database once it is settled who runs: what runs and is not in the file would be given away. */
static int list_settled(struct ipam_client *client, struct ipam_list_reply *ret, struct err *err)
{
        int64_t deadline_ms = clock_boottime_ms() + SETTLE_MS;
        struct ip unsettled;

        for (;;) {
                if (ipam_list(client, ret, err) < 0)
                        return -(int)err->code;
                unsettled = find_unsettled(ret);
                if (!ip_is_set(unsettled))
                        return 0;
                if (clock_boottime_ms() >= deadline_ms)
                        return err_set(err, ERR_AGAIN,
                                       "for %d s the pod with %s has been starting, or waiting to be "
                                       "adopted; see `ipamctl pods` and `ipamctl imports`, and try again",
                                       SETTLE_MS / 1000, IP_TEXT(unsettled));
                nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        }
}

/* New pods wait from here on, whatever becomes of the rest: an older file may be there, which does not know of them. */
static int hand_over(struct ctl *ctl, struct ipam_client *client, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        struct ipam_list_reply list;

        if (hold(client, true, err) < 0)
                return -(int)err->code;
        if (list_settled(client, &list, err) == 0) {
                text = export_checkpoint(&list);
                if (export_to(ctl->output, &list, text, err) == 0)
                        return 0;
        }
        return err_wrap(err,
                        "not exported; new pods wait until it is, or until `ipamctl --cancel export " TARGET
                        "`");
}

static int show(struct ctl *ctl, struct ipam_client *client, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        struct ipam_list_reply list;

        if (ipam_list(client, &list, err) < 0)
                return -(int)err->code;
        text = export_checkpoint(&list);
        fprintf(ctl->out, "%s\n", text);
        return 0;
}

enum ctl_exit ctl_export(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        struct err err;
        int e;

        if (!ctl->argument || strcmp(ctl->argument, TARGET) != 0) {
                fprintf(ctl->err, "ipamctl: export: name the target, " TARGET "%s%s\n",
                        ctl->argument ? ", not " : "", ctl->argument ?: "");
                return CTL_USAGE;
        }
        if (ctl->cancel && ctl->output) {
                fprintf(ctl->err, "ipamctl: export takes --cancel or --output %s, not both\n", ctl->output);
                return CTL_USAGE;
        }
        if (ctl_connect(ctl, &client) < 0)
                return CTL_NO;
        if (ctl->cancel)
                e = hold(client, false, &err);
        else
                e = ctl->output ? hand_over(ctl, client, &err) : show(ctl, client, &err);
        return e < 0 ? ctl_fail_next(ctl, &err) : CTL_OK;
}
