// SPDX-License-Identifier: Apache-2.0
#include "node/kernel_try.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <linux/seccomp.h>

#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/netns.h>
#include <vpcwire/rule.h>

#include "firewall/firewall.h"

int kernel_try_netlink(struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *nl = NULL;

        return netlink_open(-1, &nl, err);
}

int kernel_try_netns(struct err *err)
{
        _cleanup_close_ int fd = -1;

        return netns_open_current(&fd, err);
}

/* No filter: EFAULT from who would have read it. */
int kernel_try_seccomp(struct err *err)
{
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 || errno == EFAULT)
                return 0;
        return err_set_errno(err, errno, "filter system calls");
}

/* With a group's address, which no link may have: who knows the kind refuses the address, who does not, the kind. */
int kernel_try_veth(struct err *err)
{
        const struct link_veth veth = {.name = "vpcwire-try",
                                       .peer_name = "vpcwire-try2",
                                       .peer_netns_fd = -1,
                                       .mac = {{1, 0, 0, 0, 0, 1}},
                                       .peer_mac = {{1, 0, 0, 0, 0, 2}}};
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        struct err refused;
        int r = netlink_open(-1, &nl, err);

        if (r < 0)
                return r;
        if (link_create_veth(nl, &veth, &refused) == 0)
                return link_delete_by_name(nl, veth.name, err);
        if (refused.sys_errno == EADDRNOTAVAIL || refused.code == ERR_EXISTS)
                return 0;
        if (err)
                *err = refused;
        return -(int)refused.code;
}

/* The kernel's own rules have a protocol where it stores one. Without it our rules would be nobody's. */
int kernel_try_rules(struct err *err)
{
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct rule_info *rules;
        bool kept = false;
        size_t n = 0;

        if (netlink_open(-1, &nl, err) < 0 || rule_dump(nl, arena, AF_INET, &rules, &n, err) < 0)
                return -(int)err->code;
        for (size_t i = 0; i < n; i++)
                kept |= rules[i].protocol != 0;
        if (n && !kept)
                return err_set(err, ERR_UNSUPPORTED, "the kernel does not store the protocol of a rule");
        return 0;
}

/* A transaction that ends well is checked the most; each in a new namespace, none sees what another left. */
int kernel_try_nft(const char *commands, struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_close_ int here = -1;

        if (netns_open_current(&here, NULL) < 0 || unshare(CLONE_NEWNET) < 0)
                return firewall_try(commands, FIREWALL_DRY, err);
        guard.previous_fd = TAKE_FD(here);
        return firewall_try(commands, FIREWALL_COMMIT, err);
}
