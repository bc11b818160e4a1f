// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/pod_name.h>

#include <string.h>

#include <vpcwire/mem.h>

static bool is_there(const char *text)
{
        return text && *text;
}

bool pod_name_is_known(const struct pod_name *pod)
{
        return is_there(pod->namespace) && is_there(pod->name);
}

bool pod_name_is_same(const struct pod_name *a, const struct pod_name *b)
{
        return pod_name_is_known(a) && pod_name_is_known(b) && strcmp(a->name, b->name) == 0 &&
               strcmp(a->namespace, b->namespace) == 0 &&
               (!is_there(a->uid) || !is_there(b->uid) || strcmp(a->uid, b->uid) == 0);
}

const char *pod_name_text(const struct pod_name *pod, struct arena *arena)
{
        if (!is_there(pod->name))
                return NULL;
        return is_there(pod->namespace) ? arena_printf(arena, "%s/%s", pod->namespace, pod->name)
                                        : arena_strdup(arena, pod->name);
}
