// SPDX-License-Identifier: Apache-2.0
/*
 * nftables' side, through libnftables' JSON. Rules are listed chain by chain: kube-proxy alone may have 100,000 of them, of
 * which none is in the few chains that matter here.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include <jansson.h>
#include <nftables/libnftables.h>

#include "firewall/firewall.h"
#include "firewall/nft.h"
#include <vpcwire/jsonx.h>
#include <vpcwire/mem.h>

#include "firewall/parts.h"

enum {
        JUMPS_MAX = 8,     /* deep */
        LISTINGS_MAX = 64, /* chains that one check lists the rules of */
};

struct nft_look {
        struct firewall *firewall;
        struct nft_ctx *nft;
        const char *links; /* "eni*" */
        unsigned listings;
};

struct chain {
        const char *family, *table, *name;
};

void firewall_judge(struct firewall *firewall, const struct firewall_walk *walk, bool policy_drops,
                    const char *where, const char *remedy)
{
        bool drops = walk->drops_the_rest || (policy_drops && !walk->accepts_the_rest);

        if (!drops || (walk->accepts_from_pods && walk->accepts_to_pods))
                return;
        GROW(firewall->drops, firewall->n_drops, firewall->capacity);
        firewall->drops[firewall->n_drops++] = (struct firewall_drop){
                .where = where,
                .why = walk->drops_the_rest ? "its last rule drops the rest" : "its policy is drop",
                .remedy = remedy,
        };
}

/* The reply to one command (new reference); NULL when it failed: what it asked for may be gone already. */
static json_t *ask(struct nft_ctx *nft, const char *command)
{
        if (nft_run_cmd_from_buffer(nft, command) != 0) {
                (void)nft_ctx_get_error_buffer(nft); /* reading empties it */
                return NULL;
        }
        return json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
}

/* One rule in so far as it matters here. */
struct rule {
        unsigned conditions;
        bool from_pods, to_pods; /* the condition is the link */
        const char *verdict;     /* NULL: none */
        const char *target;      /* of a jump or goto */
};

static bool names_the_links(const struct nft_look *look, const json_t *match, const char *key)
{
        const char *meta = json_string_value(
                json_object_get(json_object_get(json_object_get(match, "left"), "meta"), "key"));
        const char *op = json_string_value(json_object_get(match, "op"));
        const char *right = json_string_value(json_object_get(match, "right"));

        return meta && op && right && strcmp(meta, key) == 0 && strcmp(op, "==") == 0 &&
               strcmp(right, look->links) == 0;
}

static void read_statement(const struct nft_look *look, const char *name, const json_t *value,
                           struct rule *rule)
{
        static const char *const verdicts[] = {"accept", "drop", "reject", "jump", "goto", "return"};
        static const char *const neutral[] = {"counter", "log"};

        for (size_t i = 0; i < ARRAY_SIZE(neutral); i++) {
                if (strcmp(name, neutral[i]) == 0)
                        return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
                if (strcmp(name, verdicts[i]) == 0) {
                        rule->verdict = verdicts[i];
                        rule->target = json_string_value(json_object_get(value, "target"));
                        return;
                }
        }
        rule->conditions++; /* a match, or something else that may end the rule */
        rule->from_pods |= names_the_links(look, value, "iifname");
        rule->to_pods |= names_the_links(look, value, "oifname");
}

static struct rule read_rule(const struct nft_look *look, const json_t *rule)
{
        struct rule read = {0};
        json_t *statement;
        size_t i;

        json_array_foreach(json_object_get(rule, "expr"), i, statement)
        {
                void *at = json_object_iter(statement);

                if (at)
                        read_statement(look, json_object_iter_key(at), json_object_iter_value(at), &read);
        }
        return read;
}

static bool is(const char *verdict, const char *name)
{
        return verdict && strcmp(verdict, name) == 0;
}

static void walk_chain(struct nft_look *look, struct chain chain, unsigned depth, struct firewall_walk *walk);

/* Whether the rule decides about everything, so that no later one is reached. */
static bool walk_rule(struct nft_look *look, struct chain chain, const struct rule *rule, unsigned depth,
                      struct firewall_walk *walk)
{
        if (rule->conditions == 1 && is(rule->verdict, "accept")) {
                walk->accepts_from_pods |= rule->from_pods;
                walk->accepts_to_pods |= rule->to_pods;
        }
        if (rule->conditions)
                return false;
        if (rule->target) {
                chain.name = rule->target;
                walk_chain(look, chain, depth + 1, walk);
        }
        walk->accepts_the_rest |= is(rule->verdict, "accept");
        walk->drops_the_rest |= is(rule->verdict, "drop") || is(rule->verdict, "reject");
        return walk->accepts_the_rest || walk->drops_the_rest || is(rule->verdict, "return");
}

static void walk_chain(struct nft_look *look, struct chain chain, unsigned depth, struct firewall_walk *walk)
{
        struct arena *arena = look->firewall->arena;
        _cleanup_json_ json_t *listing = NULL;
        json_t *item;
        size_t i;

        if (depth > JUMPS_MAX || look->listings++ >= LISTINGS_MAX)
                return;
        walk->ufw |= strcmp(chain.name, "ufw-before-forward") == 0;
        walk->docker |= strcmp(chain.name, "DOCKER-USER") == 0;
        listing = ask(look->nft,
                      arena_printf(arena, "list chain %s %s %s", chain.family, chain.table, chain.name));
        json_array_foreach(json_object_get(listing, "nftables"), i, item)
        {
                const json_t *object = json_object_get(item, "rule");
                struct rule rule = read_rule(look, object);

                if (object && walk_rule(look, chain, &rule, depth, walk))
                        return;
        }
}

static const char *remedy_of(const struct firewall *firewall, struct chain chain,
                             const struct firewall_walk *walk)
{
        const char *prefix = firewall->veth_prefix;

        if (strcmp(chain.table, "firewalld") == 0)
                return arena_printf(firewall->arena,
                                    "firewall-cmd --permanent --zone=trusted --add-interface=%s+; "
                                    "firewall-cmd --reload",
                                    prefix);
        if (walk->ufw)
                return "ufw default allow routed";
        if (walk->docker)
                return arena_printf(firewall->arena,
                                    "iptables -I DOCKER-USER -i %1$s+ -j ACCEPT; "
                                    "iptables -I DOCKER-USER -o %1$s+ -j ACCEPT",
                                    prefix);
        return arena_printf(firewall->arena,
                            "nft insert rule %1$s %2$s %3$s iifname '%4$s*' accept; "
                            "nft insert rule %1$s %2$s %3$s oifname '%4$s*' accept",
                            chain.family, chain.table, chain.name, prefix);
}

static bool is_ours_or_harmless(const char *table)
{
        /* kube-proxy's nftables mode: its forward chains accept by policy, and its sets are large. */
        static const char *const tables[] = {"vpcwire", "kube-proxy"};

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
                if (strcmp(table, tables[i]) == 0)
                        return true;
        }
        return false;
}

static void judge_chain(struct nft_look *look, const json_t *object)
{
        struct arena *arena = look->firewall->arena;
        const char *hook = json_string_value(json_object_get(object, "hook"));
        const char *policy = json_string_value(json_object_get(object, "policy"));
        struct chain chain = {
                .family = json_string_value(json_object_get(object, "family")),
                .table = json_string_value(json_object_get(object, "table")),
                .name = json_string_value(json_object_get(object, "name")),
        };
        struct firewall_walk walk = {0};

        if (!is(hook, "forward") || !chain.family || !chain.table || !chain.name ||
            (strcmp(chain.family, "ip") != 0 && strcmp(chain.family, "inet") != 0) ||
            is_ours_or_harmless(chain.table))
                return;
        walk_chain(look, chain, 0, &walk);
        firewall_judge(look->firewall, &walk, is(policy, "drop"),
                       arena_printf(arena, "nftables chain %s %s %s", chain.family, chain.table, chain.name),
                       remedy_of(look->firewall, chain, &walk));
}

static int open_json(struct nft_ctx **ret, struct err *err)
{
        if (nft_open(ret, err) < 0)
                return -(int)err->code;
        nft_ctx_output_set_flags(*ret, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_STATELESS);
        return 0;
}

static int list_chains(struct nft_ctx *nft, json_t **ret, struct err *err)
{
        json_t *chains = ask(nft, "list chains");

        if (!chains)
                return err_set(err, ERR_SYSTEM, "the nftables chains cannot be listed");
        *ret = chains;
        return 0;
}

static int look_at_nftables(struct firewall *firewall, struct err *err)
{
        _cleanup_(nft_closep) struct nft_ctx *nft = NULL;
        struct nft_look look = {.firewall = firewall,
                                .links = arena_printf(firewall->arena, "%s*", firewall->veth_prefix)};
        _cleanup_json_ json_t *chains = NULL;
        int r = open_json(&nft, err);
        json_t *item;
        size_t i;

        if (r == 0)
                r = list_chains(nft, &chains, err);
        look.nft = nft;
        json_array_foreach(json_object_get(chains, "nftables"), i, item)
                judge_chain(&look, json_object_get(item, "chain"));
        return r;
}

int firewall_table_chains(struct arena *arena, const char *family, const char *table, const char ***ret,
                          size_t *ret_n, struct err *err)
{
        _cleanup_(nft_closep) struct nft_ctx *nft = NULL;
        _cleanup_json_ json_t *chains = NULL;
        const char **names;
        int r = open_json(&nft, err);
        size_t i, n = 0;
        json_t *item;

        if (r == 0)
                r = list_chains(nft, &chains, err);
        if (r < 0)
                return r;
        names = ARENA_ARRAY(arena, const char *, json_array_size(json_object_get(chains, "nftables")));
        json_array_foreach(json_object_get(chains, "nftables"), i, item)
        {
                const json_t *chain = json_object_get(item, "chain");
                const char *name = json_string_value(json_object_get(chain, "name"));

                if (name && is(json_string_value(json_object_get(chain, "family")), family) &&
                    is(json_string_value(json_object_get(chain, "table")), table))
                        names[n++] = arena_strdup(arena, name);
        }
        *ret = names;
        *ret_n = n;
        return 0;
}

int firewall_table_text(const char *family, const char *table, char **ret, struct err *err)
{
        _cleanup_(nft_closep) struct nft_ctx *nft = NULL;
        _cleanup_free_ char *command = xasprintf("list table %s %s", family, table);
        int r = open_json(&nft, err);

        if (r < 0)
                return r;
        nft_ctx_output_set_flags(nft, 0); /* text, with the counters */
        if (nft_run_cmd_from_buffer(nft, command) != 0)
                return err_set(err, ERR_NOT_FOUND,
                               "there is no nftables table %s %s, or this user cannot see it", family, table);
        *ret = xstrdup(nft_ctx_get_output_buffer(nft));
        return 0;
}

int firewall_try(const char *commands, enum firewall_how how, struct err *err)
{
        _cleanup_(nft_closep) struct nft_ctx *nft = NULL;
        const char *said;
        int r = open_json(&nft, err);

        if (r < 0)
                return r;
        nft_ctx_set_dry_run(nft, how == FIREWALL_DRY);
        if (nft_run_cmd_from_buffer(nft, commands) == 0)
                return 0;
        said = nft_ctx_get_error_buffer(nft);
        if (!said[0] || strstr(said, strerrordesc_np(EPERM)))
                return err_set(err, ERR_DENIED, "nftables cannot be used by this user");
        return err_set(err, ERR_SYSTEM, "%.*s", (int)strcspn(said, "\n"), said);
}

int firewall_look(struct arena *arena, const char *veth_prefix, struct firewall_drop **ret, size_t *ret_n,
                  struct err *err)
{
        struct firewall firewall = {.arena = arena, .veth_prefix = veth_prefix};
        struct firewall_drop *drops;
        int r = look_at_nftables(&firewall, err);

        if (r == 0)
                r = firewall_look_legacy(&firewall, err);
        if (r == 0) {
                drops = ARENA_ARRAY(arena, struct firewall_drop, firewall.n_drops);
                for (size_t i = 0; i < firewall.n_drops; i++)
                        drops[i] = firewall.drops[i];
                *ret = drops;
                *ret_n = firewall.n_drops;
        }
        free(firewall.drops);
        malloc_trim(0); /* the chains of a large kube-proxy take 40 MiB */
        return r;
}
