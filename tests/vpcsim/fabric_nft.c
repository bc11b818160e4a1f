// SPDX-License-Identifier: Apache-2.0
/* See fabric_nft.h. */
#include <jansson.h>
#include <nftables/libnftables.h>
#include <string.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/netns.h>

#include "fabric_nft.h"

/* These end at every border of the real internet. */
#define PRIVATE_RANGES "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10"

struct fabric_nft {
        struct nft_ctx *ctx;
        int netns_fd;
};

/*
 * check:    before connection tracking, so that a forged packet leaves no trace but its counter.
 * known:    traffic inside the VPC, and with the networks that it is joined to, is not tracked: nothing translates it,
 *           and the real fabric has no state.
 * network:  what comes from such a network may go to the VPC and no further.
 * forward:  what is routed to the internet and is not for it has no owner in the VPC.
 * gateway:  behind the translation, lets pass to the internet only what bears the public address that its sender has
 *           now; so a connection of a public address that was taken away ends, and untranslated packets do too.
 */
static void add_table(struct text *commands)
{
        text_add(
                commands,
                "table ip fabric {\n"
                "  counter wrong_source { }\n"
                "  counter no_public { }\n"
                "  counter forwarded { }\n"
                "  set assigned { typeof iifname . ip saddr; }\n"
                "  set unchecked { type ifname; }\n"
                "  set offenders { typeof iifname . ip saddr . ip daddr; size %d; flags dynamic; counter; }\n"
                "  set subnets { type ipv4_addr; flags interval; }\n"
                "  set networks { type ipv4_addr; flags interval; }\n"
                "  set public_pairs { type ipv4_addr . ipv4_addr; }\n"
                "  map public_of { type ipv4_addr : ipv4_addr; }\n"
                "  map private_of { type ipv4_addr : ipv4_addr; }\n"
                "  chain check {\n"
                "    type filter hook prerouting priority raw; policy accept;\n"
                "    iifname { \"lo\", \"" FABRIC_INTERNET_LINK "\" } accept\n"
                "    iifname \"" FABRIC_NETWORK_LINKS "*\" goto network\n"
                "    iifname . ip saddr @assigned goto known\n"
                "    iifname @unchecked goto known\n"
                "    counter name wrong_source\n"
                "    add @offenders { iifname . ip saddr . ip daddr }\n"
                "    drop\n"
                "  }\n"
                "  chain known {\n"
                "    ip daddr @subnets notrack\n"
                "    ip daddr @networks notrack\n"
                "  }\n"
                "  chain network {\n"
                "    ip daddr @subnets notrack accept\n"
                "    drop\n"
                "  }\n"
                "  chain inbound {\n"
                "    type nat hook prerouting priority dstnat; policy accept;\n"
                "    iifname \"" FABRIC_INTERNET_LINK "\" dnat to ip daddr map @private_of\n"
                "  }\n"
                "  chain forward {\n"
                "    type filter hook forward priority filter; policy accept;\n"
                "    oifname \"" FABRIC_INTERNET_LINK "\" ip daddr { " PRIVATE_RANGES " } drop\n"
                "    oifname \"" FABRIC_INTERNET_LINK "\" ip daddr @subnets drop\n"
                "    counter name forwarded\n"
                "  }\n"
                "  chain outbound {\n"
                "    type nat hook postrouting priority srcnat; policy accept;\n"
                "    oifname \"" FABRIC_INTERNET_LINK "\" snat to ip saddr map @public_of\n"
                "  }\n"
                "  chain gateway {\n"
                "    type filter hook postrouting priority srcnat + 10; policy accept;\n"
                "    oifname != \"" FABRIC_INTERNET_LINK "\" accept\n"
                "    fib saddr type local accept\n"
                "    ct direction original ct original ip saddr . ip saddr @public_pairs accept\n"
                "    ct direction reply ct reply ip saddr . ip saddr @public_pairs accept\n"
                "    counter name no_public drop\n"
                "  }\n"
                "}\n",
                FABRIC_OFFENDERS_MAX);
}

/* libnftables writes results and errors into the context's buffers, which the next command overwrites. */
static int run_text(struct fabric_nft *nft, const char *commands, struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        const char *text;
        int r;

        r = netns_enter(nft->netns_fd, &guard, err);
        if (r < 0)
                return r;
        if (nft_run_cmd_from_buffer(nft->ctx, commands) == 0)
                return 0;
        text = nft_ctx_get_error_buffer(nft->ctx);
        return err_set(err, ERR_SYSTEM, "nftables: %.*s", (int)strcspn(text, "\n"), text);
}

struct fabric_nft *fabric_nft_free(struct fabric_nft *nft)
{
        if (nft && nft->ctx)
                nft_ctx_free(nft->ctx);
        free(nft);
        return NULL;
}

int fabric_nft_new(int netns_fd, struct fabric_nft **ret, struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_(fabric_nft_freep) struct fabric_nft *nft = XNEW(struct fabric_nft);
        _cleanup_(text_done) struct text commands = {0};
        int r;

        nft->netns_fd = netns_fd;
        r = netns_enter(netns_fd, &guard, err); /* the context's netlink socket belongs where it is made */
        if (r < 0)
                return r;
        nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
        if (!nft->ctx)
                return err_set(err, ERR_SYSTEM, "libnftables gives no context");
        if (nft_ctx_buffer_output(nft->ctx) || nft_ctx_buffer_error(nft->ctx))
                return err_set(err, ERR_SYSTEM, "libnftables gives no buffer");
        nft_ctx_output_set_flags(nft->ctx, NFT_CTX_OUTPUT_JSON);
        add_table(&commands);
        r = run_text(nft, commands.text, err);
        if (r < 0)
                return err_wrap(err, "make the fabric's table");
        *ret = TAKE_PTR(nft);
        return 0;
}

void fabric_nft_add_subnet(struct text *commands, struct prefix cidr)
{
        text_add(commands, "add element ip fabric subnets { %s }\n", PREFIX_TEXT(cidr));
}

void fabric_nft_add_network(struct text *commands, struct prefix cidr)
{
        text_add(commands, "add element ip fabric networks { %s }\n", PREFIX_TEXT(cidr));
}

void fabric_nft_change_address(struct text *commands, bool add, const char *link, struct ip address)
{
        text_add(commands, "%s element ip fabric assigned { \"%s\" . %s }\n", add ? "add" : "delete", link,
                 IP_TEXT(address));
}

void fabric_nft_change_ipv6(struct text *commands, bool add, const char *link, struct prefix cidr)
{
        text_add(commands, "%s element ip6 fabric assigned { \"%s\" . %s }\n", add ? "add" : "delete", link,
                 PREFIX_TEXT(cidr));
}

void fabric_nft_change_unchecked(struct text *commands, bool add, const char *link)
{
        static const char *const families[] = {"ip", "ip6"};

        for (size_t i = 0; i < ARRAY_SIZE(families); i++)
                text_add(commands, "%s element %s fabric unchecked { \"%s\" }\n", add ? "add" : "delete",
                         families[i], link);
}

void fabric_nft_change_public(struct text *commands, bool add, struct ip private_address,
                              struct ip public_address)
{
        const char *verb = add ? "add" : "delete";
        char private[IP_TEXT_BYTES], public[IP_TEXT_BYTES];

        ip_format(private_address, private);
        ip_format(public_address, public);
        text_add(commands, "%s element ip fabric public_of { %s : %s }\n", verb, private, public);
        text_add(commands, "%s element ip fabric private_of { %s : %s }\n", verb, public, private);
        text_add(commands, "%s element ip fabric public_pairs { %s . %s }\n", verb, private, public);
}

int fabric_nft_run(struct fabric_nft *nft, const struct text *commands, struct err *err)
{
        return commands->bytes ? run_text(nft, commands->text, err) : 0;
}

/* Runs a list command; the reply {"nftables": [...]} is the caller's. */
static int read_list(struct fabric_nft *nft, const char *command, json_t **ret, struct err *err)
{
        json_t *reply;
        int r = run_text(nft, command, err);

        if (r < 0)
                return r;
        reply = json_loads(nft_ctx_get_output_buffer(nft->ctx), 0, NULL);
        if (!json_is_array(json_object_get(reply, "nftables"))) {
                json_decref(reply);
                return err_set(err, ERR_PROTOCOL, "nftables: the reply to '%s' makes no sense", command);
        }
        *ret = reply;
        return 0;
}

/* Adds what the table of a family counted. */
static int add_counters(struct fabric_nft *nft, const char *command, struct fabric_counters *counters,
                        struct err *err)
{
        const struct {
                const char *name;
                uint64_t *packets;
        } table[] = {{"wrong_source", &counters->wrong_source_packets},
                     {"no_public", &counters->no_public_packets},
                     {"forwarded", &counters->forwarded_packets}};
        _cleanup_json_ json_t *reply = NULL;
        json_t *item;
        size_t at, found = 0;
        int r;

        r = read_list(nft, command, &reply, err);
        if (r < 0)
                return r;
        json_array_foreach(json_object_get(reply, "nftables"), at, item)
        {
                json_t *counter = json_object_get(item, "counter");
                const char *name = json_string_value(json_object_get(counter, "name"));

                for (size_t i = 0; name && i < ARRAY_SIZE(table); i++) {
                        if (strcmp(name, table[i].name) != 0)
                                continue;
                        *table[i].packets +=
                                (uint64_t)json_integer_value(json_object_get(counter, "packets"));
                        found++;
                }
        }
        return found == ARRAY_SIZE(table) ? 0
                                          : err_set(err, ERR_NOT_FOUND, "the fabric's table lacks a counter");
}

int fabric_nft_read_counters(struct fabric_nft *nft, struct fabric_counters *ret, struct err *err)
{
        struct fabric_counters counters = {0};
        int r;

        r = add_counters(nft, "list counters table ip fabric", &counters, err);
        if (r == 0)
                r = add_counters(nft, "list counters table ip6 fabric", &counters, err);
        if (r == 0)
                *ret = counters;
        return r;
}

/* {"elem": {"val": {"concat": ["eni1", "10.0.0.1", "10.0.0.2"]}, "counter": {"packets": 1, "bytes": 84}}} */
static int parse_offender(json_t *item, struct fabric_offender *ret, struct err *err)
{
        const char *link, *source, *destination;
        json_int_t packets;
        int r;

        if (json_unpack(item, "{s:{s:{s:[s,s,s]}, s:{s:I}}}", "elem", "val", "concat", &link, &source,
                        &destination, "counter", "packets", &packets) < 0)
                return err_set(err, ERR_PROTOCOL, "nftables: an element of offenders makes no sense");
        r = ip_parse(source, &ret->source, err);
        if (r == 0)
                r = ip_parse(destination, &ret->destination, err);
        if (r < 0)
                return r;
        ret->packets = (uint64_t)packets;
        ret->eni_id = xstrdup(link);
        return 0;
}

/* Appends those of one family; what was appended stays when it fails. */
static int read_offenders(struct fabric_nft *nft, const char *command, struct fabric_offender **list,
                          size_t *n, struct err *err)
{
        _cleanup_json_ json_t *reply = NULL;
        json_t *item, *elements = NULL;
        size_t at;
        int r;

        r = read_list(nft, command, &reply, err);
        if (r < 0)
                return r;
        json_array_foreach(json_object_get(reply, "nftables"), at, item) elements =
                json_object_get(json_object_get(item, "set"), "elem") ?: elements;
        *list = xrealloc_array(*list, *n + json_array_size(elements) + 1, sizeof(**list));
        json_array_foreach(elements, at, item)
        {
                r = parse_offender(item, *list + *n, err);
                if (r < 0)
                        return r;
                ++*n;
        }
        return 0;
}

int fabric_nft_read_offenders(struct fabric_nft *nft, struct fabric_offender **ret, size_t *ret_n,
                              struct err *err)
{
        struct fabric_offender *list = NULL;
        size_t n = 0;
        int r;

        r = read_offenders(nft, "list set ip fabric offenders", &list, &n, err);
        if (r == 0)
                r = read_offenders(nft, "list set ip6 fabric offenders", &list, &n, err);
        if (r < 0) {
                fabric_offenders_free(list, n);
                return r;
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

void fabric_offenders_free(struct fabric_offender *offenders, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(offenders[i].eni_id);
        free(offenders);
}
