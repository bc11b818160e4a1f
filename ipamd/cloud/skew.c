// SPDX-License-Identifier: Apache-2.0
#include "cloud/skew.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/cleanup.h>

int64_t skew_now_ms(const struct skew *skew)
{
        return skew->learned ? skew->boottime_ms() + skew->offset_ms : skew->wall_ms();
}

static bool differs(int64_t a_ms, int64_t b_ms)
{
        return llabs(a_ms - b_ms) > SKEW_TOLERATED_MS;
}

bool skew_learn(struct skew *skew, int64_t peer_wall_ms)
{
        bool was_wrong = differs(peer_wall_ms, skew_now_ms(skew));

        skew->learned = differs(peer_wall_ms, skew->wall_ms());
        if (skew->learned)
                skew->offset_ms = peer_wall_ms - skew->boottime_ms();
        return was_wrong;
}

/* The first three say so; the others are what EC2, its regions and its imitations answer for it too. */
bool skew_suspects(const char *code)
{
        static const char *const codes[] = {
                "RequestExpired",        "RequestTimeTooSkewed",      "RequestInTheFuture",
                "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure",
        };

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                if (strcmp(codes[i], code) == 0)
                        return true;
        return false;
}
