// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>

#include "args.h"
#include "name.h"

#define HEX_DIGITS "0123456789abcdef"

static_assert(VETH_PREFIX_MAX + HOST_NAME_HEX_DIGITS < LINK_NAME_BYTES,
              "a host link's name fits the kernel's limit");

void host_link_name(const char *prefix, const struct pod_identity *pod, const char *container_id,
                    const char *ifname, char ret[static LINK_NAME_BYTES])
{
        _cleanup_(text_done) struct text key = {0};
        char digits[POD_LINK_DIGITS + 1];

        if (*pod->name)
                text_add(&key, "%s.%s", pod->namespace, pod->name);
        else
                text_add(&key, "%s", container_id);
        if (strcmp(ifname, "eth0") != 0)
                text_add(&key, ".%s", ifname);
        pod_link_digits(key.text, digits);
        snprintf(ret, LINK_NAME_BYTES, "%.*s%s", VETH_PREFIX_MAX, prefix, digits);
}

bool host_link_name_has_form(const char *name)
{
        size_t n = strlen(name);

        return n > HOST_NAME_HEX_DIGITS && n <= VETH_PREFIX_MAX + HOST_NAME_HEX_DIGITS &&
               strspn(name + n - HOST_NAME_HEX_DIGITS, HEX_DIGITS) == HOST_NAME_HEX_DIGITS;
}

static const char *digits_of(const char *name)
{
        return name + strlen(name) - HOST_NAME_HEX_DIGITS;
}

bool host_link_name_is_same_pod(const char *a, const char *b)
{
        return host_link_name_has_form(a) && host_link_name_has_form(b) &&
               strcmp(digits_of(a), digits_of(b)) == 0;
}
