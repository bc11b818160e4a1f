// SPDX-License-Identifier: Apache-2.0
/* doctor: from where it looks, before all else: who cannot see the node cannot say that it is broken. */
#include <unistd.h>

#include "ctl/doctor/doctor.h"

static void check_place(struct doctor *d)
{
        if (!d->is_root)
                doctor_say(d, DOCTOR_UNCHECKED, "sudo ipamctl doctor",
                           "run by user %u, not by root: the daemon, its database, the packet filter and the "
                           "kernel's features are not checked",
                           geteuid());
        if (d->elsewhere)
                doctor_say(d, DOCTOR_UNCHECKED, "nsenter --net=/proc/$(pidof ipamd)/ns/net ipamctl doctor",
                           "none of the ENIs has a link here: this is not ipamd's network namespace, so the "
                           "node's network is not checked");
        if (d->in_container && !d->sees_host)
                doctor_say(d, DOCTOR_UNCHECKED,
                           "to check everything, run ipamctl on the host, or with --root",
                           "in a container: of the host's files only the CNI's are checked, in %s and %s",
                           d->conf_folder ?: "(HOST_CNI_CONFDIR_PATH is not set)",
                           d->bin_folder ?: "(HOST_CNI_BIN_PATH is not set)");
}

static const struct doctor_check place_checks[] = {
        {"place", check_place, "run as root, in ipamd's network namespace", NULL},
};

struct doctor_checks doctor_checks_place(void)
{
        return (struct doctor_checks){place_checks, ARRAY_SIZE(place_checks)};
}
