// SPDX-License-Identifier: Apache-2.0
/* fabric.h: the fabric's life, nodes, hosts of the internet. ENIs are in fabric_eni.c, what all share in fabric_base.c. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "fabric_private.h"

static const char prefix_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char node_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

int fabric_check_prefix(const char *prefix, struct err *err)
{
        size_t n = strlen(prefix);

        if (n == 0 || n > FABRIC_PREFIX_MAX || strspn(prefix, prefix_characters) != n)
                return err_set(err, ERR_INVALID, "prefix '%s': 1..%d characters of a-z 0-9 are allowed",
                               prefix, FABRIC_PREFIX_MAX);
        return 0;
}

static int check_unused(const char *prefix, struct err *err)
{
        char **names;
        size_t n;
        int r;

        r = fabric_space_list(prefix, &names, &n, err);
        if (r < 0)
                return r;
        if (n)
                r = err_set(err, ERR_EXISTS,
                            "namespace %s exists: another run has prefix %s, or a crashed one left it; "
                            "'vpcsim clean --prefix %s' removes what a crashed one left",
                            names[0], prefix, prefix);
        fabric_space_list_free(names, n);
        return r;
}

int fabric_new(const char *prefix, struct fabric **ret, struct err *err)
{
        _cleanup_(fabric_freep) struct fabric *fabric = NULL;
        int r;

        r = fabric_check_prefix(prefix, err);
        if (r == 0 && geteuid() != 0)
                r = err_set(err, ERR_DENIED, "the fabric makes network namespaces, which needs root");
        if (r == 0)
                r = check_unused(prefix, err);
        if (r < 0)
                return r;
        fabric = XNEW(struct fabric);
        snprintf(fabric->prefix, sizeof(fabric->prefix), "%s", prefix);
        fabric->alive_fd = -1;
        fabric->vpc = fabric->inet = FABRIC_SPACE_NONE;
        r = fabric_base_create(fabric, err);
        if (r < 0)
                return err_wrap(err, "make the fabric %s", prefix);
        *ret = TAKE_PTR(fabric);
        return 0;
}

struct fabric *fabric_free(struct fabric *fabric)
{
        if (!fabric)
                return NULL;
        fabric_nft_free(fabric->nft);
        for (size_t i = 0; i < fabric->n_links; i++)
                fabric_link_free(fabric->links[i]);
        for (size_t i = 0; i < fabric->n_nodes; i++) {
                (void)fabric_space_remove(&fabric->nodes[i].space, NULL);
                free(fabric->nodes[i].name);
        }
        (void)fabric_space_remove(&fabric->inet, NULL);
        (void)fabric_space_remove(&fabric->vpc, NULL);
        cleanup_closep(&fabric->alive_fd);
        free(fabric->nodes);
        free(fabric->links);
        free(fabric->publics);
        free(fabric);
        return NULL;
}

struct fabric_node *fabric_find_node(struct fabric *fabric, const char *name)
{
        for (size_t i = 0; i < fabric->n_nodes; i++) {
                if (strcmp(fabric->nodes[i].name, name) == 0)
                        return &fabric->nodes[i];
        }
        return NULL;
}

struct fabric_link *fabric_find_link(struct fabric *fabric, const char *eni_id)
{
        for (size_t i = 0; i < fabric->n_links; i++) {
                if (strcmp(fabric->links[i]->eni_id, eni_id) == 0)
                        return fabric->links[i];
        }
        return NULL;
}

int fabric_add_space(struct fabric *fabric, const char *name, const struct fabric_sysctl *sysctls,
                     struct fabric_space **ret, struct err *err)
{
        struct fabric_space space = FABRIC_SPACE_NONE;
        size_t n = strlen(name);
        int r;

        if (n == 0 || n > FABRIC_NODE_NAME_MAX || strspn(name, node_characters) != n ||
            strcmp(name, "vpc") == 0 || strcmp(name, "inet") == 0)
                return err_set(err, ERR_INVALID,
                               "name '%s': 1..%d characters of a-z 0-9 - are allowed, but not vpc or inet",
                               name, FABRIC_NODE_NAME_MAX);
        if (fabric_find_node(fabric, name))
                return err_set(err, ERR_EXISTS, "%s exists", name);
        r = fabric_space_create(fabric->prefix, name, &space, err);
        if (r < 0)
                return r;
        r = fabric_space_set_sysctls(&space, sysctls, NULL, err);
        if (r < 0) {
                (void)fabric_space_remove(&space, NULL);
                return r;
        }
        GROW(fabric->nodes, fabric->n_nodes, fabric->nodes_capacity);
        fabric->nodes[fabric->n_nodes] = (struct fabric_node){xstrdup(name), space};
        *ret = &fabric->nodes[fabric->n_nodes++].space;
        return 0;
}

int fabric_add_node(struct fabric *fabric, const char *node, struct err *err)
{
        /* A new namespace begins with the host's values of these; a fresh node has the kernel's. */
        static const struct fabric_sysctl fresh[] = {
                {"net.ipv4.ip_forward", "0"},
                {"net.ipv4.conf.all.rp_filter", "0"},
                {"net.ipv4.conf.default.rp_filter", "0"},
                {NULL},
        };
        struct fabric_space *space;
        int r = fabric_add_space(fabric, node, fresh, &space, err);

        return r < 0 ? err_wrap(err, "add node %s", node) : 0;
}

/* Any; NULL: it has none. */
static const struct fabric_link *find_link_of(const struct fabric *fabric, const char *node)
{
        for (size_t i = 0; i < fabric->n_links; i++) {
                if (strcmp(fabric->links[i]->node, node) == 0)
                        return fabric->links[i];
        }
        return NULL;
}

int fabric_remove_node(struct fabric *fabric, const char *node, struct err *err)
{
        struct fabric_node *found = fabric_find_node(fabric, node);
        const struct fabric_link *link;
        int r;

        if (!found)
                return err_set(err, ERR_NOT_FOUND, "no node %s", node);
        while ((link = find_link_of(fabric, node))) {
                _cleanup_free_ char *eni_id = xstrdup(link->eni_id);

                r = fabric_detach(fabric, eni_id, err);
                if (r < 0)
                        return err_wrap(err, "remove node %s", node);
        }
        r = fabric_space_remove(&found->space, err);
        free(found->name);
        *found = fabric->nodes[--fabric->n_nodes];
        return r < 0 ? err_wrap(err, "remove node %s", node) : 0;
}

int fabric_add_internet_address(struct fabric *fabric, struct ip address, struct err *err)
{
        struct prefix hosts;
        int r;

        r = prefix_parse(FABRIC_INTERNET_HOSTS, &hosts, err);
        if (r < 0)
                return r;
        if (!prefix_contains(hosts, address))
                return err_set(err, ERR_INVALID, "internet address %s: one of %s is allowed",
                               IP_TEXT(address), FABRIC_INTERNET_HOSTS);
        return fabric_space_add_address(&fabric->inet, "lo", prefix_host(address), err);
}

int fabric_listen(struct fabric *fabric, enum fabric_place place, struct ip address, unsigned port,
                  int *ret_fd, struct err *err)
{
        const struct fabric_space *space = place == FABRIC_INTERNET ? &fabric->inet : &fabric->vpc;
        int r;

        if (place == FABRIC_INTERNET)
                r = fabric_add_internet_address(fabric, address, err);
        else
                r = fabric_space_add_address(space, "lo", prefix_host(address), err);
        return r < 0 ? r : fabric_space_listen_tcp(space, address, port, ret_fd, err);
}

int fabric_read_counters(struct fabric *fabric, struct fabric_counters *ret, struct err *err)
{
        return fabric_nft_read_counters(fabric->nft, ret, err);
}

int fabric_read_offenders(struct fabric *fabric, struct fabric_offender **ret, size_t *ret_n, struct err *err)
{
        int r = fabric_nft_read_offenders(fabric->nft, ret, ret_n, err);

        for (size_t i = 0; r == 0 && i < *ret_n; i++) {
                for (size_t j = 0; j < fabric->n_links; j++) {
                        if (strcmp(fabric->links[j]->name, (*ret)[i].eni_id) != 0)
                                continue;
                        free((*ret)[i].eni_id);
                        (*ret)[i].eni_id = xstrdup(fabric->links[j]->eni_id);
                        break;
                }
        }
        return r;
}
