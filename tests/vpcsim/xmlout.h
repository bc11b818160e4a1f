// SPDX-License-Identifier: Apache-2.0
/* XML as EC2 writes it: elements and text, no attributes but a root's namespace. Values are escaped, names are literals. */
#ifndef VPCSIM_XMLOUT_H
#define VPCSIM_XMLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/mem.h>

void xmlout_open(struct text *out, const char *name);
void xmlout_close(struct text *out, const char *name);
void xmlout_text(struct text *out, const char *name, const char *value); /* NULL: no element */
void xmlout_number(struct text *out, const char *name, int64_t value);
void xmlout_bool(struct text *out, const char *name, bool value);
void xmlout_time(struct text *out, const char *name, int64_t wall_ms);

#endif
