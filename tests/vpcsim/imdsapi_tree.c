// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <jansson.h>

#include <vpcwire/clock.h>

#include "imdsapi_tree.h"

enum { MAX_LEAVES = 4096, MAX_PATH_BYTES = 512 };

/* The tree is its leaves: a directory is whatever leaves lie under it. Both texts are borrowed, from the arena or the world. */
struct leaf {
        const char *path, *text;
};

struct tree {
        struct world *world;
        struct arena *arena;
        const struct world_instance *instance;
        struct leaf leaves[MAX_LEAVES];
        size_t n;
};

static void add(struct tree *tree, const char *path, const char *text)
{
        if (text && *text && tree->n < MAX_LEAVES)
                tree->leaves[tree->n++] = (struct leaf){path, text};
}

static const char *join(struct arena *arena, struct text *lines)
{
        const char *joined = arena_strdup(arena, lines->text ?: "");

        text_done(lines);
        return joined;
}

static void add_line(struct text *lines, const char *line)
{
        text_add(lines, "%s%s", lines->bytes ? "\n" : "", line);
}

static const char *addresses_of(struct tree *tree, const struct world_eni *eni)
{
        struct text lines = {0};

        for (size_t i = 0; i < eni->n_addresses; i++)
                add_line(&lines, IP_TEXT(eni->addresses[i].ip));
        return join(tree->arena, &lines);
}

/* The addresses (/32, /128) of a list, or its prefixes; "" where there are none, and so no leaf. */
static const char *cidrs_of(struct tree *tree, const struct prefix *cidrs, size_t n, bool addresses)
{
        struct text lines = {0};

        for (size_t i = 0; i < n; i++)
                if ((cidrs[i].bits == ip_max_bits(cidrs[i].ip)) == addresses)
                        add_line(&lines, addresses ? IP_TEXT(cidrs[i].ip) : PREFIX_TEXT(cidrs[i]));
        return join(tree->arena, &lines);
}

static const char *lines_of(struct tree *tree, const char *const *items, size_t n)
{
        struct text lines = {0};

        for (size_t i = 0; i < n; i++)
                add_line(&lines, items[i]);
        return join(tree->arena, &lines);
}

static const char *groups_of(struct tree *tree, const struct world_eni *eni, bool names)
{
        struct text lines = {0};

        for (size_t i = 0; i < eni->n_groups; i++)
                add_line(&lines, names ? eni->groups[i].name : eni->groups[i].id);
        return join(tree->arena, &lines);
}

static int add_cidrs(struct tree *tree, const struct world_eni *eni, const char *prefix, struct err *err)
{
        struct world_subnet *subnets;
        struct world_vpc *vpcs;
        int64_t next;
        size_t n;
        int r;

        r = world_find_subnets(tree->world, &(struct world_query){.ids = &eni->subnet_id, .n_ids = 1},
                               tree->arena, &subnets, &n, &next, err);
        if (r < 0)
                return r;
        add(tree, arena_printf(tree->arena, "%ssubnet-ipv4-cidr-block", prefix), subnets[0].cidr);
        add(tree, arena_printf(tree->arena, "%ssubnet-ipv6-cidr-blocks", prefix), subnets[0].ipv6_cidr);
        r = world_find_vpcs(tree->world, &(struct world_query){.ids = &eni->vpc_id, .n_ids = 1}, tree->arena,
                            &vpcs, &n, &next, err);
        if (r < 0)
                return r;
        add(tree, arena_printf(tree->arena, "%svpc-ipv4-cidr-block", prefix), vpcs[0].cidrs[0]);
        add(tree, arena_printf(tree->arena, "%svpc-ipv4-cidr-blocks", prefix),
            lines_of(tree, vpcs[0].cidrs, vpcs[0].n_cidrs));
        add(tree, arena_printf(tree->arena, "%svpc-ipv6-cidr-blocks", prefix),
            lines_of(tree, vpcs[0].ipv6_cidrs, vpcs[0].n_ipv6_cidrs));
        return 0;
}

static int add_interface(struct tree *tree, const struct world_eni *eni, struct err *err)
{
        const char *prefix = arena_printf(tree->arena, "meta-data/network/interfaces/macs/%s/", eni->mac);
        const char *public_address = eni->n_addresses ? eni->addresses[0].public_address : NULL;
        const struct leaf leaves[] = {
                {"device-number", arena_printf(tree->arena, "%u", eni->attachment->device_index)},
                {"interface-id", eni->id},
                {"ipv4-prefix", cidrs_of(tree, eni->prefixes, eni->n_prefixes, false)},
                {"ipv6-prefix", cidrs_of(tree, eni->ipv6, eni->n_ipv6, false)},
                {"ipv6s", cidrs_of(tree, eni->ipv6, eni->n_ipv6, true)},
                {"local-ipv4s", addresses_of(tree, eni)},
                {"mac", eni->mac},
                {"network-card", "0"},
                {"owner-id", world_account(tree->world)},
                {"public-ipv4s", public_address},
                {"security-group-ids", groups_of(tree, eni, false)},
                {"security-groups", groups_of(tree, eni, true)},
                {"subnet-id", eni->subnet_id},
                {"vpc-id", eni->vpc_id},
        };

        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
                add(tree, arena_printf(tree->arena, "%s%s", prefix, leaves[i].path), leaves[i].text);
        if (public_address)
                add(tree, arena_printf(tree->arena, "%sipv4-associations/%s", prefix, public_address),
                    arena_strdup(tree->arena, IP_TEXT(eni->addresses[0].ip)));
        return add_cidrs(tree, eni, prefix, err);
}

static void add_instance(struct tree *tree)
{
        const struct world_instance *instance = tree->instance;
        const struct world_eni *primary = &instance->enis[0];
        const char *region = world_region(tree->world);
        const char *address = arena_strdup(tree->arena, IP_TEXT(primary->addresses[0].ip));
        const char *ipv6 = cidrs_of(tree, primary->ipv6, primary->n_ipv6, true);
        const struct leaf leaves[] = {
                {"meta-data/instance-id", instance->id},
                {"meta-data/instance-life-cycle", "on-demand"},
                {"meta-data/instance-type", instance->type},
                {"meta-data/ipv6", arena_printf(tree->arena, "%.*s", (int)strcspn(ipv6, "\n"), ipv6)},
                {"meta-data/local-ipv4", address},
                {"meta-data/mac", primary->mac},
                {"meta-data/placement/availability-zone", instance->zone},
                {"meta-data/placement/region", region},
                {"meta-data/public-ipv4", primary->addresses[0].public_address},
                {"meta-data/security-groups", groups_of(tree, primary, true)},
                {"meta-data/services/domain", "amazonaws.com"},
                {"meta-data/services/partition", "aws"},
                {"dynamic/instance-identity/document",
                 arena_printf(
                         tree->arena,
                         "{\n  \"accountId\" : \"%s\",\n  \"availabilityZone\" : \"%s\",\n  \"instanceId\" : "
                         "\"%s\",\n"
                         "  \"instanceType\" : \"%s\",\n  \"privateIp\" : \"%s\",\n  \"region\" : \"%s\",\n"
                         "  \"version\" : \"2017-09-30\"\n}",
                         world_account(tree->world), instance->zone, instance->id, instance->type, address,
                         region)},
        };

        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
                add(tree, leaves[i].path, leaves[i].text);
}

static const char *json_text(struct tree *tree, json_t *object)
{
        char *dumped = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        const char *text = arena_strdup(tree->arena, dumped ?: "");

        free(dumped);
        json_decref(object);
        return text;
}

/* "2026-11-23T06:12:22Z" */
static const char *whole_seconds(struct arena *arena, int64_t wall_ms)
{
        const char *text = clock_wall_format(wall_ms, (char[CLOCK_TEXT_BYTES]){0});

        return arena_printf(arena, "%.*sZ", (int)strcspn(text, "."), text);
}

static int add_credentials(struct tree *tree, struct err *err)
{
        struct world_role_credentials credentials;
        const char *issued, *expires;
        int r;

        r = world_role_credentials(tree->world, tree->instance->name, tree->arena, &credentials, err);
        if (r < 0)
                return r;
        issued = whole_seconds(tree->arena, credentials.issued_ms);
        expires = whole_seconds(tree->arena, credentials.expires_ms);
        add(tree, arena_printf(tree->arena, "meta-data/iam/security-credentials/%s", world_role(tree->world)),
            json_text(tree, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Code", "Success", "LastUpdated",
                                      issued, "Type", "AWS-HMAC", "AccessKeyId", credentials.access_key_id,
                                      "SecretAccessKey", credentials.secret_access_key, "Token",
                                      credentials.session_token, "Expiration", expires)));
        add(tree, "meta-data/iam/info",
            json_text(tree, json_pack("{s:s, s:s, s:s}", "Code", "Success", "LastUpdated", issued,
                                      "InstanceProfileArn",
                                      arena_printf(tree->arena, "arn:aws:iam::%s:instance-profile/%s",
                                                   world_account(tree->world), world_role(tree->world)))));
        return 0;
}

/* The names right under a directory, each once; leaves of one directory lie together. NULL where there are none. */
static const char *list(struct tree *tree, const char *path)
{
        size_t n = strlen(path);
        const char *last = "";
        struct text lines = {0};

        for (size_t i = 0; i < tree->n; i++) {
                const char *rest = tree->leaves[i].path + n, *slash, *name;

                if (strncmp(tree->leaves[i].path, path, n) != 0 || (n > 0 && *rest++ != '/'))
                        continue;
                slash = strchr(rest, '/');
                name = slash ? arena_printf(tree->arena, "%.*s/", (int)(slash - rest), rest) : rest;
                if (strcmp(name, last) != 0)
                        add_line(&lines, name);
                last = name;
        }
        return lines.bytes ? join(tree->arena, &lines) : NULL;
}

static const char *look_up(struct tree *tree, const char *path)
{
        for (size_t i = 0; i < tree->n; i++)
                if (strcmp(tree->leaves[i].path, path) == 0)
                        return tree->leaves[i].text;
        return list(tree, path);
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

int imdsapi_tree_read(struct world *world, const char *node, const char *path, struct arena *arena,
                      const char **ret, struct err *err)
{
        struct tree *tree = ARENA_NEW(arena, struct tree);
        struct world_instance instance;
        const char *text;
        char *below;
        size_t n;
        int r;

        tree->world = world;
        tree->arena = arena;
        tree->instance = &instance;
        if (strncmp(path, "/latest", 7) != 0 || (path[7] && path[7] != '/') || strlen(path) > MAX_PATH_BYTES)
                return err_set(err, ERR_NOT_FOUND, "nothing outside of /latest");
        below = arena_strdup(arena, path + 7 + (path[7] == '/'));
        for (n = strlen(below); n > 0 && below[n - 1] == '/'; n--)
                below[n - 1] = '\0';
        r = world_imds_instance(world, node, arena, &instance, err);
        if (r < 0)
                return r;
        add_instance(tree);
        for (size_t i = 0; i < instance.n_enis && r == 0; i++)
                r = add_interface(tree, &instance.enis[i], err);
        if (r < 0 || (r = add_credentials(tree, err)) < 0)
                return r;
        qsort(tree->leaves, tree->n, sizeof(*tree->leaves), compare);
        text = look_up(tree, below);
        if (!text)
                return err_set(err, ERR_NOT_FOUND, "nothing at this path");
        *ret = text;
        return 0;
}
