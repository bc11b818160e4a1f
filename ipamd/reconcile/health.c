// SPDX-License-Identifier: Apache-2.0
/* Credentials that cannot be refreshed and a clock that is wrong: told when it begins and when it ends. */
#include <vpcwire/log.h>

#include "reconcile/report.h"

static void tell_credentials(struct health *told, const struct credentials_health *health)
{
        if (health->failing == told->credentials_failing)
                return;
        told->credentials_failing = health->failing;
        if (!health->failing)
                log_info("credentials can be had again");
        else
                log_warn(health->have_good
                                 ? "credentials cannot be refreshed; the old ones are used to their end"
                                 : "there are no good credentials",
                         LOG_STR("why", health->why));
}

static void tell_clock(struct health *told, const struct credentials_health *health)
{
        bool wrong = health->ahead_ms != 0;

        if (wrong == told->clock_wrong)
                return;
        told->clock_wrong = wrong;
        if (wrong)
                log_warn("this machine's clock is wrong by AWS's, which signs from now on",
                         LOG_INT("ahead_ms", health->ahead_ms));
        else
                log_info("this machine's clock is right again");
}

void health_tell(struct health *told, struct context *ctx)
{
        struct credentials_health health;

        credentials_get_health(ctx->credentials, &health);
        tell_credentials(told, &health);
        tell_clock(told, &health);
}
