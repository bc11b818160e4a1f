// SPDX-License-Identifier: Apache-2.0
#include "model/lease_end.h"

#include <assert.h>
#include <string.h>

static const char *const names[_LEASE_END_MAX] = {
        [LEASE_END_NONE] = "",
        [LEASE_END_DEL] = "del",
        [LEASE_END_GC] = "gc",
        [LEASE_END_LINK_GONE] = "link-gone",
        [LEASE_END_CONTRADICTED] = "contradicted",
};

const char *lease_end_to_string(enum lease_end end)
{
        assert((unsigned)end < _LEASE_END_MAX);
        return names[end];
}

enum lease_end lease_end_parse(const char *name)
{
        int end = 0;

        while (strcmp(name, names[end]) != 0)
                assert(++end < _LEASE_END_MAX);
        return (enum lease_end)end;
}
