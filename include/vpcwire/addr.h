// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses as values: IPv4 and IPv6 addresses, prefixes, MAC addresses. Passed and compared by value, no ownership.
 * Parsing is strict (what inet_pton takes, no surrounding space); text sizes are constants.
 */
#ifndef VPCWIRE_ADDR_H
#define VPCWIRE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum {
        IP_TEXT_BYTES = INET6_ADDRSTRLEN,         /* with the NUL */
        PREFIX_TEXT_BYTES = INET6_ADDRSTRLEN + 4, /* "/128" */
        MAC_TEXT_BYTES = 18,
        MAC_BYTES = 6,
};

/* An address of either family. family is AF_INET or AF_INET6; AF_UNSPEC (zero) means "none". */
struct ip {
        int family;
        uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest is zero */
};

/* A CIDR. Host bits may be set in `ip` where a prefix is an address with a length; see prefix_is_network(). */
struct prefix {
        struct ip ip;
        unsigned bits;
};

struct mac {
        uint8_t bytes[MAC_BYTES];
};

/* IEEE 802, in the first byte: of a locally administered address, and of a group address. */
enum { MAC_LOCAL = 0x02, MAC_GROUP = 0x01 };

#define IP_NONE ((struct ip){0})

bool ip_is_set(struct ip ip);
bool ip_equal(struct ip a, struct ip b);
int ip_compare(struct ip a, struct ip b); /* total order: by family, then bytes */
struct ip ip_from_in(struct in_addr in);
struct ip ip_from_u32(uint32_t host_order);
uint32_t ip_to_u32(struct ip ip);   /* IPv4 only; host order */
unsigned ip_max_bits(struct ip ip); /* 32 or 128 */

/* Parses "10.0.0.1" or "fe80::1". ERR_INVALID names the text. */
int ip_parse(const char *text, struct ip *ret, struct err *err);
/* Formats into the caller's buffer and returns it; "none" for AF_UNSPEC. */
const char *ip_format(struct ip ip, char text[static IP_TEXT_BYTES]);
/* For use inside one printf-like call: the buffer lives to the end of the enclosing block. */
#define IP_TEXT(ip) ip_format((ip), (char[IP_TEXT_BYTES]){0})

/* Parses "10.0.0.0/16"; the "/bits" is required. ERR_INVALID names the text. */
int prefix_parse(const char *text, struct prefix *ret, struct err *err);
const char *prefix_format(struct prefix prefix, char text[static PREFIX_TEXT_BYTES]);
#define PREFIX_TEXT(p) prefix_format((p), (char[PREFIX_TEXT_BYTES]){0})
bool prefix_equal(struct prefix a, struct prefix b);
int prefix_compare(struct prefix a, struct prefix b);
bool prefix_contains(struct prefix prefix, struct ip ip);
/* Whether all bits after the length are zero. */
bool prefix_is_network(struct prefix prefix);
/* The prefix with its host bits cleared. */
struct prefix prefix_network(struct prefix prefix);
/* The n-th address of the prefix's network (0 is the network address). n must be below 2^32 and inside it. */
struct ip prefix_nth(struct prefix prefix, uint32_t n);
/* An address as a host prefix: /32 or /128. */
struct prefix prefix_host(struct ip ip);

/* Parses "02:00:00:00:00:01", either case. */
int mac_parse(const char *text, struct mac *ret, struct err *err);
const char *mac_format(struct mac mac, char text[static MAC_TEXT_BYTES]);
#define MAC_TEXT(m) mac_format((m), (char[MAC_TEXT_BYTES]){0})
bool mac_equal(struct mac a, struct mac b);

#endif
