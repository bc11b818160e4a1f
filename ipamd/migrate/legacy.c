// SPDX-License-Identifier: Apache-2.0
#include "migrate/legacy.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>

#include "firewall/nft.h"

static bool is_one_of(struct prefix prefix, const struct ip *ips, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (prefix.bits == 32 && ip_equal(prefix.ip, ips[i]))
                        return true;
        }
        return false;
}

/* One of the rules that aws-vpc-cni makes, and of nobody else's address. */
static bool rule_is_legacy(const struct rule_info *rule, const struct legacy *legacy)
{
        if (rule->protocol == DATAPLANE_PROTOCOL || rule->other || rule->iif[0])
                return false;
        switch (rule->priority) {
        case AWS_CNI_PRIORITY_TO_POD:
                return rule->table == RT_TABLE_MAIN && is_one_of(rule->dst, legacy->pods, legacy->n_pods);
        case AWS_CNI_PRIORITY_FROM_POD:
                return !rule->fwmask && is_one_of(rule->src, legacy->pods, legacy->n_pods);
        case AWS_CNI_PRIORITY_ENI_ADDRESS: return is_one_of(rule->src, legacy->enis, legacy->n_enis);
        case DATAPLANE_PRIORITY_CONNMARK:
                return rule->table == RT_TABLE_MAIN && rule->fwmark == rule->fwmask &&
                       (rule->fwmark == legacy->connmark || rule->fwmark == DATAPLANE_CONNMARK);
        default: return false;
        }
}

/* Older than ours, which came later: where it has no protocol, the first of equal ones is it. */
static int delete_rule(struct netlink *nl, const struct rule_info *rule, struct err *err)
{
        return rule->protocol ? rule_delete(nl, rule, err) : rule_delete_first(nl, rule, err);
}

/* Rules before routes: a rule to main whose route had gone would send the pod's packets out of the node. */
int legacy_remove_rules(struct netlink *nl, struct arena *arena, const struct legacy *legacy, unsigned *ret_n,
                        struct err *err)
{
        const struct route_filter filter = {.family = AF_INET, .table = RT_TABLE_MAIN};
        struct rule_info *rules;
        struct route_info *routes;
        size_t n_rules, n_routes;

        if (rule_dump(nl, arena, AF_INET, &rules, &n_rules, err) < 0 ||
            route_dump(nl, arena, &filter, &routes, &n_routes, err) < 0)
                return err_wrap(err, "look for what aws-vpc-cni left");
        for (size_t i = 0; i < n_rules; i++) {
                if (!rule_is_legacy(&rules[i], legacy))
                        continue;
                if (delete_rule(nl, &rules[i], err) < 0 && err->code != ERR_NOT_FOUND)
                        return err_wrap(err, "remove aws-vpc-cni's %s", RULE_TEXT(&rules[i]));
                ++*ret_n;
        }
        for (size_t i = 0; i < n_routes; i++) {
                if (routes[i].protocol == DATAPLANE_PROTOCOL || ip_is_set(routes[i].gateway) ||
                    !is_one_of(routes[i].dst, legacy->pods, legacy->n_pods))
                        continue;
                if (route_delete(nl, &routes[i], err) < 0 && err->code != ERR_NOT_FOUND)
                        return err_wrap(err, "remove aws-vpc-cni's %s", ROUTE_TEXT(&routes[i]));
                ++*ret_n;
        }
        return 0;
}

/* ---- the packet filter ---- */

/* Rules in base chains that others use, too: known by their whole text, as nftables lists them. A '*' takes any word, a '#' the mark. */
static const struct {
        const char *table, *chain, *rule;
} filter_rules[] = {
        {"nat", "POSTROUTING", "counter jump AWS-SNAT-CHAIN-0"},
        {"nat", "PREROUTING", "iifname * counter jump AWS-CONNMARK-CHAIN-0"},
        {"nat", "PREROUTING", "counter meta mark set ct mark and #"},
        {"mangle", "PREROUTING", "iifname * fib daddr . iif type local counter ct mark set ct mark or #"},
        {"mangle", "PREROUTING", "iifname * counter meta mark set ct mark and #"},
};

#define OWN_TABLE "aws-cni"

static const char chain_prefixes[][16] = {"AWS-SNAT-", "AWS-CONNMARK-"};

static bool word_matches(const char *pattern, size_t p, const char *word, size_t n, uint32_t connmark)
{
        unsigned long mark;
        char *end;

        if (p != 1 || !strchr("*#", *pattern))
                return p == n && memcmp(pattern, word, n) == 0;
        mark = strtoul(word, &end, 0);
        return *pattern == '*' || (end == word + n && (mark == connmark || mark == DATAPLANE_CONNMARK));
}

/* Word by word; the listing's own spacing does not matter. */
static bool text_matches(const char *pattern, const char *text, size_t n, uint32_t connmark)
{
        const char *end = text + n;

        for (;;) {
                size_t p, t;

                pattern += strspn(pattern, " ");
                while (text < end && (*text == ' ' || *text == '\t'))
                        text++;
                if (!*pattern || text == end)
                        return !*pattern && text == end;
                p = strcspn(pattern, " ");
                for (t = 0; text + t < end && text[t] != ' '; t++)
                        ;
                if (!word_matches(pattern, p, text, t, connmark))
                        return false;
                pattern += p;
                text += t;
        }
}

struct listing {
        const char *table, *chain;
        uint32_t connmark;
        struct text deletes, flushes, chains; /* commands, in the order that nftables needs */
        unsigned n;
};

static bool chain_is_legacy(const char *chain)
{
        for (size_t i = 0; i < ARRAY_SIZE(chain_prefixes); i++) {
                if (strncmp(chain, chain_prefixes[i], strlen(chain_prefixes[i])) == 0)
                        return true;
        }
        return false;
}

static void see_chain(struct listing *listing, const char *line)
{
        char chain[64];

        if (sscanf(line, " chain %63s", chain) != 1 || !chain_is_legacy(chain))
                return;
        text_add(&listing->flushes, "flush chain ip %s %s\n", listing->table, chain);
        text_add(&listing->chains, "delete chain ip %s %s\n", listing->table, chain);
        listing->n++;
}

static void see_rule(struct listing *listing, const char *line, const char *handle)
{
        for (size_t i = 0; i < ARRAY_SIZE(filter_rules); i++) {
                if (strcmp(filter_rules[i].table, listing->table) != 0 ||
                    strcmp(filter_rules[i].chain, listing->chain) != 0 ||
                    !text_matches(filter_rules[i].rule, line, (size_t)(handle - line), listing->connmark))
                        continue;
                text_add(&listing->deletes, "delete rule ip %s %s handle %lu\n", listing->table,
                         listing->chain, strtoul(handle + strlen(" # handle "), NULL, 10));
                listing->n++;
                return;
        }
}

static int run(struct nft_ctx *nft, const char *commands, struct err *err)
{
        const char *text, *error;

        if (nft_run_cmd_from_buffer(nft, commands) == 0)
                return 0;
        text = nft_ctx_get_error_buffer(nft);
        error = strstr(text, "Error: "); /* before it stand warnings that iptables-nft manages the table */
        text = error ?: text;
        return err_set(err, ERR_SYSTEM, "remove aws-vpc-cni's packet filter: %.*s", (int)strcspn(text, "\n"),
                       text);
}

/* The listing of one command; NULL: what it asks for is not there. Of the caller. */
static char *ask(struct nft_ctx *nft, const char *command)
{
        if (nft_run_cmd_from_buffer(nft, command) != 0) {
                (void)nft_ctx_get_error_buffer(nft);
                return NULL;
        }
        return xstrdup(nft_ctx_get_output_buffer(nft));
}

/* All chains of IPv4, without their rules. */
static void see_chains(struct nft_ctx *nft, struct listing *listing)
{
        _cleanup_free_ char *text = ask(nft, "list chains ip");
        char *rest = text, *line, table[64];
        bool ours = false;

        while ((line = strsep(&rest, "\n"))) {
                if (sscanf(line, "table ip %63s", table) == 1)
                        ours = strcmp(table, listing->table) == 0;
                else if (ours)
                        see_chain(listing, line);
        }
}

/* Chain by chain: kube-proxy may have 100,000 rules in the same tables. */
static void see_rules(struct nft_ctx *nft, struct listing *listing)
{
        static const char *const base_chains[] = {"PREROUTING", "POSTROUTING"};

        for (size_t i = 0; i < ARRAY_SIZE(base_chains); i++) {
                _cleanup_free_ char *command =
                        xasprintf("list chain ip %s %s", listing->table, base_chains[i]);
                _cleanup_free_ char *text = ask(nft, command);
                char *rest = text, *line;

                listing->chain = base_chains[i];
                while ((line = strsep(&rest, "\n"))) {
                        const char *handle = strstr(line, " # handle ");

                        if (handle)
                                see_rule(listing, line, handle);
                }
        }
}

static void see_table(struct nft_ctx *nft, struct listing *listing, const char *table)
{
        listing->table = table;
        see_chains(nft, listing);
        /* Its lone rules are known for its own only beside its chains, which are in the nat table. */
        if (listing->chains.text)
                see_rules(nft, listing);
}

/* From version 1.23 on what marks connections is in a table of its own. */
static void see_own_table(struct nft_ctx *nft, struct listing *listing)
{
        _cleanup_free_ char *text = ask(nft, "list table ip " OWN_TABLE);

        if (!text)
                return;
        text_add(&listing->chains, "delete table ip " OWN_TABLE "\n");
        listing->n++;
}

static void listing_done(struct listing *listing)
{
        text_done(&listing->deletes);
        text_done(&listing->flushes);
        text_done(&listing->chains);
}

/* In one step: whoever is killed between two would not know the rest for aws-vpc-cni's, and packets would meet half of it. */
static int clean(struct nft_ctx *nft, uint32_t connmark, unsigned *n, struct err *err)
{
        _cleanup_(listing_done) struct listing listing = {.connmark = connmark};

        nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_HANDLE);
        see_table(nft, &listing, "nat");
        see_table(nft, &listing, "mangle");
        see_own_table(nft, &listing);
        if (!listing.n)
                return 0;
        text_add(&listing.deletes, "%s%s", listing.flushes.text ?: "", listing.chains.text ?: "");
        if (run(nft, listing.deletes.text, err) < 0)
                return -(int)err->code;
        *n += listing.n;
        return 0;
}

/* With a context of its own, which keeps in memory what it has seen of other people's tables. */
int legacy_remove_nft(uint32_t connmark, unsigned *ret_n, struct err *err)
{
        struct nft_ctx *nft = NULL;
        int r = nft_open(&nft, err);

        if (r == 0)
                r = clean(nft, connmark, ret_n, err);
        nft_close(nft);
        malloc_trim(0);
        return r;
}
