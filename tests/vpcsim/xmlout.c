// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "xmlout.h"

void xmlout_open(struct text *out, const char *name)
{
        text_add(out, "<%s>", name);
}

void xmlout_close(struct text *out, const char *name)
{
        text_add(out, "</%s>", name);
}

static void add_escaped(struct text *out, const char *value)
{
        static const char *const escapes[256] = {
                ['&'] = "&amp;",  ['<'] = "&lt;",    ['>'] = "&gt;",
                ['"'] = "&quot;", ['\''] = "&apos;", ['\r'] = "&#13;", /* a parser would make it a newline */
        };

        for (; *value; value++) {
                const char *escape = escapes[(unsigned char)*value];

                text_add_bytes(out, escape ?: value, escape ? strlen(escape) : 1);
        }
}

void xmlout_text(struct text *out, const char *name, const char *value)
{
        if (!value)
                return;
        xmlout_open(out, name);
        add_escaped(out, value);
        xmlout_close(out, name);
}

void xmlout_number(struct text *out, const char *name, int64_t value)
{
        text_add(out, "<%s>%" PRId64 "</%s>", name, value, name);
}

void xmlout_bool(struct text *out, const char *name, bool value)
{
        xmlout_text(out, name, value ? "true" : "false");
}

void xmlout_time(struct text *out, const char *name, int64_t wall_ms)
{
        xmlout_text(out, name, clock_wall_format(wall_ms, (char[CLOCK_TEXT_BYTES]){0}));
}
