// SPDX-License-Identifier: Apache-2.0
#include "node/kernel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "node/kernel_try.h"

#define IP      "add table ip vpcwire_try; add chain ip vpcwire_try c "
#define INET    "add table inet vpcwire_try; add chain inet vpcwire_try c "
#define INPUT   "{ type filter hook prerouting priority -300; }; "
#define FORWARD "{ type filter hook forward priority filter; }; "

const struct kernel_version kernel_minimum = {5, 7}, kernel_oldest_run = {5, 10};

const struct kernel_feature kernel_features[] = {
        {"netlink's reasons", "errors that say why the kernel refuses", {4, 12}, .probe = kernel_try_netlink},
        {"network namespaces",
         "to know one from any other file",
         {4, 11},
         "CONFIG_NET_NS",
         .probe = kernel_try_netns},
        {"seccomp",
         "ipamd gives up system calls that it does not need",
         {3, 17},
         "CONFIG_SECCOMP_FILTER",
         .probe = kernel_try_seccomp},
        {"veth", "pods' links", {4, 0}, "CONFIG_VETH", .probe = kernel_try_veth},
        {"policy rules",
         "a routing table for each ENI; ours are known by their protocol",
         {4, 17},
         "CONFIG_IP_MULTIPLE_TABLES",
         .probe = kernel_try_rules},
        {"nf_tables",
         "all tables of nftables",
         {3, 13},
         "CONFIG_NF_TABLES_IPV4",
         .nft = "add table ip vpcwire_try"},
        {"nftables nat",
         "pods outside the VPC have the primary ENI's address; nat of iptables-legacy beside it",
         {4, 18},
         "CONFIG_NFT_NAT",
         .nft = IP "{ type nat hook postrouting priority srcnat; }; "
                   "add rule ip vpcwire_try c snat to 192.0.2.1 fully-random"},
        {"nat in prerouting",
         "a connection's first packet, and where it is led to",
         {4, 10},
         "CONFIG_NFT_NAT",
         .nft = IP "{ type nat hook prerouting priority dstnat; }; "
                   "add rule ip vpcwire_try c ct state new fib daddr oifname != { \"a\", \"b\" } drop"},
        {"nftables fib",
         "a packet's source leads back by the link that it came in by",
         {4, 10},
         "CONFIG_NFT_FIB_IPV4",
         .nft = IP INPUT "add rule ip vpcwire_try c "
                         "fib daddr . iif type local fib saddr . iif oif missing drop"},
        {"connection marks",
         "a connection leaves by the ENI that it began with",
         {3, 13},
         "CONFIG_NF_CONNTRACK_MARK",
         .nft = IP INPUT "add rule ip vpcwire_try c ct mark set ct mark | 0x1"},
        {"ct direction",
         "replies are known from what they answer",
         {3, 13},
         "CONFIG_NFT_CT",
         .nft = IP INPUT "add rule ip vpcwire_try c "
                         "ct direction reply ct mark & 0x100 vmap { 0x100 : accept }"},
        {"interval maps",
         "the ENI of an address, however many there are",
         {3, 13},
         "CONFIG_NF_TABLES",
         .nft = "add table ip vpcwire_try; add chain ip vpcwire_try j; "
                "add map ip vpcwire_try m { type ipv4_addr : verdict; flags interval; }; "
                "add element ip vpcwire_try m { 192.0.2.0/28 : jump j }"},
        {"iifname in postrouting",
         "what a pod sends is known from what the node sends",
         {5, 7},
         "CONFIG_NF_TABLES",
         .nft = IP "{ type nat hook postrouting priority srcnat; }; "
                   "add rule ip vpcwire_try c iifname \"eni*\" meta iifgroup 1 accept"},
        {"reject",
         "who asks for an address that no pod has is told so",
         {3, 18},
         "CONFIG_NFT_REJECT_IPV4",
         .nft = IP FORWARD "add rule ip vpcwire_try c reject with icmp type host-unreachable"},
        {"counters",
         "what was dropped, by reason, in metrics",
         {4, 10},
         "CONFIG_NFT_COUNTER, CONFIG_NFT_OBJREF",
         .nft = IP INPUT "add counter ip vpcwire_try n; add rule ip vpcwire_try c counter name n"},
        {"nftables inet",
         "what pods must not send, IPv4 and IPv6",
         {3, 14},
         "CONFIG_NF_TABLES_INET",
         .nft = INET INPUT "add rule inet vpcwire_try c ip saddr 192.0.2.1 drop"},
        {"nftables fib in inet",
         "a pod's packets have the pod's address",
         {4, 10},
         "CONFIG_NFT_FIB_INET",
         .nft = INET INPUT "add rule inet vpcwire_try c fib saddr . iif oif missing drop"},
        {"nftables arp",
         "a pod's link speaks only for pods' addresses",
         {3, 13},
         "CONFIG_NF_TABLES_ARP",
         .nft = "add table arp vpcwire_try; "
                "add chain arp vpcwire_try c { type filter hook input priority filter; }; "
                "add rule arp vpcwire_try c arp saddr ip 192.0.2.1 drop"},
        {"reject in inet",
         "pods that ask the metadata service by IPv6 are told at once that they may not",
         {3, 18},
         "CONFIG_NFT_REJECT_INET",
         .setting = "VPCWIRE_BLOCK_IMDS",
         .nft = INET FORWARD "add rule inet vpcwire_try c reject with icmpv6 type admin-prohibited"},
};
const size_t n_kernel_features = ARRAY_SIZE(kernel_features);

int kernel_version_compare(struct kernel_version a, struct kernel_version b)
{
        if (a.major != b.major)
                return a.major < b.major ? -1 : 1;
        return a.minor == b.minor ? 0 : a.minor < b.minor ? -1 : 1;
}

int kernel_running(struct kernel_version *ret, char release[static KERNEL_RELEASE_BYTES], struct err *err)
{
        struct utsname name;
        char *end, *minor_end;

        uname(&name); /* it fails for a bad pointer only */
        static_assert(sizeof(name.release) == KERNEL_RELEASE_BYTES, "the whole of it");
        memcpy(release, name.release, KERNEL_RELEASE_BYTES);
        ret->major = (unsigned)strtoul(release, &end, 10);
        if (end == release || *end != '.')
                return err_set(err, ERR_INVALID, "the kernel calls itself '%s', which has no version",
                               release);
        ret->minor = (unsigned)strtoul(end + 1, &minor_end, 10);
        if (minor_end == end + 1)
                return err_set(err, ERR_INVALID, "the kernel calls itself '%s', which has no version",
                               release);
        return 0;
}

int kernel_try(const struct kernel_feature *feature, struct err *err)
{
        return feature->nft ? kernel_try_nft(feature->nft, err) : feature->probe(err);
}

static void print_row(FILE *to, const struct kernel_feature *feature)
{
        fprintf(to, "| %s | %s | %u.%u | ", feature->name, feature->use, feature->since.major,
                feature->since.minor);
        fprintf(to, feature->option ? "`%s` | " : "%s | ", feature->option ?: "");
        fprintf(to, feature->setting ? "`%s=true` |\n" : "%s|\n", feature->setting ?: "");
}

void kernel_print_markdown(FILE *to)
{
        fprintf(to,
                "# What vpcwire asks of the kernel\n\n"
                "Made by `ipamd kernel`; `ipamctl doctor` tries each row on the kernel that runs. "
                "Linux %u.%u is the minimum,\n%u.%u the oldest that vpcwire has run on. "
                "The kernel loads its modules itself when they are first used.\n\n"
                "| feature | what for | since Linux | configuration | only with |\n|---|---|---|---|---|\n",
                kernel_minimum.major, kernel_minimum.minor, kernel_oldest_run.major, kernel_oldest_run.minor);
        for (size_t i = 0; i < n_kernel_features; i++)
                print_row(to, &kernel_features[i]);
}
