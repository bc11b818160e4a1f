// SPDX-License-Identifier: Apache-2.0
/* What stands for as long as it is seen, and stops nothing: logged when it appears and when it is gone. */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"

static bool is_among(const struct warning *warnings, size_t n, const char *subject)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(warnings[i].subject, subject) == 0)
                        return true;
        }
        return false;
}

static int forget_mended(struct context *ctx, struct round *round, const char *action,
                         const struct warning *warnings, size_t n, struct outcome *out, struct err *err)
{
        const struct store_blocked *before = round->blocked;
        size_t n_before = round->n_blocked;

        for (size_t i = 0; i < n_before; i++) {
                if (strcmp(before[i].action, action) != 0 || is_among(warnings, n, before[i].subject))
                        continue;
                log_info("a warning is over", LOG_STR("subject", before[i].subject),
                         LOG_STR("was", before[i].reason));
                out->pool_changed = true;
                if (blocked_clear(ctx, round, action, before[i].subject, err) < 0)
                        return -(int)err->code;
        }
        return 0;
}

int warn_exactly(struct context *ctx, struct round *round, const char *action, const struct warning *warnings,
                 size_t n, int64_t until_ms, struct outcome *out, struct err *err)
{
        for (size_t i = 0; i < n; i++) {
                const struct store_blocked *before = blocked_find(round, action, warnings[i].subject);

                if (!before || strcmp(before->reason, warnings[i].reason) != 0) {
                        log_error(warnings[i].reason, LOG_STR("subject", warnings[i].subject));
                        out->pool_changed = true;
                }
                if (blocked_until(ctx, round, action, warnings[i].subject, until_ms, warnings[i].reason, out,
                                  err) < 0)
                        return err_wrap(err, "note a warning about %s", warnings[i].subject);
        }
        return forget_mended(ctx, round, action, warnings, n, out, err);
}
