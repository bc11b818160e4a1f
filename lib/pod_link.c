// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <sha1.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/pod_name.h>

#define HEX_DIGITS "0123456789abcdef"

static_assert(POD_LINK_PREFIX_MAX + POD_LINK_DIGITS < POD_LINK_NAME_BYTES,
              "a pod link's name fits the kernel's limit");

void pod_link_digits(const char *key, char ret[static POD_LINK_DIGITS + 1])
{
        char hex[SHA1_DIGEST_STRING_LENGTH];

        SHA1Data((const uint8_t *)key, strlen(key), hex);
        memcpy(ret, hex, POD_LINK_DIGITS);
        ret[POD_LINK_DIGITS] = '\0';
}

static bool has_pod(const struct pod_link_owner *owner)
{
        return pod_name_is_known(
                &(struct pod_name){.namespace = owner->pod_namespace, .name = owner->pod_name});
}

static void add_first_key(const struct pod_link_owner *owner, struct text *key)
{
        if (has_pod(owner))
                text_add(key, "%s.%s", owner->pod_namespace, owner->pod_name);
        else
                text_add(key, "%s", owner->container_id);
        if (strcmp(owner->ifname, "eth0") != 0)
                text_add(key, ".%s", owner->ifname);
}

/* No part of it can have a '/', so that no two owners have the same text, as they may have with the first name's dots. */
static void add_spare_key(const struct pod_link_owner *owner, unsigned nth, struct text *key)
{
        if (has_pod(owner))
                text_add(key, "%s/%s", owner->pod_namespace, owner->pod_name);
        else
                text_add(key, "%s", owner->container_id);
        text_add(key, "/%s#%u", owner->ifname, nth);
}

void pod_link_name(const char *prefix, const struct pod_link_owner *owner, unsigned nth,
                   char ret[static POD_LINK_NAME_BYTES])
{
        _cleanup_(text_done) struct text key = {0};
        char digits[POD_LINK_DIGITS + 1];

        if (nth == 0)
                add_first_key(owner, &key);
        else
                add_spare_key(owner, nth, &key);
        pod_link_digits(key.text, digits);
        snprintf(ret, POD_LINK_NAME_BYTES, "%.*s%s", POD_LINK_PREFIX_MAX, prefix, digits);
}

bool pod_link_has_form(const char *name)
{
        size_t n = strlen(name);

        return n > POD_LINK_DIGITS && n <= POD_LINK_PREFIX_MAX + POD_LINK_DIGITS &&
               strspn(name + n - POD_LINK_DIGITS, HEX_DIGITS) == POD_LINK_DIGITS;
}

void pod_link_prefix(const char *name, char ret[static POD_LINK_PREFIX_MAX + 1])
{
        assert(pod_link_has_form(name));
        snprintf(ret, POD_LINK_PREFIX_MAX + 1, "%.*s", (int)(strlen(name) - POD_LINK_DIGITS), name);
}
