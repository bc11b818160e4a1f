// SPDX-License-Identifier: Apache-2.0
/* doctor: what the daemon reaches of AWS. It is asked to try, because it has the credentials and the way. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "ctl/doctor/doctor.h"

/* False: there is nothing to look at, and that is said. */
static bool has_probe(struct doctor *d)
{
        if (d->unprobed)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "%s", d->unprobed);
        else if (!d->probe && d->probe_err.code == ERR_UNSUPPORTED)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "this ipamd is older than ipamctl and cannot answer");
        else if (!d->probe)
                doctor_say(d, DOCTOR_WARN, NULL, "not known: %s", d->probe_err.msg);
        return d->probe;
}

static void check_imds(struct doctor *d)
{
        const struct ipam_imds *imds = has_probe(d) ? &d->probe->imds : NULL;

        if (!imds)
                return;
        if (!imds->reachable)
                doctor_say(d, DOCTOR_FAIL,
                           "aws ec2 modify-instance-metadata-options --http-endpoint enabled --instance-id "
                           "...; if it is enabled, check that no firewall and no route on this host blocks "
                           "169.254.169.254",
                           "%s", imds->why ?: "not reachable");
        else if (imds->hops > 1)
                doctor_say(d, DOCTOR_OK, NULL,
                           "answers at %s; hop limit 2 or more: pods can get tokens too, and with them the "
                           "credentials of the node's role",
                           imds->url ?: "?");
        else if (imds->hops == 1)
                doctor_say(d, DOCTOR_OK, NULL,
                           "answers at %s; hop limit 1: this host can get tokens, pods cannot (unless they "
                           "use the host's network)",
                           imds->url ?: "?");
        else
                doctor_say(d, DOCTOR_OK, NULL, "answers at %s; hop limit not known: %s", imds->url ?: "?",
                           imds->why ?: "?");
}

static void check_credentials(struct doctor *d)
{
        const struct ipam_credentials *c = has_probe(d) ? &d->probe->credentials : NULL;
        char until[CLOCK_TEXT_BYTES];

        if (!c)
                return;
        if (!c->good)
                doctor_say(
                        d, DOCTOR_FAIL,
                        "attach an IAM role to the instance, or set up the provider that the message names",
                        "%s", c->why ?: "there are none");
        else if (c->failing)
                doctor_say(d, DOCTOR_WARN, "fix it before the current ones expire",
                           "the current ones expire at %s, and cannot be renewed: %s",
                           clock_wall_format(c->expires_ms, until), c->why ?: "?");
        else if (c->expires_ms)
                doctor_say(d, DOCTOR_OK, NULL, "from %s, good until %s", c->provider ?: "?",
                           clock_wall_format(c->expires_ms, until));
        else
                doctor_say(d, DOCTOR_OK, NULL, "from %s, which do not expire", c->provider ?: "?");
}

static void check_clock(struct doctor *d)
{
        const struct ipam_credentials *c = has_probe(d) ? &d->probe->credentials : NULL;

        if (c && c->clock_ahead_ms)
                doctor_say(d, DOCTOR_WARN,
                           "set chrony's server to 169.254.169.123, the Amazon Time Sync Service",
                           "this machine's clock is %lld s %s AWS's", (long long)c->clock_ahead_ms / 1000,
                           c->clock_behind ? "behind" : "ahead of");
}

static void say_denied(struct doctor *d, const struct ipam_permission *p)
{
        doctor_say(d, DOCTOR_FAIL,
                   arena_printf(d->arena,
                                "allow ec2:%s in the IAM policy of the role that ipamd uses, then run doctor "
                                "again after a minute",
                                p->action),
                   "ec2:%s is denied%s%s", p->action, p->why ? ": " : "", p->why ?: "");
}

static void check_permissions(struct doctor *d)
{
        _cleanup_(text_done) struct text unasked = {0};
        unsigned n_allowed = 0;
        bool well = true;

        if (!has_probe(d))
                return;
        for (size_t i = 0; i < d->probe->n_permissions; i++) {
                const struct ipam_permission *p = &d->probe->permissions[i];

                if (p->result == IPAM_PERMISSION_RESULT_ALLOWED) {
                        n_allowed++;
                } else if (p->result == IPAM_PERMISSION_RESULT_UNASKED) {
                        text_add(&unasked, "%s%s", unasked.bytes ? ", " : "", p->action);
                } else if (p->result == IPAM_PERMISSION_RESULT_DENIED) {
                        well = false;
                        say_denied(d, p);
                } else {
                        well = false;
                        doctor_say(d, DOCTOR_WARN, NULL, "whether ec2:%s is allowed is not known: %s",
                                   p->action, p->why ?: "?");
                }
        }
        if (well)
                doctor_say(d, DOCTOR_OK, NULL,
                           "EC2 allows the %u actions that a dry run can check; it has refused none of the "
                           "others (%s)",
                           n_allowed, unasked.text ?: "none");
}

static const struct doctor_check cloud_checks[] = {
        {"imds", check_imds, "answers",
         "ipamd cannot learn about its instance, or renew the credentials that come from there",
         DOCTOR_NEEDS_DAEMON, DOCTOR_CAUSE_IMDS},
        {"credentials", check_credentials, "good",
         "ipamd can neither get addresses from EC2 nor give them back", DOCTOR_NEEDS_DAEMON,
         DOCTOR_CAUSE_CREDENTIALS, DOCTOR_CAUSE_IMDS},
        {"clock", check_clock, "agrees with AWS's",
         "ipamd corrects its signatures; EC2 may refuse the calls of other programs on this node",
         DOCTOR_NEEDS_DAEMON},
        {"permissions", check_permissions, "allowed", "ipamd cannot allocate addresses for new pods",
         DOCTOR_NEEDS_DAEMON, DOCTOR_CAUSE_PERMISSIONS, DOCTOR_CAUSE_IMDS | DOCTOR_CAUSE_CREDENTIALS},
};

struct doctor_checks doctor_checks_cloud(void)
{
        return (struct doctor_checks){cloud_checks, ARRAY_SIZE(cloud_checks)};
}
