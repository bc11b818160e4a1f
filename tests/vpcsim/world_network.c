// SPDX-License-Identifier: Apache-2.0
/* Networks that the VPC is joined to: peered VPCs, sites behind a gateway. EC2's API shows nothing of them. */
#include <string.h>

#include "fabric.h"
#include "world_private.h"

enum { MAX_HOSTS = 64 };

static int read_cidr(struct world *world, const char *text, struct prefix *ret, struct err *err)
{
        struct prefix cidr;
        int64_t overlaps;
        int r;

        r = prefix_parse(text, &cidr, err);
        if (r < 0)
                return r;
        if (cidr.ip.family != AF_INET || cidr.bits == 0 || !prefix_is_network(cidr))
                return err_set(err, ERR_INVALID, "cidr: '%s' is no IPv4 network", text);
        r = DB_READ_NUMBER(world->db, &overlaps, err,
                           "SELECT count(*) FROM vpc_cidr WHERE first <= ? AND last >= ?",
                           DB_NUMBER((int64_t)(ip_to_u32(cidr.ip) | (uint32_t)(UINT32_MAX >> cidr.bits))),
                           DB_NUMBER(ip_to_u32(cidr.ip)));
        if (r == 0 && overlaps)
                r = err_set(err, ERR_INVALID, "cidr: %s overlaps the VPC's", text);
        if (r == 0)
                *ret = cidr;
        return r;
}

static int read_hosts(const json_t *list, struct ip hosts[static MAX_HOSTS], size_t *ret_n, struct err *err)
{
        json_t *item;
        size_t i;

        if (list && (!json_is_array(list) || json_array_size(list) > MAX_HOSTS))
                return err_set(err, ERR_INVALID, "hosts: want an array of at most %d", MAX_HOSTS);
        json_array_foreach((json_t *)(uintptr_t)list, i, item)
        {
                int r = ip_parse(json_string_value(item) ?: "", &hosts[i], err);

                if (r < 0)
                        return err_wrap(err, "hosts[%zu]", i);
        }
        *ret_n = json_array_size(list);
        return 0;
}

static int add_network(struct world *world, const json_t *object, struct err *err)
{
        static const char *const known[] = {"name", "cidr", "mtu", "hosts", NULL};
        const json_t *mtu = json_object_get(object, "mtu");
        struct fabric_network network = {.mtu = FABRIC_MTU_MAX};
        struct ip hosts[MAX_HOSTS];
        const char *cidr;
        int r = world_refuse_unknown(object, known, "network", err);

        if (r < 0)
                return r;
        network.name = json_string_value(json_object_get(object, "name"));
        cidr = json_string_value(json_object_get(object, "cidr"));
        if (!network.name || !cidr)
                return err_set(err, ERR_INVALID, "name, cidr: want texts");
        if (mtu && (!json_is_integer(mtu) || json_integer_value(mtu) < FABRIC_MTU_MIN ||
                    json_integer_value(mtu) > FABRIC_MTU_MAX))
                return err_set(err, ERR_INVALID, "mtu: want %d to %d", FABRIC_MTU_MIN, FABRIC_MTU_MAX);
        if (mtu)
                network.mtu = (unsigned)json_integer_value(mtu);
        r = read_cidr(world, cidr, &network.cidr, err);
        if (r == 0)
                r = read_hosts(json_object_get(object, "hosts"), hosts, &network.n_hosts, err);
        if (r < 0 || !world->fabric)
                return r;
        network.hosts = hosts;
        return fabric_add_network(world->fabric, &network, err);
}

int world_add_networks(struct world *world, const json_t *networks, struct err *err)
{
        json_t *item;
        size_t i;

        if (!json_is_array(networks))
                return err_set(err, ERR_INVALID, "networks: want an array");
        json_array_foreach((json_t *)(uintptr_t)networks, i, item)
        {
                int r = add_network(world, item, err);

                if (r < 0)
                        return err_wrap(err, "networks[%zu]", i);
        }
        return 0;
}
