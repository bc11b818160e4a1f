// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <sha1.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "args.h"
#include "name.h"

static_assert((int)POD_LINK_NAME_BYTES == (int)LINK_NAME_BYTES, "the kernel's limit, twice");

void host_link_name(const char *prefix, const struct pod_identity *pod, const char *container_id,
                    const char *ifname, char ret[static LINK_NAME_BYTES])
{
        const struct pod_link_owner owner = {.pod_namespace = pod->namespace,
                                             .pod_name = pod->name,
                                             .container_id = container_id,
                                             .ifname = ifname};

        pod_link_name(prefix, &owner, 0, ret);
}

static const char *digits_of(const char *name)
{
        return name + strlen(name) - POD_LINK_DIGITS;
}

bool host_link_name_is_same_pod(const char *a, const char *b)
{
        return pod_link_has_form(a) && pod_link_has_form(b) && strcmp(digits_of(a), digits_of(b)) == 0;
}

bool host_link_name_is_of(const char *name, const struct pod_link_owner *owner)
{
        for (unsigned i = 0; i <= POD_LINK_SPARES; i++) {
                char one[POD_LINK_NAME_BYTES];

                pod_link_name("x", owner, i, one);
                if (host_link_name_is_same_pod(name, one))
                        return true;
        }
        return false;
}

struct mac host_link_mac(const char *container_id, const char *ifname)
{
        _cleanup_(text_done) struct text key = {0};
        uint8_t digest[SHA1_DIGEST_LENGTH];
        struct mac mac;
        SHA1_CTX sha1;

        text_add(&key, "%s/%s", container_id, ifname);
        SHA1Init(&sha1);
        SHA1Update(&sha1, (const uint8_t *)key.text, key.bytes);
        SHA1Final(digest, &sha1);
        memcpy(mac.bytes, digest, sizeof(mac.bytes));
        mac.bytes[0] = (uint8_t)((mac.bytes[0] | MAC_LOCAL) & ~MAC_GROUP);
        return mac;
}

bool host_link_is_ours(const struct link_info *link, const char *container_id, const char *ifname)
{
        if (strcmp(link->kind, "veth") != 0)
                return false;
        if (*link->alias)
                return strcmp(link->alias, container_id) == 0;
        return link->has_mac && mac_equal(link->mac, host_link_mac(container_id, ifname));
}
