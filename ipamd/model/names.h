// SPDX-License-Identifier: Apache-2.0
/* The names of `enum x`, in its order, are x_names. Of them: x_to_string() of a value, and x_parse() of one of these names. */
#ifndef IPAMD_MODEL_NAMES_H
#define IPAMD_MODEL_NAMES_H

#include <assert.h>

#include <vpcwire/mem.h>

#define DEFINE_TO_STRING(x)                                                                                  \
        const char *x##_to_string(enum x value)                                                              \
        {                                                                                                    \
                assert((unsigned)value < ARRAY_SIZE(x##_names));                                             \
                return x##_names[value];                                                                     \
        }

#define DEFINE_PARSE(x)                                                                                      \
        enum x x##_parse(const char *name)                                                                   \
        {                                                                                                    \
                return names_find(x##_names, ARRAY_SIZE(x##_names), name);                                   \
        }

/* The value of this name, which must be one of them: a CHECK of the database sees to that. */
int names_find(const char *const *names, unsigned n, const char *name);

#endif
