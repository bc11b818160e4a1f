// SPDX-License-Identifier: Apache-2.0
/*
 * Takes secrets out of text that goes to others: what follows a name that sounds like a secret (token, password,
 * AWS_SECRET_ACCESS_KEY=...), AWS access key ids, user and password in URLs, bearer tokens, JSON web tokens, private keys.
 * Prose ("credentials: the role is not there") stays. Pure.
 */
#ifndef IPAMD_CTL_REDACT_H
#define IPAMD_CTL_REDACT_H

#include <stddef.h>

#include <vpcwire/mem.h>

#define REDACTED "(not shown)"

/* Appends the text, n bytes of any kind, without its secrets. */
void redact(const char *text, size_t n, struct text *to);

#endif
