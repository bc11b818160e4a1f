// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "netlink_message.h"

void message_must(int r)
{
        if (r < 0) {
                fprintf(stderr, "netlink message: %s\n", nl_geterror(r));
                abort();
        }
}

void *message_need(void *object)
{
        message_must(object ? 0 : -NLE_NOMEM);
        return object;
}

struct nl_addr *message_addr(struct ip ip, unsigned bits)
{
        struct nl_addr *addr;

        if (!ip_is_set(ip))
                return NULL;
        addr = message_need(nl_addr_build(ip.family, ip.bytes, ip_max_bits(ip) / 8));
        nl_addr_set_prefixlen(addr, (int)bits);
        return addr;
}

struct nl_addr *message_mac(struct mac mac)
{
        return message_need(nl_addr_build(AF_LLC, mac.bytes, MAC_BYTES));
}

struct nl_msg *message_new(int type, int flags, const void *header, size_t bytes)
{
        struct nl_msg *msg = message_need(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags));

        memcpy(message_need(nlmsg_reserve(msg, bytes, NLMSG_ALIGNTO)), header, bytes);
        return msg;
}

void message_put(struct nl_msg *msg, int attribute, const void *bytes, size_t n)
{
        message_must(nla_put(msg, attribute, (int)n, bytes));
}

void message_put_u8(struct nl_msg *msg, int attribute, uint8_t value)
{
        message_must(nla_put_u8(msg, attribute, value));
}

void message_put_u32(struct nl_msg *msg, int attribute, uint32_t value)
{
        message_must(nla_put_u32(msg, attribute, value));
}

void message_put_string(struct nl_msg *msg, int attribute, const char *value)
{
        message_must(nla_put_string(msg, attribute, value));
}

void message_put_mac(struct nl_msg *msg, int attribute, struct mac mac)
{
        message_put(msg, attribute, mac.bytes, sizeof(mac.bytes));
}

struct nlattr *message_nest(struct nl_msg *msg, int attribute)
{
        return message_need(nla_nest_start(msg, attribute));
}

int message_parse(const struct nlmsghdr *hdr, size_t header_bytes, struct nlattr **attributes, int max,
                  struct err *err)
{
        struct nlmsghdr *writable = (struct nlmsghdr *)(uintptr_t)hdr; /* libnl's parser takes no const */

        if (hdr->nlmsg_len < NLMSG_LENGTH(header_bytes))
                return err_set(err, ERR_PROTOCOL, "netlink message %u of %u bytes is too short",
                               hdr->nlmsg_type, hdr->nlmsg_len);
        if (nlmsg_parse(writable, (int)header_bytes, attributes, max, NULL) < 0)
                return err_set(err, ERR_PROTOCOL, "netlink message %u is malformed", hdr->nlmsg_type);
        return 0;
}

uint32_t attribute_u32(const struct nlattr *attribute, uint32_t fallback)
{
        return attribute && nla_len(attribute) == sizeof(uint32_t) ? nla_get_u32(attribute) : fallback;
}

uint8_t attribute_u8(const struct nlattr *attribute, uint8_t fallback)
{
        return attribute && nla_len(attribute) == sizeof(uint8_t) ? nla_get_u8(attribute) : fallback;
}

struct ip attribute_ip(const struct nlattr *attribute, int family)
{
        struct ip ip = {.family = family};
        size_t bytes = ip_max_bits(ip) / 8;

        if (!attribute || (size_t)nla_len(attribute) != bytes)
                return IP_NONE;
        memcpy(ip.bytes, nla_data(attribute), bytes);
        return ip;
}

bool attribute_mac(const struct nlattr *attribute, struct mac *ret)
{
        if (!attribute || nla_len(attribute) != MAC_BYTES)
                return false;
        memcpy(ret->bytes, nla_data(attribute), MAC_BYTES);
        return true;
}

void attribute_string(const struct nlattr *attribute, char *ret, size_t size)
{
        ret[0] = '\0';
        if (attribute)
                nla_strlcpy(ret, attribute, size);
}
