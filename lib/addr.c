// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/addr.h>

bool ip_is_set(struct ip ip)
{
        return ip.family != AF_UNSPEC;
}

static size_t ip_bytes(struct ip ip)
{
        return ip.family == AF_INET6 ? 16 : 4;
}

int ip_compare(struct ip a, struct ip b)
{
        if (a.family != b.family)
                return a.family < b.family ? -1 : 1;
        return memcmp(a.bytes, b.bytes, ip_bytes(a));
}

bool ip_equal(struct ip a, struct ip b)
{
        return ip_compare(a, b) == 0;
}

struct ip ip_from_in(struct in_addr in)
{
        struct ip ip = {.family = AF_INET};

        memcpy(ip.bytes, &in.s_addr, 4);
        return ip;
}

struct ip ip_from_u32(uint32_t host_order)
{
        return ip_from_in((struct in_addr){htonl(host_order)});
}

uint32_t ip_to_u32(struct ip ip)
{
        uint32_t net;

        memcpy(&net, ip.bytes, 4);
        return ntohl(net);
}

unsigned ip_max_bits(struct ip ip)
{
        return ip.family == AF_INET6 ? 128 : 32;
}

int ip_parse(const char *text, struct ip *ret, struct err *err)
{
        struct ip ip = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

        if (inet_pton(ip.family, text, ip.bytes) != 1)
                return err_set(err, ERR_INVALID, "'%.64s' is not an IP address", text);
        *ret = ip;
        return 0;
}

const char *ip_format(struct ip ip, char text[static IP_TEXT_BYTES])
{
        if (!ip_is_set(ip) || !inet_ntop(ip.family, ip.bytes, text, IP_TEXT_BYTES))
                memcpy(text, "none", sizeof("none"));
        return text;
}

int prefix_parse(const char *text, struct prefix *ret, struct err *err)
{
        const char *slash = strchr(text, '/');
        char address[IP_TEXT_BYTES];
        struct prefix prefix;
        unsigned bits = 0, digits = 0;

        if (!slash || (size_t)(slash - text) >= sizeof(address))
                return err_set(err, ERR_INVALID, "'%.64s' is not a CIDR (address/bits)", text);
        memcpy(address, text, (size_t)(slash - text));
        address[slash - text] = '\0';
        if (ip_parse(address, &prefix.ip, NULL) < 0)
                return err_set(err, ERR_INVALID, "'%.64s' is not a CIDR (address/bits)", text);
        for (const char *c = slash + 1; *c; c++, digits++) {
                if (*c < '0' || *c > '9' || digits >= 3)
                        return err_set(err, ERR_INVALID, "'%.64s' has a prefix length that is not a number",
                                       text);
                bits = bits * 10 + (unsigned)(*c - '0');
        }
        if (!digits || bits > ip_max_bits(prefix.ip))
                return err_set(err, ERR_INVALID, "'%.64s' has a prefix length outside 0..%u", text,
                               ip_max_bits(prefix.ip));
        prefix.bits = bits;
        *ret = prefix;
        return 0;
}

const char *prefix_format(struct prefix prefix, char text[static PREFIX_TEXT_BYTES])
{
        snprintf(text, PREFIX_TEXT_BYTES, "%s/%u", IP_TEXT(prefix.ip), prefix.bits);
        return text;
}

int prefix_compare(struct prefix a, struct prefix b)
{
        int order = ip_compare(a.ip, b.ip);

        if (order)
                return order;
        return a.bits < b.bits ? -1 : a.bits > b.bits;
}

bool prefix_equal(struct prefix a, struct prefix b)
{
        return prefix_compare(a, b) == 0;
}

struct prefix prefix_network(struct prefix prefix)
{
        for (unsigned i = 0; i < ip_bytes(prefix.ip); i++) {
                if (i * 8 >= prefix.bits)
                        prefix.ip.bytes[i] = 0;
                else if (i * 8 + 8 > prefix.bits)
                        prefix.ip.bytes[i] &= (uint8_t)(0xff << (i * 8 + 8 - prefix.bits));
        }
        return prefix;
}

bool prefix_is_network(struct prefix prefix)
{
        return prefix_equal(prefix, prefix_network(prefix));
}

bool prefix_contains(struct prefix prefix, struct ip ip)
{
        struct prefix other = {.ip = ip, .bits = prefix.bits};

        return ip.family == prefix.ip.family && prefix_equal(prefix_network(prefix), prefix_network(other));
}

struct ip prefix_nth(struct prefix prefix, uint32_t n)
{
        struct ip ip = prefix_network(prefix).ip;
        size_t last = ip_bytes(ip) - 1;
        uint32_t carry = n;

        for (size_t i = 0; i <= last && carry; i++) {
                carry += ip.bytes[last - i];
                ip.bytes[last - i] = (uint8_t)carry;
                carry >>= 8;
        }
        return ip;
}

struct prefix prefix_host(struct ip ip)
{
        return (struct prefix){.ip = ip, .bits = ip_max_bits(ip)};
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int mac_parse(const char *text, struct mac *ret, struct err *err)
{
        struct mac mac = {0};
        bool good = strlen(text) == MAC_TEXT_BYTES - 1;

        for (size_t i = 0; good && i < MAC_BYTES; i++) {
                int high = hex_digit(text[i * 3]), low = hex_digit(text[i * 3 + 1]);

                good = high >= 0 && low >= 0 && (i == MAC_BYTES - 1 || text[i * 3 + 2] == ':');
                if (good)
                        mac.bytes[i] = (uint8_t)(high << 4 | low);
        }
        if (!good)
                return err_set(err, ERR_INVALID, "'%.64s' is not a MAC address", text);
        *ret = mac;
        return 0;
}

const char *mac_format(struct mac mac, char text[static MAC_TEXT_BYTES])
{
        snprintf(text, MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1],
                 mac.bytes[2], mac.bytes[3], mac.bytes[4], mac.bytes[5]);
        return text;
}

bool mac_equal(struct mac a, struct mac b)
{
        return memcmp(a.bytes, b.bytes, MAC_BYTES) == 0;
}
