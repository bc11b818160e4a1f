// SPDX-License-Identifier: Apache-2.0
/* Packets that the kernel threw away for their TTL: they tell a reply that http_options.min_ttl hid from one that never came. */
#ifndef IPAMD_CLIENT_TTL_DROPS_H
#define IPAMD_CLIENT_TTL_DROPS_H

#include <stdint.h>

#include <vpcwire/err.h>

/* Of all TCP sockets of this network namespace since it was made. ERR_NOT_FOUND where the kernel does not count them. */
int ttl_drops_read(uint64_t *ret, struct err *err);

/* The same of the text of /proc/net/netstat, which it changes. */
int ttl_drops_parse(char *text, uint64_t *ret, struct err *err);

#endif
