// SPDX-License-Identifier: Apache-2.0
#include "node/leave.h"

#include <string.h>
#include <sys/socket.h>

#include <nftables/libnftables.h>

#include <vpcwire/mem.h>

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
                .family = family, .table = NODE_POD_TABLE, .protocol = VPCWIRE_PROTOCOL};
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

/* Whether a table is there is asked by listing it: a missing one is no error. */
static int leave_nft(struct node *node, const char *family, unsigned *n, struct err *err)
{
        _cleanup_free_ char *list = xasprintf("list table %s " NODE_NFT_TABLE, family);
        _cleanup_free_ char *delete = xasprintf("delete table %s " NODE_NFT_TABLE, family);
        const char *text;

        if (nft_run_cmd_from_buffer(node->nft, list) != 0) {
                (void)nft_ctx_get_error_buffer(node->nft);
                return 0;
        }
        if (nft_run_cmd_from_buffer(node->nft, delete) != 0) {
                text = nft_ctx_get_error_buffer(node->nft);
                return err_set(err, ERR_SYSTEM, "remove nftables table %s " NODE_NFT_TABLE ": %.*s", family,
                               (int)strcspn(text, "\n"), text);
        }
        ++*n;
        return 0;
}

/* The rules first: without the rule that leads to it, the pods' table is not asked, and the next daemon's is. */
int node_leave(struct node *node, struct arena *arena, unsigned *ret_n, struct err *err)
{
        for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
                if (leave_rules(node, arena, families[i], ret_n, err) < 0 ||
                    leave_pods_table(node, arena, families[i], ret_n, err) < 0)
                        return err_wrap(err, "remove our part of the host's network");
        }
        for (size_t i = 0; i < ARRAY_SIZE(nft_families); i++) {
                if (leave_nft(node, nft_families[i], ret_n, err) < 0)
                        return -(int)err->code;
        }
        return 0;
}
