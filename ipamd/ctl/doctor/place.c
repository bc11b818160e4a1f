// SPDX-License-Identifier: Apache-2.0
/* doctor: from where it looks, before all else: who cannot see the node cannot say that it is broken. */
#include <unistd.h>

#include "ctl/doctor/doctor.h"

static void check_place(struct doctor *d)
{
        if (!d->is_root)
                doctor_say(
                        d, DOCTOR_UNCHECKED, "sudo ipamctl doctor",
                        "run by user %u, not by root: the daemon, its database, the kernel's packet filter "
                        "and what the kernel can do are not looked at",
                        geteuid());
        if (d->elsewhere)
                doctor_say(
                        d, DOCTOR_UNCHECKED, "nsenter --net=/proc/$(pidof ipamd)/ns/net ipamctl doctor",
                        "none of the ENIs has a link here: this is another network namespace than ipamd's, "
                        "and the node's network is not looked at");
        if (d->in_container && !d->sees_host)
                doctor_say(d, DOCTOR_UNCHECKED, "for all of it, run ipamctl on the host, or with --root",
                           "in a container: of the host's files only the CNI's are looked at, in %s and %s",
                           d->conf_folder ?: "(HOST_CNI_CONFDIR_PATH is not set)",
                           d->bin_folder ?: "(HOST_CNI_BIN_PATH is not set)");
}

static const struct doctor_check place_checks[] = {
        {"place", check_place, "root, in ipamd's network", NULL},
};

struct doctor_checks doctor_checks_place(void)
{
        return (struct doctor_checks){place_checks, ARRAY_SIZE(place_checks)};
}
