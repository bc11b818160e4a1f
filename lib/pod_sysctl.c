// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

/* Where net.ipv4.conf.all overrules a link's own value (Documentation/networking/ip-sysctl), nftables stands behind it. */
#define IPV4(name, NAME, value, kept)                                                                        \
        {                                                                                                    \
                "ipv4", name, #value, LINK_CONF_IPV4_##NAME, value, kept                                     \
        }
#define IPV6(name, NAME, value, kept)                                                                        \
        {                                                                                                    \
                "ipv6", name, #value, LINK_CONF_IPV6_##NAME, value, kept                                     \
        }
const struct pod_sysctl pod_sysctls[] = {
        /* Kept: strict, a source whose way back is another link is dropped. */
        IPV4("rp_filter", RP_FILTER, 1, true),
        /* Kept: without it the pod reaches nobody, and a new link takes it from net.ipv4.conf.default. */
        IPV4("forwarding", FORWARDING, 1, true),
        /* Kept: no pod tells the node where to send packets ... */
        IPV4("accept_redirects", ACCEPT_REDIRECTS, 0, true),
        /* ... nor by which way its own go, ... */
        IPV4("accept_source_route", ACCEPT_SOURCE_ROUTE, 0, true),
        /* ... nor speaks with the node's own addresses, ... */
        IPV4("accept_local", ACCEPT_LOCAL, 0, true),
        /* ... nor makes an entry for what nobody asked. */
        IPV4("arp_accept", ARP_ACCEPT, 0, true),
        /* portmap sets it for localhost:hostPort; pods' packets to 127/8 are dropped before (CVE-2020-8558), see want_guard.c. */
        IPV4("route_localnet", ROUTE_LOCALNET, 0, false),
        /* The node speaks for nobody: the gateway is a permanent entry. Who has it speak gives the pod no more than a route. */
        IPV4("proxy_arp", PROXY_ARP, 0, false),
        /* Kept: a pod is no router (CVE-2020-10749). */
        IPV6("accept_ra", ACCEPT_RA, 0, true),
        IPV6("accept_redirects", ACCEPT_REDIRECTS, 0, true),
        /* As proxy_arp. */
        IPV6("proxy_ndp", PROXY_NDP, 0, false),
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

bool pod_sysctl_is_off(const struct pod_sysctl *sysctl, const struct link_info *link)
{
        int32_t now = link->conf[sysctl->conf];

        return sysctl->kept && now != LINK_CONF_NONE && now != sysctl->number;
}

int pod_sysctl_repair(const struct link_info *link, unsigned *ret_changed, struct err *err)
{
        *ret_changed = 0;
        for (size_t i = 0; i < ARRAY_SIZE(pod_sysctls); i++) {
                int r = pod_sysctl_is_off(&pod_sysctls[i], link)
                                ? set(&pod_sysctls[i], link->name, ret_changed, err)
                                : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}
