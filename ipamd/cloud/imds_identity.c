// SPDX-License-Identifier: Apache-2.0
/* IMDS's leaves -> typed values. Every value is checked before it is believed; an error names leaf and value. */
#include <ctype.h>
#include <string.h>

#include "cloud/imds.h"

enum { MAX_SHOWN_BYTES = 80 /* of a bad value, in an error */ };

static int bad_value(const char *path, const char *value, const char *expected, struct err *err)
{
        return err_set(err, ERR_PROTOCOL, "IMDS: %s: '%.*s' is not %s", path, MAX_SHOWN_BYTES, value,
                       expected);
}

/* "i-0123456789abcdef0", "eni-...": the prefix and what EC2 makes ids of. */
static bool is_id(const char *value, const char *prefix)
{
        size_t n = strlen(prefix);

        if (strncmp(value, prefix, n) != 0 || !value[n] || strlen(value) > 60)
                return false;
        for (value += n; *value; value++)
                if (!isalnum((unsigned char)*value) && *value != '-')
                        return false;
        return true;
}

/* Zone, region and type names: "eu-west-1a", "us-west-2-lax-1a", "u-6tb1.metal". */
static bool is_name(const char *value)
{
        size_t n = strlen(value);

        if (n == 0 || n > 60)
                return false;
        for (; *value; value++)
                if (!isalnum((unsigned char)*value) && !strchr("-._", *value))
                        return false;
        return true;
}

static bool parse_cidr(const char *text, struct prefix *ret)
{
        return prefix_parse(text, ret, NULL) >= 0 && ret->ip.family == AF_INET && prefix_is_network(*ret);
}

/* Splits at any white space. The items are in the arena. */
static int get_list(struct imds *imds, const char *path, struct arena *arena, const char ***ret,
                    size_t *ret_n, struct err *err)
{
        static const char space[] = " \t\r\n\v\f";
        const char *body, **items;
        char *copy, *saved = NULL;
        size_t n = 0;
        int r;

        r = imds_get(imds, path, arena, &body, err);
        if (r < 0)
                return r;
        for (const char *s = body; *s; n++) {
                s += strcspn(s, space);
                s += strspn(s, space);
        }
        if (n > IMDS_MAX_LIST_ITEMS)
                return err_set(err, ERR_PROTOCOL, "IMDS: %s: %zu items (at most %d)", path, n,
                               IMDS_MAX_LIST_ITEMS);
        items = ARENA_ARRAY(arena, const char *, n);
        copy = arena_strdup(arena, body);
        n = 0;
        for (char *item = strtok_r(copy, space, &saved); item; item = strtok_r(NULL, space, &saved))
                items[n++] = item;
        *ret = items;
        *ret_n = n;
        return 0;
}

struct leaf {
        const char *path;
        const char *id_prefix; /* NULL: a name */
        const char **value;
};

static int get_leaf(struct imds *imds, const char *folder, const struct leaf *leaf, struct arena *arena,
                    struct err *err)
{
        const char *path = arena_printf(arena, "%s%s", folder, leaf->path), *value;
        int r;

        r = imds_get(imds, path, arena, &value, err);
        if (r < 0)
                return r;
        if (leaf->id_prefix && !is_id(value, leaf->id_prefix))
                return bad_value(path, value,
                                 arena_printf(arena, "like '%s0123456789abcdef0'", leaf->id_prefix), err);
        if (!leaf->id_prefix && !is_name(value))
                return bad_value(path, value, "a name of letters, digits, '-', '.' and '_'", err);
        *leaf->value = value;
        return 0;
}

static int get_mac(struct imds *imds, struct arena *arena, struct mac *ret, struct err *err)
{
        const char *value;
        int r;

        r = imds_get(imds, "mac", arena, &value, err);
        if (r < 0)
                return r;
        if (mac_parse(value, ret, NULL) < 0)
                return bad_value("mac", value, "a MAC address", err);
        return 0;
}

static int get_addresses(struct imds *imds, const char *folder, struct arena *arena,
                         struct imds_identity *identity, struct err *err)
{
        const char *path = arena_printf(arena, "%slocal-ipv4s", folder), *cidr, **items;
        size_t n;
        int r;

        r = get_list(imds, path, arena, &items, &n, err);
        if (r < 0)
                return r;
        /* The first is the primary one. */
        if (n == 0 || ip_parse(items[0], &identity->primary_address, NULL) < 0 ||
            identity->primary_address.family != AF_INET)
                return bad_value(path, n ? items[0] : "", "an IPv4 address", err);
        path = arena_printf(arena, "%ssubnet-ipv4-cidr-block", folder);
        r = imds_get(imds, path, arena, &cidr, err);
        if (r < 0)
                return r;
        if (!parse_cidr(cidr, &identity->subnet_cidr))
                return bad_value(path, cidr, "an IPv4 CIDR without host bits", err);
        if (!prefix_contains(identity->subnet_cidr, identity->primary_address))
                return bad_value(path, cidr, arena_printf(arena, "a network with %s in it", items[0]), err);
        return 0;
}

int imds_get_security_groups(struct imds *imds, struct mac mac, struct arena *arena, const char ***ret,
                             size_t *ret_n, struct err *err)
{
        const char *path =
                arena_printf(arena, "network/interfaces/macs/%s/security-group-ids", MAC_TEXT(mac));
        const char **groups;
        size_t n;
        int r;

        r = get_list(imds, path, arena, &groups, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (!is_id(groups[i], "sg-"))
                        return bad_value(path, groups[i], "like 'sg-0123456789abcdef0'", err);
        if (n == 0)
                return err_set(err, ERR_PROTOCOL, "IMDS: %s: no security group", path);
        *ret = groups;
        *ret_n = n;
        return 0;
}

int imds_get_vpc_cidrs(struct imds *imds, struct mac mac, struct arena *arena, struct prefix **ret,
                       size_t *ret_n, bool *ret_whole, struct err *err)
{
        const char *path =
                arena_printf(arena, "network/interfaces/macs/%s/vpc-ipv4-cidr-blocks", MAC_TEXT(mac));
        struct prefix *cidrs;
        const char **items;
        size_t n_items, n = 0;
        int r;

        r = get_list(imds, path, arena, &items, &n_items, err);
        if (r < 0)
                return r;
        cidrs = ARENA_ARRAY(arena, struct prefix, n_items);
        for (size_t i = 0; i < n_items; i++)
                if (parse_cidr(items[i], &cidrs[n]))
                        n++;
        *ret = cidrs;
        *ret_n = n;
        *ret_whole = n == n_items;
        return 0;
}

static int get_interface(struct imds *imds, struct arena *arena, struct imds_identity *identity,
                         struct err *err)
{
        const char *folder = arena_printf(arena, "network/interfaces/macs/%s/", MAC_TEXT(identity->mac));
        const struct leaf leaves[] = {
                {"interface-id", "eni-", &identity->eni_id},
                {"subnet-id", "subnet-", &identity->subnet_id},
                {"vpc-id", "vpc-", &identity->vpc_id},
        };
        bool whole;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
                r = get_leaf(imds, folder, &leaves[i], arena, err);
                if (r < 0)
                        return r;
        }
        r = get_addresses(imds, folder, arena, identity, err);
        if (r < 0)
                return r;
        r = imds_get_security_groups(imds, identity->mac, arena, &identity->security_groups,
                                     &identity->n_security_groups, err);
        if (r < 0)
                return r;
        r = imds_get_vpc_cidrs(imds, identity->mac, arena, &identity->vpc_cidrs, &identity->n_vpc_cidrs,
                               &whole, err);
        if (r < 0)
                return r;
        /* Without one, traffic inside the VPC would be taken for traffic that leaves it. */
        if (identity->n_vpc_cidrs == 0)
                return err_set(err, ERR_PROTOCOL, "IMDS: %svpc-ipv4-cidr-blocks: no IPv4 CIDR", folder);
        return 0;
}

int imds_get_identity(struct imds *imds, struct arena *arena, struct imds_identity *ret, struct err *err)
{
        struct imds_identity identity = {0};
        const struct leaf leaves[] = {
                {"instance-id", "i-", &identity.instance_id},
                {"instance-type", NULL, &identity.instance_type},
                {"placement/availability-zone", NULL, &identity.availability_zone},
                {"placement/region", NULL, &identity.region},
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
                r = get_leaf(imds, "", &leaves[i], arena, err);
                if (r < 0)
                        return r;
        }
        r = get_mac(imds, arena, &identity.mac, err);
        if (r < 0)
                return r;
        r = get_interface(imds, arena, &identity, err);
        if (r < 0)
                return r;
        *ret = identity;
        return 0;
}
