// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

/* Where net.ipv4.conf.all overrules a link's own value (Documentation/networking/ip-sysctl), nftables stands behind it. */
#define IPV4(name, NAME, value)                                                                              \
        {                                                                                                    \
                "ipv4", name, #value, LINK_CONF_IPV4_##NAME, value                                           \
        }
#define IPV6(name, NAME, value)                                                                              \
        {                                                                                                    \
                "ipv6", name, #value, LINK_CONF_IPV6_##NAME, value                                           \
        }
const struct pod_sysctl pod_sysctls[] = {
        IPV4("rp_filter", RP_FILTER, 1),   /* strict: a source whose way back is another link is dropped */
        IPV4("forwarding", FORWARDING, 1), /* a new link takes it from net.ipv4.conf.default */
        IPV4("accept_redirects", ACCEPT_REDIRECTS, 0),       /* no pod tells the node where to send packets */
        IPV4("accept_source_route", ACCEPT_SOURCE_ROUTE, 0), /* nor by which way its own go */
        IPV4("accept_local", ACCEPT_LOCAL, 0),     /* the node's own addresses are no sources of pods */
        IPV4("route_localnet", ROUTE_LOCALNET, 0), /* 127.0.0.1 of the node is not for pods (CVE-2020-8558) */
        IPV4("proxy_arp", PROXY_ARP, 0),   /* the node speaks for nobody: the gateway is a permanent entry */
        IPV4("arp_accept", ARP_ACCEPT, 0), /* no entry for what nobody asked */
        IPV6("accept_ra", ACCEPT_RA, 0),   /* a pod is no router (CVE-2020-10749) */
        IPV6("accept_redirects", ACCEPT_REDIRECTS, 0),
        IPV6("proxy_ndp", PROXY_NDP, 0),
};
const size_t n_pod_sysctls = ARRAY_SIZE(pod_sysctls);

const char *pod_sysctl_key(const struct pod_sysctl *sysctl, const char *ifname,
                           char key[static POD_SYSCTL_KEY_BYTES])
{
        snprintf(key, POD_SYSCTL_KEY_BYTES, "net.%s.conf.%s.%s", sysctl->family, ifname, sysctl->name);
        return key;
}

static int set(const struct pod_sysctl *sysctl, const char *ifname, unsigned *n_changed, struct err *err)
{
        char key[POD_SYSCTL_KEY_BYTES];
        bool changed = false;
        int r = sysctl_write(pod_sysctl_key(sysctl, ifname, key), sysctl->value, &changed, err);

        *n_changed += changed;
        return r == -ERR_NOT_FOUND ? 0 : r;
}

int pod_sysctl_apply(const char *ifname, unsigned *ret_changed, struct err *err)
{
        *ret_changed = 0;
        for (size_t i = 0; i < ARRAY_SIZE(pod_sysctls); i++) {
                int r = set(&pod_sysctls[i], ifname, ret_changed, err);

                if (r < 0)
                        return r;
        }
        return 0;
}

int pod_sysctl_repair(const struct link_info *link, unsigned *ret_changed, struct err *err)
{
        *ret_changed = 0;
        for (size_t i = 0; i < ARRAY_SIZE(pod_sysctls); i++) {
                int32_t now = link->conf[pod_sysctls[i].conf];
                int r = now == LINK_CONF_NONE || now == pod_sysctls[i].number
                                ? 0
                                : set(&pod_sysctls[i], link->name, ret_changed, err);

                if (r < 0)
                        return r;
        }
        return 0;
}
