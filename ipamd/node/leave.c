// SPDX-License-Identifier: Apache-2.0
#include "node/leave.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <nftables/libnftables.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/sysctl.h>

#include "node/sync_parts.h"

static const int families[] = {AF_INET, AF_INET6};
static const char *const nft_families[] = {"ip", "ip6", "inet", "arp"};

static int leave_rules(struct node *node, struct arena *arena, int family, unsigned *n, struct err *err)
{
        struct rule_info *rules;
        size_t n_rules;

        if (rule_dump(node->nl, arena, family, &rules, &n_rules, err) < 0)
                return -(int)err->code;
        for (size_t i = 0; i < n_rules; i++) {
                if (!node_rule_is_ours(&rules[i]))
                        continue;
                if (rule_delete(node->nl, &rules[i], err) < 0 && err->code != ERR_NOT_FOUND)
                        return -(int)err->code;
                ++*n;
        }
        return 0;
}

static int leave_pods_table(struct node *node, struct arena *arena, int family, unsigned *n, struct err *err)
{
        const struct route_filter filter = {
                .family = family, .table = DATAPLANE_TABLE_PODS, .protocol = DATAPLANE_PROTOCOL};
        struct route_info *routes;
        size_t n_routes;

        if (route_dump(node->nl, arena, &filter, &routes, &n_routes, err) < 0)
                return -(int)err->code;
        for (size_t i = 0; i < n_routes; i++) {
                if (route_delete(node->nl, &routes[i], err) < 0 && err->code != ERR_NOT_FOUND)
                        return -(int)err->code;
                ++*n;
        }
        return 0;
}

static bool leads_out_by(const struct route_info *routes, size_t n, unsigned ifindex)
{
        for (size_t i = 0; i < n; i++) {
                if (routes[i].dst.bits == 0 && routes[i].oif == ifindex)
                        return true;
        }
        return false;
}

/* The kernel's own check of sources on the ENIs' links, loose as others want it, which nftables did for it. */
static int leave_sysctls(struct node *node, struct arena *arena, unsigned *n, struct err *err)
{
        static const char *const values[][2] = {{"rp_filter", NODE_RP_FILTER_LOOSE}, {"accept_local", "0"}};
        const struct route_filter all = {.family = AF_INET};
        struct route_info *routes;
        struct link_info *links;
        size_t n_routes, n_links;

        if (route_dump(node->nl, arena, &all, &routes, &n_routes, err) < 0 ||
            link_dump(node->nl, arena, &links, &n_links, err) < 0)
                return -(int)err->code;
        for (size_t i = 0; i < n_links; i++) {
                if (links[i].conf[LINK_CONF_IPV4_ACCEPT_LOCAL] != 1 ||
                    links[i].group == DATAPLANE_LINK_GROUP ||
                    !leads_out_by(routes, n_routes, links[i].ifindex))
                        continue;
                for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
                        char key[NODE_SYSCTL_KEY_BYTES];

                        snprintf(key, sizeof(key), "net.ipv4.conf.%s.%s", links[i].name, values[j][0]);
                        if (sysctl_write(key, values[j][1], NULL, err) < 0 && err->code != ERR_NOT_FOUND)
                                return -(int)err->code;
                }
                ++*n;
        }
        return 0;
}

/* Whether a table is there is asked by listing it: a missing one is no error. */
static int leave_nft(struct node *node, const char *family, unsigned *n, struct err *err)
{
        _cleanup_free_ char *list = xasprintf("list table %s " DATAPLANE_NFT_TABLE, family);
        _cleanup_free_ char *delete = xasprintf("delete table %s " DATAPLANE_NFT_TABLE, family);
        const char *text;

        if (nft_run_cmd_from_buffer(node->nft, list) != 0) {
                (void)nft_ctx_get_error_buffer(node->nft);
                return 0;
        }
        if (nft_run_cmd_from_buffer(node->nft, delete) != 0) {
                text = nft_ctx_get_error_buffer(node->nft);
                return err_set(err, ERR_SYSTEM, "remove nftables table %s " DATAPLANE_NFT_TABLE ": %.*s",
                               family, (int)strcspn(text, "\n"), text);
        }
        ++*n;
        return 0;
}

/* The rules first: without the rule that leads to it, the pods' table is not asked, and the next daemon's is. */
int node_leave(struct node *node, struct arena *arena, unsigned *ret_n, struct err *err)
{
        struct err failure = {0};
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                if (leave_rules(node, arena, families[i], ret_n, err) < 0 ||
                    leave_pods_table(node, arena, families[i], ret_n, err) < 0)
                        return err_wrap(err, "remove our part of the host's network");
        }
        /* Where they cannot be written (a container's /proc/sys), all else goes nevertheless. */
        r = leave_sysctls(node, arena, ret_n, &failure);
        if (r < 0)
                err_wrap(&failure, "give the check of sources back to the kernel");
        for (size_t i = 0; i < ARRAY_SIZE(nft_families); i++) {
                if (leave_nft(node, nft_families[i], ret_n, err) < 0)
                        return -(int)err->code;
        }
        if (r < 0 && err)
                *err = failure;
        return r;
}
