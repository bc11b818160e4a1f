// SPDX-License-Identifier: Apache-2.0
/* EC2's replies: any bytes -> xml_parse() -> every reader of elements. Aborts when a limit did not hold. */
#include <stdint.h>
#include <stdlib.h>

#include "cloud/ec2_internal.h"
#include "cloud/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static size_t check_tree(const struct xml *node, size_t depth)
{
        size_t nodes = 1;

        if (depth > XML_MAX_DEPTH || !node->name || !node->text || (*node->text && node->first_child))
                abort();
        for (const struct xml *child = node->first_child; child; child = child->next)
                nodes += check_tree(child, depth + 1);
        return nodes;
}

static void read_node(const struct xml *node, struct arena *arena)
{
        struct ec2_instance_type type;
        struct ec2_subnet subnet;
        struct ip *addresses;
        struct ec2_eni eni;
        struct err err;
        size_t n_addresses;

        if (ec2_parse_eni(node, arena, &eni, &err) >= 0 &&
            (eni.n_secondary > EC2_ENI_MAX_ADDRESSES || eni.n_tags > EC2_ENI_MAX_TAGS || !*eni.eni_id))
                abort();
        (void)ec2_parse_subnet(node, arena, &subnet, &err);
        (void)ec2_parse_instance_type(node, arena, &type, &err);
        if (ec2_parse_addresses(node, arena, &addresses, &n_addresses, &err) >= 0 &&
            n_addresses > EC2_ENI_MAX_ADDRESSES)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct xml *root, *item = NULL;
        struct err err;

        if (xml_parse((const char *)bytes, n, arena, &root, &err) < 0)
                return 0;
        if (check_tree(root, 1) > XML_MAX_NODES)
                abort();
        read_node(root, arena);
        for (const struct xml *set = root->first_child; set; set = set->next)
                while ((item = xml_item(set, item)))
                        read_node(item, arena);
        return 0;
}
