// SPDX-License-Identifier: Apache-2.0
/* EC2's objects as its XML shows them. */
#include "ec2api_actions.h"
#include "xmlout.h"

void ec2api_render_true(struct text *out)
{
        xmlout_bool(out, "return", true);
}

void ec2api_render_tags(struct text *out, const struct world_tag *tags, size_t n)
{
        xmlout_open(out, "tagSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                xmlout_text(out, "key", tags[i].key);
                xmlout_text(out, "value", tags[i].value);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "tagSet");
}

static void render_attachment(struct text *out, const struct world *world,
                              const struct world_attachment *attachment, bool in_instance)
{
        if (!attachment)
                return;
        xmlout_open(out, "attachment");
        xmlout_text(out, "attachmentId", attachment->id);
        if (!in_instance) {
                xmlout_text(out, "instanceId", attachment->instance_id);
                xmlout_text(out, "instanceOwnerId", world_account(world));
        }
        xmlout_number(out, "deviceIndex", attachment->device_index);
        xmlout_number(out, "networkCardIndex", 0);
        xmlout_text(out, "status", attachment->status);
        xmlout_time(out, "attachTime", attachment->attach_ms);
        xmlout_bool(out, "deleteOnTermination", attachment->delete_on_termination);
        xmlout_close(out, "attachment");
}

static void render_association(struct text *out, const char *public_address)
{
        if (!public_address)
                return;
        xmlout_open(out, "association");
        xmlout_text(out, "publicIp", public_address);
        xmlout_text(out, "ipOwnerId", "amazon");
        xmlout_close(out, "association");
}

static void render_addresses(struct text *out, const struct world_eni *eni)
{
        xmlout_open(out, "privateIpAddressesSet");
        for (size_t i = 0; i < eni->n_addresses; i++) {
                xmlout_open(out, "item");
                xmlout_text(out, "privateIpAddress", IP_TEXT(eni->addresses[i].ip));
                xmlout_bool(out, "primary", eni->addresses[i].primary);
                render_association(out, eni->addresses[i].public_address);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "privateIpAddressesSet");
}

void ec2api_render_cidrs(struct text *out, const char *set, const char *member, const struct prefix *cidrs,
                         size_t n, bool addresses)
{
        xmlout_open(out, set);
        for (size_t i = 0; i < n; i++) {
                char text[PREFIX_TEXT_BYTES];

                prefix_format(cidrs[i], text);
                if (addresses)
                        ip_format(cidrs[i].ip, text);
                if ((cidrs[i].bits == ip_max_bits(cidrs[i].ip)) != addresses)
                        continue;
                if (member) {
                        xmlout_open(out, "item");
                        xmlout_text(out, member, text);
                        xmlout_close(out, "item");
                } else {
                        xmlout_text(out, "item", text);
                }
        }
        xmlout_close(out, set);
}

static void render_groups(struct text *out, const struct world_eni *eni)
{
        xmlout_open(out, "groupSet");
        for (size_t i = 0; i < eni->n_groups; i++) {
                xmlout_open(out, "item");
                xmlout_text(out, "groupId", eni->groups[i].id);
                xmlout_text(out, "groupName", eni->groups[i].name);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "groupSet");
}

static bool has_ipv6_prefix(const struct world_eni *eni)
{
        size_t n = 0;

        for (size_t i = 0; i < eni->n_ipv6; i++)
                n += eni->ipv6[i].bits < 128;
        return n > 0;
}

void ec2api_render_eni(struct text *out, const struct world *world, const struct world_eni *eni,
                       bool in_instance)
{
        xmlout_text(out, "networkInterfaceId", eni->id);
        xmlout_text(out, "subnetId", eni->subnet_id);
        xmlout_text(out, "vpcId", eni->vpc_id);
        if (!in_instance)
                xmlout_text(out, "availabilityZone", eni->zone);
        xmlout_text(out, "description", eni->description);
        xmlout_text(out, "ownerId", world_account(world));
        if (!in_instance)
                xmlout_bool(out, "requesterManaged", false);
        xmlout_text(out, "status", world_eni_status(eni));
        xmlout_text(out, "macAddress", eni->mac);
        xmlout_text(out, "privateIpAddress", IP_TEXT(eni->addresses[0].ip));
        xmlout_bool(out, "sourceDestCheck", eni->source_dest_check);
        render_groups(out, eni);
        render_attachment(out, world, eni->attachment, in_instance);
        render_association(out, eni->addresses[0].public_address);
        if (!in_instance)
                ec2api_render_tags(out, eni->tags, eni->n_tags);
        render_addresses(out, eni);
        if (eni->n_prefixes > 0)
                ec2api_render_cidrs(out, "ipv4PrefixSet", "ipv4Prefix", eni->prefixes, eni->n_prefixes,
                                    false);
        ec2api_render_cidrs(out, "ipv6AddressesSet", "ipv6Address", eni->ipv6, eni->n_ipv6, true);
        if (has_ipv6_prefix(eni))
                ec2api_render_cidrs(out, "ipv6PrefixSet", "ipv6Prefix", eni->ipv6, eni->n_ipv6, false);
        xmlout_text(out, "interfaceType", eni->type);
}
