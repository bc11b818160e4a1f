// SPDX-License-Identifier: Apache-2.0
/* Credentials that cannot be refreshed and a clock that is wrong: told when it begins and when it ends. */
#include <vpcwire/log.h>

#include "reconcile/report.h"

static void tell_credentials(struct health *reported, const struct credentials_health *health)
{
        if (health->failing == reported->credentials_failing)
                return;
        reported->credentials_failing = health->failing;
        if (!health->failing)
                log_info("AWS credentials available again");
        else
                log_warn(health->have_good ? "AWS credentials cannot be renewed; the current ones are used "
                                             "until they expire"
                                           : "no valid AWS credentials",
                         LOG_STR("reason", health->why));
}

static void tell_clock(struct health *reported, const struct credentials_health *health)
{
        bool wrong = health->ahead_ms != 0;

        if (wrong == reported->clock_wrong)
                return;
        reported->clock_wrong = wrong;
        if (wrong)
                log_warn("clock differs from AWS's; using AWS's time for signing",
                         LOG_INT("ahead_ms", health->ahead_ms));
        else
                log_info("clock agrees with AWS's again");
}

void health_tell(struct health *reported, struct context *ctx)
{
        struct credentials_health health;

        credentials_get_health(ctx->credentials, &health);
        tell_credentials(reported, &health);
        tell_clock(reported, &health);
}
