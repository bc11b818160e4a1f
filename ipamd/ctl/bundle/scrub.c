// SPDX-License-Identifier: Apache-2.0
#include "ctl/bundle/scrub.h"

#include <ctype.h>
#include <string.h>

#include "ctl/bundle/span.h"

enum {
        OPAQUE_BYTES_MIN = 32, /* a longer word of capitals, small letters and digits is no word */
        KEY_ID_BYTES = 20,
};

static bool in_token(char c)
{
        return isalnum((unsigned char)c) || (c && strchr("+/_-", c));
}

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: AKIA and ASIA begin access key ids. */
static bool is_key_id(const char *token, size_t n)
{
        if (n != KEY_ID_BYTES || (memcmp(token, "AKIA", 4) != 0 && memcmp(token, "ASIA", 4) != 0))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!isupper((unsigned char)token[i]) && !isdigit((unsigned char)token[i]))
                        return false;
        }
        return true;
}

/* Below which of a host's folders, of those that node software uses: base64 begins with a slash, too. */
static bool is_path(const char *token, size_t n)
{
        static const char *const folders[] = {"/dev/", "/etc/", "/host/", "/lib/", "/opt/", "/proc/",
                                              "/run/", "/sys/", "/tmp/",  "/usr/", "/var/"};

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                if (span_begins_with(token, token + n, folders[i]))
                        return !memchr(token, '+', n);
        }
        return false;
}

/* Base64 and its like. Ids of EC2, of containers and of pods have small letters alone. */
static bool is_opaque(const char *token, size_t n)
{
        bool upper = false, lower = false, digit = false;

        for (size_t i = 0; i < n; i++) {
                upper |= isupper((unsigned char)token[i]) != 0;
                lower |= islower((unsigned char)token[i]) != 0;
                digit |= isdigit((unsigned char)token[i]) != 0;
        }
        return n >= OPAQUE_BYTES_MIN && upper && lower && digit && !is_path(token, n);
}

/* Behind "://": bytes of "user:password" where an '@' ends it; 0: there is none. */
static size_t user_bytes(const char *text, const char *end)
{
        const char *c = text, *last = NULL;

        for (; c < end && !strchr("/ \t\n\"'\\?#", *c); c++)
                last = *c == '@' ? c : last;
        return last ? (size_t)(last - text) : 0;
}

void scrub(const char *text, size_t n, struct text *to)
{
        const char *end = text + n, *at = text;

        while (at < end) {
                const char *token = at;

                while (at < end && in_token(*at))
                        at++;
                n = (size_t)(at - token);
                if (is_key_id(token, n) || is_opaque(token, n))
                        text_add(to, SCRUB_HIDDEN);
                else
                        text_add_bytes(to, token, n);
                if (end - at >= 3 && memcmp(at, "://", 3) == 0) {
                        text_add_bytes(to, at, 3);
                        at += 3;
                        n = user_bytes(at, end);
                        if (n)
                                text_add(to, SCRUB_HIDDEN);
                        at += n;
                } else if (at < end) {
                        text_add_bytes(to, at++, 1);
                }
        }
}
