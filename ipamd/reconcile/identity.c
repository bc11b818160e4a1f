// SPDX-License-Identifier: Apache-2.0
#include "reconcile/identity.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

void identity_set_vpc_cidrs(struct identity *identity, const struct prefix *cidrs, size_t n)
{
        free(identity->vpc_cidrs);
        identity->vpc_cidrs = XNEW_ARRAY(struct prefix, n);
        memcpy(identity->vpc_cidrs, cidrs, n * sizeof(*cidrs));
        identity->n_vpc_cidrs = n;
}

static void drop_groups(struct identity *identity)
{
        for (size_t i = 0; i < identity->n_groups; i++)
                free(identity->groups[i]);
        free(identity->groups);
}

void identity_set_groups(struct identity *identity, const char *const *groups, size_t n)
{
        drop_groups(identity);
        identity->groups = XNEW_ARRAY(char *, n);
        for (size_t i = 0; i < n; i++)
                identity->groups[i] = xstrdup(groups[i]);
        identity->n_groups = n;
}

void identity_done(struct identity *identity)
{
        drop_groups(identity);
        free(identity->vpc_cidrs);
        *identity = (struct identity){0};
}
