// SPDX-License-Identifier: Apache-2.0
/* What stands for as long as it is seen, and stops nothing: logged when it appears and when it is gone. */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"

static bool is_among(const struct warning *warnings, size_t n, const char *object)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(warnings[i].object, object) == 0)
                        return true;
        }
        return false;
}

static int forget_mended(struct context *ctx, struct round *round, enum condition_kind kind,
                         const struct warning *warnings, size_t n, struct outcome *out, struct err *err)
{
        const struct condition *before = round->conditions;
        size_t n_before = round->n_conditions;

        for (size_t i = 0; i < n_before; i++) {
                if (before[i].kind != kind || is_among(warnings, n, before[i].object))
                        continue;
                log_info("problem over", LOG_STR("object", before[i].object),
                         LOG_STR("reason", before[i].message));
                out->pool_changed = true;
                if (blocked_clear(ctx, round, kind, before[i].object, err) < 0)
                        return -(int)err->code;
        }
        return 0;
}

int warn_exactly(struct context *ctx, struct round *round, enum condition_kind kind,
                 const struct warning *warnings, size_t n, int64_t until_ms, struct outcome *out,
                 struct err *err)
{
        for (size_t i = 0; i < n; i++) {
                const struct condition *before = blocked_find(round, kind, warnings[i].object);

                if (!before || before->cause != warnings[i].cause)
                        log_error("problem found", LOG_STR("kind", condition_kind_to_string(kind)),
                                  LOG_STR("object", warnings[i].object),
                                  LOG_STR("reason", warnings[i].message));
                if (blocked_until(ctx, round, kind, warnings[i].object, until_ms, warnings[i].cause,
                                  warnings[i].message, out, err) < 0)
                        return err_wrap(err, "note a warning about %s", warnings[i].object);
        }
        return forget_mended(ctx, round, kind, warnings, n, out, err);
}
