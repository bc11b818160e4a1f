// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <vpcwire/ipam_client.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>

#include "lease.h"
#include "verbs.h"
#include "wire.h"

/* The daemon refuses names that it could not have leased to; leaving them out changes nothing. */
static bool may_have_lease(const struct valid_attachment *attachment)
{
        return strlen(attachment->container_id) <= IPAM_CONTAINER_ID_BYTES_MAX &&
               strlen(attachment->ifname) <= IPAM_IFNAME_BYTES_MAX;
}

static void make_request(const struct call *call, const struct valid_attachment *valid, size_t n,
                         struct arena *arena, struct ipam_gc_request *ret)
{
        struct ipam_gc_request request = {.network = call->conf.name,
                                          .attachments = ARENA_ARRAY(arena, struct ipam_attachment, n + 1)};

        for (size_t i = 0; i < n; i++) {
                if (may_have_lease(&valid[i]))
                        request.attachments[request.n_attachments++] = (struct ipam_attachment){
                                .container_id = valid[i].container_id, .ifname = valid[i].ifname};
        }
        *ret = request;
}

/* The lease as it was before, which knows the link's name; NULL when it is not in the list. */
static const struct ipam_lease *find_lease(const struct ipam_list_reply *list, const char *network,
                                           const struct ipam_released *released)
{
        for (size_t i = 0; i < list->n_leases; i++) {
                const struct ipam_lease *lease = &list->leases[i];

                if (strcmp(lease->network, network) == 0 &&
                    strcmp(lease->container_id, released->container_id) == 0 &&
                    strcmp(lease->ifname, released->ifname) == 0)
                        return lease;
        }
        return NULL;
}

/* Goes on past errors, as the specification wants; the first one is the call's. */
static int remove_links(const struct call *call, const struct ipam_list_reply *before,
                        const struct ipam_gc_reply *gc, struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *host = NULL;
        struct err one;
        int result = 0, r;

        r = netlink_open(-1, &host, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < gc->n_released; i++) {
                const struct ipam_lease *lease = find_lease(before, call->conf.name, &gc->released[i]);
                const struct wire_owner owner = {.host_ifname = lease ? lease->host_ifname : NULL,
                                                 .container_id = gc->released[i].container_id,
                                                 .ifname = gc->released[i].ifname,
                                                 .unnamed = !lease || !lease->host_ifname};

                r = wire_remove_host_link(host, &owner, (char[LINK_NAME_BYTES]){0}, &one);
                log_info("collected", LOG_STR("container", gc->released[i].container_id),
                         LOG_STR("address", IP_TEXT(gc->released[i].addresses[0])));
                if (r < 0 && result == 0) {
                        *err = one;
                        result = r;
                }
        }
        return result;
}

int verb_gc(struct call *call, json_t **ret_result _unused_, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
        _cleanup_free_ struct valid_attachment *valid = NULL;
        struct ipam_list_reply before = {0};
        struct ipam_gc_reply reply = {0};
        struct ipam_gc_request request;
        size_t n;
        int r;

        r = call_parse_own(call, err);
        if (r < 0)
                return r;
        if (netconf_parse_valid_attachments(&call->conf, &valid, &n, err) < 0)
                return call_fail(call, CNI_CODE_CONFIG, err);
        if (!valid)
                return 0; /* nobody said what is alive: an absence never destroys */
        if (lease_connect(call, RPC_TIMEOUT_MS, &ipam, err) < 0)
                return call_fail(call, CNI_CODE_TRY_AGAIN, err);
        make_request(call, valid, n, arena, &request);
        if (ipam_list(ipam, &before, err) < 0 || ipam_gc(ipam, &request, &reply, err) < 0)
                return err_wrap(err, "ask ipamd to collect");
        return call->conf.delegated ? 0 : remove_links(call, &before, &reply, err);
}
