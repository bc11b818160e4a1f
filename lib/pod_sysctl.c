// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

/* Where net.ipv4.conf.all overrules a link's own value (Documentation/networking/ip-sysctl), nftables stands behind it. */
const struct pod_sysctl pod_sysctls[] = {
        {"ipv4", "rp_filter", "1"},           /* strict: a source whose way back is another link is dropped */
        {"ipv4", "forwarding", "1"},          /* a new link takes it from net.ipv4.conf.default */
        {"ipv4", "accept_redirects", "0"},    /* no pod tells the node where to send packets */
        {"ipv4", "accept_source_route", "0"}, /* nor by which way its own go */
        {"ipv4", "accept_local", "0"},        /* the node's own addresses are no sources of pods */
        {"ipv4", "route_localnet", "0"},      /* 127.0.0.1 of the node is not for pods (CVE-2020-8558) */
        {"ipv4", "proxy_arp", "0"},  /* the node speaks for nobody: the gateway is a permanent entry */
        {"ipv4", "arp_accept", "0"}, /* no entry for what nobody asked */
        {"ipv6", "accept_ra", "0"},  /* a pod is no router (CVE-2020-10749) */
        {"ipv6", "accept_redirects", "0"},    {"ipv6", "proxy_ndp", "0"},
};
const size_t n_pod_sysctls = ARRAY_SIZE(pod_sysctls);

const char *pod_sysctl_key(const struct pod_sysctl *sysctl, const char *ifname,
                           char key[static POD_SYSCTL_KEY_BYTES])
{
        snprintf(key, POD_SYSCTL_KEY_BYTES, "net.%s.conf.%s.%s", sysctl->family, ifname, sysctl->name);
        return key;
}

int pod_sysctl_apply(const char *ifname, unsigned *ret_changed, struct err *err)
{
        char key[POD_SYSCTL_KEY_BYTES];
        unsigned n_changed = 0;

        for (size_t i = 0; i < ARRAY_SIZE(pod_sysctls); i++) {
                bool changed = false;
                int r = sysctl_write(pod_sysctl_key(&pod_sysctls[i], ifname, key), pod_sysctls[i].value,
                                     &changed, err);

                if (r < 0 && r != -ERR_NOT_FOUND)
                        return r;
                n_changed += changed;
        }
        *ret_changed = n_changed;
        return 0;
}
