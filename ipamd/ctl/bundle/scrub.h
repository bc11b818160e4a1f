// SPDX-License-Identifier: Apache-2.0
/* What in a value that is shown can only be a secret: access keys of AWS, tokens, user and password in a URL. Pure; linear. */
#ifndef IPAMD_CTL_BUNDLE_SCRUB_H
#define IPAMD_CTL_BUNDLE_SCRUB_H

#include <vpcwire/mem.h>

#define SCRUB_HIDDEN "(not shown)"

/* Appends the text, n bytes without a NUL, with SCRUB_HIDDEN in the place of each secret. */
void scrub(const char *text, size_t n, struct text *to);

#endif
