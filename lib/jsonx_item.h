// SPDX-License-Identifier: Apache-2.0
/* Inside jsonx: the items of a list. */
#ifndef LIB_JSONX_ITEM_H
#define LIB_JSONX_ITEM_H

#include <vpcwire/jsonx.h>

/* How far one is from the next. */
static inline size_t jsonx_item_bytes(const struct jsonx_field *field)
{
        if (field->of)
                return field->of->bytes;
        return field->type == JSONX_STRINGS    ? sizeof(const char *)
               : field->type == JSONX_PREFIXES ? sizeof(struct prefix)
                                               : sizeof(struct ip);
}

#endif
