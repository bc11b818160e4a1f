// SPDX-License-Identifier: Apache-2.0
/*
 * EC2's elements -> our structs. What we act on must be there and make sense (ids, addresses); all else may be absent or
 * empty. Strings are copied, so that a result does not hold the whole reply.
 */
#include <string.h>

#include "cloud/ec2_internal.h"

/* Far above what any instance type has; they are multiplied. */
enum { MAX_ENIS = 1024, MAX_ADDRESSES_PER_ENI = 1024 };

static const char *copy_text(const struct xml *node, const char *name, struct arena *arena)
{
        const char *text = xml_text(node, name);

        return *text ? arena_strdup(arena, text) : "";
}

/* An id that we will send back: not empty, not longer than ids get. */
static int get_id(const struct xml *node, const char *name, struct arena *arena, const char **ret,
                  struct err *err)
{
        const char *text = xml_text(node, name);

        if (!*text)
                return err_set(err, ERR_PROTOCOL, "<%s> is missing or empty", name);
        if (strlen(text) >= EC2_ID_BYTES)
                return err_set(err, ERR_PROTOCOL, "<%s> is '%.*s...', longer than an id", name, EC2_ID_BYTES,
                               text);
        *ret = arena_strdup(arena, text);
        return 0;
}

static int check_count(const struct xml *set, size_t most, size_t *ret_n, struct err *err)
{
        size_t n = xml_count_items(set);

        if (n > most)
                return err_set(err, ERR_PROTOCOL, "<%s> has %zu items (at most %zu)", set->name, n, most);
        *ret_n = n;
        return 0;
}

static int parse_tags(const struct xml *set, struct arena *arena, struct ec2_tag **ret, size_t *ret_n,
                      struct err *err)
{
        struct ec2_tag *tags;
        size_t n;
        int r;

        r = check_count(set, EC2_ENI_MAX_TAGS, &n, err);
        if (r < 0)
                return r;
        tags = ARENA_ARRAY(arena, struct ec2_tag, n);
        n = 0;
        for (const struct xml *item = NULL; (item = xml_item(set, item)); n++)
                tags[n] = (struct ec2_tag){copy_text(item, "key", arena), copy_text(item, "value", arena)};
        *ret = tags;
        *ret_n = n;
        return 0;
}

static int get_item_address(const struct xml *item, struct ip *ret, struct err *err)
{
        int r;

        *ret = IP_NONE;
        r = xml_get_ip4(item, "privateIpAddress", ret, err);
        if (r < 0)
                return r;
        if (!ip_is_set(*ret))
                return err_set(err, ERR_PROTOCOL, "an <item> has no <privateIpAddress>");
        return 0;
}

int ec2_parse_addresses(const struct xml *set, struct arena *arena, struct ip **ret, size_t *ret_n,
                        struct err *err)
{
        struct ip *addresses;
        size_t n;
        int r;

        r = check_count(set, EC2_ENI_MAX_ADDRESSES, &n, err);
        if (r < 0)
                return r;
        addresses = ARENA_ARRAY(arena, struct ip, n);
        n = 0;
        for (const struct xml *item = NULL; (item = xml_item(set, item)); n++) {
                r = get_item_address(item, &addresses[n], err);
                if (r < 0)
                        return r;
        }
        *ret = addresses;
        *ret_n = n;
        return 0;
}

/* The primary address stands in <privateIpAddress> and in the set, there with <primary>true</primary>. */
static int parse_eni_addresses(const struct xml *node, struct arena *arena, struct ec2_eni *eni,
                               struct err *err)
{
        const struct xml *set = xml_child(node, "privateIpAddressesSet");
        size_t n;
        int r;

        r = xml_get_ip4(node, "privateIpAddress", &eni->primary, err);
        if (r < 0)
                return r;
        r = check_count(set, EC2_ENI_MAX_ADDRESSES, &n, err);
        if (r < 0)
                return r;
        eni->secondary = ARENA_ARRAY(arena, struct ip, n);
        eni->associated = ARENA_ARRAY(arena, struct ip, n);
        eni->public_address = copy_text(xml_child(node, "association"), "publicIp", arena);
        for (const struct xml *item = NULL; (item = xml_item(set, item));) {
                bool primary = false;
                const char *public;
                struct ip ip;

                r = get_item_address(item, &ip, err);
                if (r < 0)
                        return r;
                r = xml_get_bool(item, "primary", &primary, err);
                if (r < 0)
                        return r;
                public = xml_text(xml_child(item, "association"), "publicIp");
                if (*public && !*eni->public_address)
                        eni->public_address = arena_strdup(arena, public);
                if (primary) {
                        eni->primary = ip;
                } else if (!ip_equal(ip, eni->primary)) {
                        eni->secondary[eni->n_secondary++] = ip;
                        if (*public)
                                eni->associated[eni->n_associated++] = ip;
                }
        }
        return 0;
}

static int parse_eni_prefixes(const struct xml *node, struct arena *arena, struct ec2_eni *eni,
                              struct err *err)
{
        const struct xml *set = xml_child(node, "ipv4PrefixSet");
        size_t n;
        int r;

        r = check_count(set, EC2_ENI_MAX_ADDRESSES, &n, err);
        if (r < 0)
                return r;
        eni->prefixes = ARENA_ARRAY(arena, struct prefix, n);
        for (const struct xml *item = NULL; (item = xml_item(set, item));) {
                struct prefix prefix = {0};

                r = xml_get_prefix4(item, "ipv4Prefix", &prefix, err);
                if (r < 0)
                        return r;
                if (!ip_is_set(prefix.ip))
                        return err_set(err, ERR_PROTOCOL, "an <item> of <ipv4PrefixSet> has no <ipv4Prefix>");
                eni->prefixes[eni->n_prefixes++] = prefix;
        }
        return 0;
}

/* moto sends an empty <attachment/> where EC2 sends none: only one with an id is one. */
static int parse_attachment(const struct xml *node, struct arena *arena, struct ec2_eni *eni, struct err *err)
{
        const struct xml *attachment = xml_child(node, "attachment");
        int r;

        eni->attachment_id = copy_text(attachment, "attachmentId", arena);
        eni->attachment_status = copy_text(attachment, "status", arena);
        eni->attached = *eni->attachment_id != '\0';
        if (!eni->attached)
                return 0;
        r = get_id(attachment, "attachmentId", arena, &eni->attachment_id, err);
        if (r >= 0)
                r = xml_get_bool(attachment, "deleteOnTermination", &eni->delete_on_termination, err);
        if (r >= 0)
                r = xml_get_unsigned(attachment, "networkCardIndex", &eni->network_card, err);
        if (r < 0)
                return r;
        /* 0 would say "primary", so it must not come from an absence. */
        if (!*xml_text(attachment, "deviceIndex"))
                return err_set(err, ERR_PROTOCOL, "<deviceIndex> is missing in the <attachment>");
        return xml_get_unsigned(attachment, "deviceIndex", &eni->device_index, err);
}

static int parse_groups(const struct xml *node, struct arena *arena, struct ec2_eni *eni, struct err *err)
{
        const struct xml *set = xml_child(node, "groupSet");
        size_t n;
        int r;

        r = check_count(set, EC2_ENI_MAX_TAGS, &n, err);
        if (r < 0)
                return r;
        eni->groups = ARENA_ARRAY(arena, const char *, n);
        for (const struct xml *item = NULL; (item = xml_item(set, item));) {
                r = get_id(item, "groupId", arena, &eni->groups[eni->n_groups++], err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_eni(const struct xml *node, struct arena *arena, struct ec2_eni *eni, struct err *err)
{
        const struct xml *tags = xml_child(node, "tagSet");
        int r;

        eni->subnet_id = copy_text(node, "subnetId", arena);
        eni->status = copy_text(node, "status", arena);
        eni->description = copy_text(node, "description", arena);
        eni->interface_type = copy_text(node, "interfaceType", arena);
        r = xml_get_mac(node, "macAddress", &eni->mac, err);
        if (r < 0)
                return r;
        r = parse_attachment(node, arena, eni, err);
        if (r < 0)
                return r;
        r = parse_eni_addresses(node, arena, eni, err);
        if (r < 0)
                return r;
        r = parse_eni_prefixes(node, arena, eni, err);
        if (r < 0)
                return r;
        r = parse_groups(node, arena, eni, err);
        if (r < 0)
                return r;
        return parse_tags(tags, arena, &eni->tags, &eni->n_tags, err);
}

int ec2_parse_eni(const struct xml *node, struct arena *arena, struct ec2_eni *ret, struct err *err)
{
        struct ec2_eni eni = {0};
        int r;

        r = get_id(node, "networkInterfaceId", arena, &eni.eni_id, err);
        if (r < 0)
                return r;
        r = parse_eni(node, arena, &eni, err);
        if (r < 0) {
                (void)err_wrap(err, "%s", eni.eni_id);
                return r;
        }
        *ret = eni;
        return 0;
}

/* Some EC2s count below zero (moto, when a subnet is overdrawn): nothing is available then. */
static int get_available(const struct xml *node, unsigned *ret, struct err *err)
{
        static const char name[] = "availableIpAddressCount";

        *ret = 0;
        return *xml_text(node, name) == '-' ? 0 : xml_get_unsigned(node, name, ret, err);
}

int ec2_parse_subnet(const struct xml *node, struct arena *arena, struct ec2_subnet *ret, struct err *err)
{
        struct ec2_subnet subnet = {0};
        int r;

        r = get_id(node, "subnetId", arena, &subnet.subnet_id, err);
        if (r < 0)
                return r;
        subnet.vpc_id = copy_text(node, "vpcId", arena);
        subnet.availability_zone = copy_text(node, "availabilityZone", arena);
        subnet.state = copy_text(node, "state", arena);
        /* Absent in an IPv6-only subnet. */
        r = xml_get_prefix4(node, "cidrBlock", &subnet.cidr, err);
        if (r >= 0)
                r = get_available(node, &subnet.available_addresses, err);
        if (r >= 0)
                r = parse_tags(xml_child(node, "tagSet"), arena, &subnet.tags, &subnet.n_tags, err);
        if (r < 0) {
                (void)err_wrap(err, "%s", subnet.subnet_id);
                return r;
        }
        *ret = subnet;
        return 0;
}

/* maximumNetworkInterfaces of the default card, where cards are listed. */
static int get_max_enis(const struct xml *network, unsigned *ret, struct err *err)
{
        const struct xml *cards = xml_child(network, "networkCards");
        unsigned default_card = 0, max_enis = 0;
        int r;

        r = xml_get_unsigned(network, "maximumNetworkInterfaces", &max_enis, err);
        if (r >= 0)
                r = xml_get_unsigned(network, "defaultNetworkCardIndex", &default_card, err);
        if (r < 0)
                return r;
        for (const struct xml *item = NULL; (item = xml_item(cards, item));) {
                unsigned card = 0;

                r = xml_get_unsigned(item, "networkCardIndex", &card, err);
                if (r >= 0 && card == default_card)
                        r = xml_get_unsigned(item, "maximumNetworkInterfaces", &max_enis, err);
                if (r < 0)
                        return r;
        }
        *ret = max_enis;
        return 0;
}

int ec2_parse_instance_type(const struct xml *node, struct arena *arena, struct ec2_instance_type *ret,
                            struct err *err)
{
        const struct xml *network = xml_child(node, "networkInfo");
        struct ec2_instance_type type = {0};
        int r;

        r = get_id(node, "instanceType", arena, &type.name, err);
        if (r < 0)
                return r;
        r = get_max_enis(network, &type.max_enis, err);
        if (r >= 0)
                r = xml_get_unsigned(network, "ipv4AddressesPerInterface", &type.ipv4_per_eni, err);
        if (r >= 0 && (type.max_enis == 0 || type.max_enis > MAX_ENIS || type.ipv4_per_eni == 0 ||
                       type.ipv4_per_eni > MAX_ADDRESSES_PER_ENI))
                r = err_set(err, ERR_PROTOCOL, "<networkInfo> says %u interfaces with %u addresses each",
                            type.max_enis, type.ipv4_per_eni);
        if (r < 0) {
                (void)err_wrap(err, "%s", type.name);
                return r;
        }
        *ret = type;
        return 0;
}

const char *ec2_eni_tag(const struct ec2_eni *eni, const char *key)
{
        for (size_t i = 0; i < eni->n_tags; i++)
                if (strcmp(eni->tags[i].key, key) == 0)
                        return eni->tags[i].value;
        return NULL;
}
