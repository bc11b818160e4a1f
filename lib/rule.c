// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/route/rule.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/rule.h>

#include "netlink_dump.h"
#include "netlink_message.h"

const char *rule_format(const struct rule_info *rule, char text[static RULE_TEXT_BYTES])
{
        _cleanup_(text_done) struct text t = {0};

        text_add(&t, "%u:", rule->priority);
        if (ip_is_set(rule->src.ip))
                text_add(&t, " from %s", PREFIX_TEXT(rule->src));
        if (ip_is_set(rule->dst.ip))
                text_add(&t, " to %s", PREFIX_TEXT(rule->dst));
        if (rule->fwmask)
                text_add(&t, " fwmark 0x%x/0x%x", rule->fwmark, rule->fwmask);
        if (rule->iif[0])
                text_add(&t, " iif %s", rule->iif);
        text_add(&t, rule->goto_priority ? " goto %u" : " lookup %u", rule->goto_priority ?: rule->table);
        text_add(&t, " proto %u", rule->protocol ?: DATAPLANE_PROTOCOL);
        snprintf(text, RULE_TEXT_BYTES, "%s", t.text);
        return text;
}

DEFINE_CLEANUP(struct rtnl_rule *, rtnl_rule_put)

/* build: rtnl_rule_build_add_request() or the like. */
static struct nl_msg *rule_message(int (*build)(struct rtnl_rule *, int, struct nl_msg **),
                                   const struct rule_info *rule, uint8_t protocol)
{
        _cleanup_(rtnl_rule_putp) struct rtnl_rule *object = message_need(rtnl_rule_alloc());
        _cleanup_(nl_addr_putp) struct nl_addr *src = message_addr(rule->src.ip, rule->src.bits);
        _cleanup_(nl_addr_putp) struct nl_addr *dst = message_addr(rule->dst.ip, rule->dst.bits);
        struct nl_msg *msg;

        rtnl_rule_set_family(object, rule->family);
        rtnl_rule_set_prio(object, rule->priority);
        rtnl_rule_set_table(object, rule->table);
        rtnl_rule_set_action(object, rule->goto_priority ? FR_ACT_GOTO : FR_ACT_TO_TBL);
        message_must(rtnl_rule_set_protocol(object, protocol));
        if (rule->goto_priority)
                rtnl_rule_set_goto(object, rule->goto_priority);
        if (src)
                message_must(rtnl_rule_set_src(object, src));
        if (dst)
                message_must(rtnl_rule_set_dst(object, dst));
        if (rule->fwmask) {
                rtnl_rule_set_mark(object, rule->fwmark);
                rtnl_rule_set_mask(object, rule->fwmask);
        }
        if (rule->iif[0])
                message_must(rtnl_rule_set_iif(object, rule->iif));
        message_must(build(object, 0, &msg));
        return msg;
}

int rule_add(struct netlink *nl, const struct rule_info *rule, struct err *err)
{
        /* No NLM_F_EXCL: the kernel's test for an equal rule leaves the protocol out. */
        return netlink_request(
                nl, rule_message(rtnl_rule_build_add_request, rule, rule->protocol ?: DATAPLANE_PROTOCOL),
                err, "add rule %s", RULE_TEXT(rule));
}

int rule_delete(struct netlink *nl, const struct rule_info *rule, struct err *err)
{
        return netlink_request(
                nl, rule_message(rtnl_rule_build_delete_request, rule, rule->protocol ?: DATAPLANE_PROTOCOL),
                err, "delete rule %s", RULE_TEXT(rule));
}

int rule_delete_first(struct netlink *nl, const struct rule_info *rule, struct err *err)
{
        return netlink_request(nl, rule_message(rtnl_rule_build_delete_request, rule, RTPROT_UNSPEC), err,
                               "delete rule %s", RULE_TEXT(rule));
}

int rule_compare(const struct rule_info *a, const struct rule_info *b)
{
        int r;

        COMPARE_FIELD(priority);
        COMPARE_FIELD(family);
        COMPARE_FIELD(table);
        COMPARE_FIELD(goto_priority);
        COMPARE_FIELD(fwmark);
        COMPARE_FIELD(fwmask);
        r = prefix_compare(a->src, b->src);
        if (r == 0)
                r = prefix_compare(a->dst, b->dst);
        if (r == 0)
                r = strcmp(a->iif, b->iif);
        if (r)
                return r;
        COMPARE_FIELD(protocol);
        COMPARE_FIELD(other);
        return 0;
}

static int compare(const void *a, const void *b)
{
        return rule_compare(a, b);
}

/* Whether the rule does or asks for something that struct rule_info cannot say. */
static bool is_other(const struct fib_rule_hdr *header, struct nlattr **attributes)
{
        static const int unknown[] = {FRA_FLOW,        FRA_TUN_ID,   FRA_L3MDEV,
                                      FRA_UID_RANGE,   FRA_IP_PROTO, FRA_SPORT_RANGE,
                                      FRA_DPORT_RANGE, FRA_OIFNAME,  FRA_SUPPRESS_IFGROUP};

        if ((header->action != FR_ACT_TO_TBL && header->action != FR_ACT_GOTO) || header->tos ||
            (header->flags & FIB_RULE_INVERT))
                return true;
        for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
                if (attributes[unknown[i]] && attribute_u32(attributes[unknown[i]], 1) != 0)
                        return true;
        }
        return attribute_u32(attributes[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX) != UINT32_MAX;
}

static struct prefix rule_prefix(const struct nlattr *attribute, int family, unsigned bits)
{
        struct ip ip = attribute_ip(attribute, family);

        return ip_is_set(ip) ? (struct prefix){ip, bits} : (struct prefix){0};
}

int rule_parse(const struct nlmsghdr *hdr, struct rule_info *ret, struct err *err)
{
        struct nlattr *attributes[FRA_MAX + 1];
        const struct fib_rule_hdr *header = nlmsg_data(hdr);
        int r = message_parse(hdr, sizeof(*header), attributes, FRA_MAX, err);

        if (r < 0)
                return r;
        *ret = (struct rule_info){
                .family = header->family,
                .priority = attribute_u32(attributes[FRA_PRIORITY], 0),
                .table = attribute_u32(attributes[FRA_TABLE], header->table),
                .goto_priority = attribute_u32(attributes[FRA_GOTO], 0),
                .fwmark = attribute_u32(attributes[FRA_FWMARK], 0),
                .fwmask = attribute_u32(attributes[FRA_FWMASK], 0),
                .src = rule_prefix(attributes[FRA_SRC], header->family, header->src_len),
                .dst = rule_prefix(attributes[FRA_DST], header->family, header->dst_len),
                .protocol = attribute_u8(attributes[FRA_PROTOCOL], RTPROT_UNSPEC),
                .other = is_other(header, attributes),
        };
        attribute_string(attributes[FRA_IIFNAME], ret->iif, sizeof(ret->iif));
        return 0;
}

static int take(const struct nlmsghdr *hdr, void *element, const void *family, struct err *err)
{
        struct rule_info *rule = element;
        int r = rule_parse(hdr, rule, err);

        return r < 0 ? r : rule->family == *(const int *)family;
}

int rule_dump(struct netlink *nl, struct arena *arena, int family, struct rule_info **ret, size_t *ret_n,
              struct err *err)
{
        const struct fib_rule_hdr header = {.family = (uint8_t)family};
        struct message_list list = {.type = RTM_NEWRULE,
                                    .size = sizeof(struct rule_info),
                                    .take = take,
                                    .filter = &family,
                                    .compare = compare};
        int r = message_dump(nl, message_new(RTM_GETRULE, NLM_F_DUMP, &header, sizeof(header)), &list, arena,
                             "list the rules", err);

        *ret = list.items;
        *ret_n = list.n;
        return r;
}
