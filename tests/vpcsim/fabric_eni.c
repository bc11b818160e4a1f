// SPDX-License-Identifier: Apache-2.0
/* ENIs as the fabric sees them: attached, detached, their addresses and public addresses. */
#include <string.h>

#include <vpcwire/mem.h>

#include "fabric_private.h"

static bool list_has(const struct ip *list, size_t n, struct ip ip)
{
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(list[i], ip))
                        return true;
        }
        return false;
}

/* Those of `a` that are not in `b`, each once. The caller frees the array, which is never NULL. */
static struct ip *list_minus(const struct ip *a, size_t n_a, const struct ip *b, size_t n_b, size_t *ret_n)
{
        struct ip *rest = XNEW_ARRAY(struct ip, n_a + 1);
        size_t n = 0;

        for (size_t i = 0; i < n_a; i++) {
                if (!list_has(b, n_b, a[i]) && !list_has(rest, n, a[i]))
                        rest[n++] = a[i];
        }
        *ret_n = n;
        return rest;
}

static int check_addresses(struct fabric *fabric, const struct fabric_link *link, const struct ip *addresses,
                           size_t n, struct err *err)
{
        for (size_t i = 0; i < n; i++) {
                if (addresses[i].family != AF_INET)
                        return err_set(err, ERR_INVALID, "address %s is not IPv4", IP_TEXT(addresses[i]));
                for (size_t j = 0; j < fabric->n_links; j++) {
                        const struct fabric_link *other = fabric->links[j];

                        if (other != link && list_has(other->addresses, other->n_addresses, addresses[i]))
                                return err_set(err, ERR_BUSY, "address %s belongs to %s",
                                               IP_TEXT(addresses[i]), other->eni_id);
                }
        }
        return 0;
}

/*
 * New addresses are routed before their packets may leave, and gone ones lose their route last. Each step can be
 * repeated: after a failure the list is still the old one, and the next call does what is missing.
 */
static int change_addresses(struct fabric *fabric, struct fabric_link *link, const struct ip *addresses,
                            size_t n, struct err *err)
{
        size_t n_added, n_gone;
        _cleanup_free_ struct ip *added =
                list_minus(addresses, n, link->addresses, link->n_addresses, &n_added);
        _cleanup_free_ struct ip *gone =
                list_minus(link->addresses, link->n_addresses, addresses, n, &n_gone);
        _cleanup_(text_done) struct text commands = {0};
        int r;

        r = check_addresses(fabric, link, added, n_added, err);
        if (r == 0 && n_added)
                r = fabric_link_add_routes(&fabric->vpc, link, added, n_added, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_added; i++)
                fabric_nft_change_address(&commands, true, link->name, added[i]);
        for (size_t i = 0; i < n_gone; i++)
                fabric_nft_change_address(&commands, false, link->name, gone[i]);
        r = fabric_nft_run(fabric->nft, &commands, err);
        if (r < 0)
                return r;
        free(link->addresses);
        link->addresses = XNEW_ARRAY(struct ip, n + 1);
        link->n_addresses = n;
        for (size_t i = 0; i < n; i++)
                link->addresses[i] = addresses[i];
        return fabric_link_delete_routes(&fabric->vpc, link, gone, n_gone, err);
}

int fabric_set_addresses(struct fabric *fabric, const char *eni_id, const struct ip *addresses, size_t n,
                         struct err *err)
{
        struct fabric_link *link = fabric_find_link(fabric, eni_id);
        int r;

        if (!link)
                return err_set(err, ERR_NOT_FOUND, "%s is not attached", eni_id);
        r = change_addresses(fabric, link, addresses, n, err);
        return r < 0 ? err_wrap(err, "set the addresses of %s", eni_id) : 0;
}

int fabric_set_unchecked(struct fabric *fabric, const char *eni_id, bool unchecked, struct err *err)
{
        struct fabric_link *link = fabric_find_link(fabric, eni_id);
        _cleanup_(text_done) struct text commands = {0};
        int r;

        if (!link)
                return err_set(err, ERR_NOT_FOUND, "%s is not attached", eni_id);
        if (link->unchecked == unchecked)
                return 0;
        fabric_nft_change_unchecked(&commands, unchecked, link->name);
        r = fabric_nft_run(fabric->nft, &commands, err);
        if (r < 0)
                return err_wrap(err, "source check of %s", eni_id);
        link->unchecked = unchecked;
        return 0;
}

static int give_addresses(struct fabric *fabric, const struct fabric_eni *eni, struct err *err)
{
        int r = fabric_set_addresses(fabric, eni->eni_id, eni->addresses, eni->n_addresses, err);

        if (r == 0)
                r = fabric_set_ipv6(fabric, eni->eni_id, eni->ipv6, eni->n_ipv6, err);
        return r < 0 ? r : fabric_set_unchecked(fabric, eni->eni_id, eni->unchecked, err);
}

/* As the boot of an instance does. */
static int boot(struct fabric *fabric, const struct fabric_space *node, const struct fabric_eni *eni,
                const char *link, struct err *err)
{
        int r = fabric_link_boot_primary(node, eni, err);

        if (r == 0)
                r = fabric_ipv6_boot_primary(node, eni, err);
        return r < 0 ? r : fabric_space_wait_running(&fabric->vpc, link, err);
}

static int check_new(struct fabric *fabric, const struct fabric_eni *eni, struct err *err)
{
        if (fabric_find_link(fabric, eni->eni_id))
                return err_set(err, ERR_EXISTS, "%s is attached", eni->eni_id);
        if (eni->n_addresses == 0)
                return err_set(err, ERR_INVALID, "attach %s: it has no address", eni->eni_id);
        return 0;
}

static void keep(struct fabric *fabric, struct fabric_link *link)
{
        GROW(fabric->links, fabric->n_links, fabric->links_capacity);
        fabric->links[fabric->n_links++] = link;
}

int fabric_attach(struct fabric *fabric, const struct fabric_eni *eni, struct err *err)
{
        struct fabric_node *node = fabric_find_node(fabric, eni->node);
        struct fabric_link *link;
        int r;

        if (!node)
                return err_set(err, ERR_NOT_FOUND, "attach %s: no node %s", eni->eni_id, eni->node);
        r = check_new(fabric, eni, err);
        if (r < 0)
                return r;
        r = fabric_link_create(&fabric->vpc, &node->space, eni, ++fabric->links_made, &link, err);
        if (r < 0)
                return err_wrap(err, "attach %s to %s", eni->eni_id, eni->node);
        keep(fabric, link);
        r = give_addresses(fabric, eni, err);
        if (r == 0 && eni->device_index == 0)
                r = boot(fabric, &node->space, eni, link->name, err);
        if (r < 0) {
                (void)fabric_detach(fabric, eni->eni_id, NULL);
                return err_wrap(err, "attach %s to %s", eni->eni_id, eni->node);
        }
        return 0;
}

int fabric_attach_branch(struct fabric *fabric, const struct fabric_eni *eni, const char *trunk_id,
                         unsigned vlan, struct err *err)
{
        const struct fabric_link *trunk = fabric_find_link(fabric, trunk_id);
        struct fabric_link *link;
        int r;

        if (!trunk || trunk->trunk_id)
                return err_set(err, ERR_NOT_FOUND, "branch %s: no trunk %s", eni->eni_id, trunk_id);
        r = check_new(fabric, eni, err);
        if (r < 0)
                return r;
        r = fabric_link_create_branch(&fabric->vpc, trunk, eni, (uint16_t)vlan, ++fabric->links_made, &link,
                                      err);
        if (r < 0)
                return err_wrap(err, "branch %s of %s", eni->eni_id, trunk_id);
        keep(fabric, link);
        r = give_addresses(fabric, eni, err);
        if (r < 0) {
                (void)fabric_detach(fabric, eni->eni_id, NULL);
                return err_wrap(err, "branch %s of %s", eni->eni_id, trunk_id);
        }
        return 0;
}

static int detach_branches(struct fabric *fabric, const char *trunk_id, struct err *err)
{
        for (size_t i = fabric->n_links; i-- > 0;) {
                const struct fabric_link *link = fabric->links[i];
                _cleanup_free_ char *eni_id = xstrdup(link->eni_id);
                int r;

                if (!link->trunk_id || strcmp(link->trunk_id, trunk_id) != 0)
                        continue;
                r = fabric_detach(fabric, eni_id, err); /* the last one comes to its place */
                if (r < 0)
                        return r;
        }
        return 0;
}

int fabric_detach(struct fabric *fabric, const char *eni_id, struct err *err)
{
        _cleanup_(text_done) struct text commands = {0};
        struct fabric_link *link = fabric_find_link(fabric, eni_id);
        int r;

        if (!link)
                return err_set(err, ERR_NOT_FOUND, "%s is not attached", eni_id);
        r = link->trunk_id ? 0 : detach_branches(fabric, eni_id, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < link->n_addresses; i++)
                fabric_nft_change_address(&commands, false, link->name, link->addresses[i]);
        for (size_t i = 0; i < link->n_ipv6; i++)
                fabric_nft_change_ipv6(&commands, false, link->name, link->ipv6[i]);
        if (link->unchecked)
                fabric_nft_change_unchecked(&commands, false, link->name);
        r = fabric_nft_run(fabric->nft, &commands, err);
        if (r < 0)
                return err_wrap(err, "detach %s", eni_id);
        for (size_t i = 0; i < fabric->n_links; i++) {
                if (fabric->links[i] == link)
                        fabric->links[i] = fabric->links[--fabric->n_links];
        }
        r = fabric_link_delete(&fabric->vpc, link, err); /* its routes and neighbours go with it */
        return r < 0 ? err_wrap(err, "detach %s", eni_id) : 0;
}

static int check_public(struct fabric *fabric, struct ip private_address, struct ip public_address,
                        struct err *err)
{
        struct prefix pool;
        int r;

        r = prefix_parse(FABRIC_PUBLIC_POOL, &pool, err);
        if (r < 0)
                return r;
        if (private_address.family != AF_INET)
                return err_set(err, ERR_INVALID, "private address %s is not IPv4", IP_TEXT(private_address));
        if (ip_is_set(public_address) && !prefix_contains(pool, public_address))
                return err_set(err, ERR_INVALID, "public address %s: one of %s is allowed",
                               IP_TEXT(public_address), FABRIC_PUBLIC_POOL);
        for (size_t i = 0; i < fabric->n_publics; i++) {
                const struct fabric_public *other = &fabric->publics[i];

                if (ip_equal(other->public_address, public_address) &&
                    !ip_equal(other->private_address, private_address))
                        return err_set(err, ERR_BUSY, "public address %s belongs to %s",
                                       IP_TEXT(public_address), IP_TEXT(other->private_address));
        }
        return 0;
}

int fabric_set_public(struct fabric *fabric, struct ip private_address, struct ip public_address,
                      struct err *err)
{
        _cleanup_(text_done) struct text commands = {0};
        size_t at = 0;
        int r;

        r = check_public(fabric, private_address, public_address, err);
        if (r < 0)
                return r;
        while (at < fabric->n_publics && !ip_equal(fabric->publics[at].private_address, private_address))
                at++;
        if (at < fabric->n_publics)
                fabric_nft_change_public(&commands, false, private_address,
                                         fabric->publics[at].public_address);
        if (ip_is_set(public_address))
                fabric_nft_change_public(&commands, true, private_address, public_address);
        r = fabric_nft_run(fabric->nft, &commands, err);
        if (r < 0)
                return err_wrap(err, "public address of %s", IP_TEXT(private_address));
        if (at < fabric->n_publics)
                fabric->publics[at] = fabric->publics[--fabric->n_publics];
        if (ip_is_set(public_address)) {
                GROW(fabric->publics, fabric->n_publics, fabric->publics_capacity);
                fabric->publics[fabric->n_publics++] =
                        (struct fabric_public){private_address, public_address};
        }
        return 0;
}
