// SPDX-License-Identifier: Apache-2.0
#include "model/names.h"

#include <string.h>

int names_find(const char *const *names, unsigned n, const char *name)
{
        unsigned value = 0;

        while (value < n && strcmp(name, names[value]) != 0)
                value++;
        assert(value < n);
        return (int)value;
}
