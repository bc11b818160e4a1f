// SPDX-License-Identifier: Apache-2.0
/* The node's identity and limits as facts in the store: written by the reconciler, read by it and by the daemon. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "reconcile/identity.h"
#include "reconcile/reconcile.h"

static const char FACT_IDENTITY[] = "identity";
static const char FACT_LIMITS[] = "limits";

static void set_text(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from);
}

int identity_save(struct store *store, const struct identity *id, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        json_t *object, *cidrs = json_array(), *groups = json_array();

        for (size_t i = 0; i < id->n_vpc_cidrs; i++)
                json_array_append_new(cidrs, json_string(PREFIX_TEXT(id->vpc_cidrs[i])));
        for (size_t i = 0; i < id->n_groups; i++)
                json_array_append_new(groups, json_string(id->groups[i]));
        object = json_pack("{ss ss ss ss ss ss ss ss ss ss so so}", "instance_id", id->instance_id,
                           "instance_type", id->instance_type, "availability_zone", id->zone, "region",
                           id->region, "eni_id", id->eni_id, "subnet_id", id->subnet_id, "vpc_id", id->vpc_id,
                           "mac", MAC_TEXT(id->mac), "primary_address", IP_TEXT(id->primary_address),
                           "subnet_cidr", PREFIX_TEXT(id->subnet_cidr), "vpc_cidrs", cidrs, "security_groups",
                           groups);
        text = object ? json_dumps(object, JSON_COMPACT) : NULL;
        json_decref(object);
        if (!text)
                return err_set(err, ERR_INTERNAL, "identity of the node is no valid UTF-8");
        if (store_fact_set(store, STORE_FACT_INSTANCE, id->instance_id, err) < 0)
                return -(int)err->code;
        return store_fact_set(store, FACT_IDENTITY, text, err);
}

static void take_strings(const json_t *list, char ***ret, size_t *ret_n)
{
        size_t n = json_array_size(list);

        *ret = XNEW_ARRAY(char *, n);
        for (*ret_n = 0; *ret_n < n; (*ret_n)++)
                (*ret)[*ret_n] = xstrdup(json_string_value(json_array_get(list, *ret_n)) ?: "");
}

static int take_cidrs(struct identity *identity, const json_t *list, struct err *err)
{
        identity->vpc_cidrs = XNEW_ARRAY(struct prefix, json_array_size(list));
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *text = json_string_value(json_array_get(list, i)) ?: "";

                if (prefix_parse(text, &identity->vpc_cidrs[i], err) < 0)
                        return err_wrap(err, "stored identity: VPC CIDR");
                identity->n_vpc_cidrs++;
        }
        return 0;
}

int identity_load(struct store *store, struct arena *arena, struct identity *ret, bool *ret_found,
                  struct err *err)
{
        const char *text, *id, *type, *zone, *region, *eni, *subnet, *vpc, *mac, *primary, *cidr;
        json_t *object = NULL, *cidrs, *groups;
        struct identity identity = {.known = true};
        int e;

        *ret_found = false;
        e = store_fact_get(store, FACT_IDENTITY, arena, &text, err);
        if (e < 0 || !text)
                return e;
        object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        if (!object ||
            json_unpack(object, "{ss ss ss ss ss ss ss ss ss ss so so}", "instance_id", &id, "instance_type",
                        &type, "availability_zone", &zone, "region", &region, "eni_id", &eni, "subnet_id",
                        &subnet, "vpc_id", &vpc, "mac", &mac, "primary_address", &primary, "subnet_cidr",
                        &cidr, "vpc_cidrs", &cidrs, "security_groups", &groups) < 0) {
                e = err_set(err, ERR_PROTOCOL, "stored identity is not what we write");
                goto out;
        }
        set_text(identity.instance_id, sizeof(identity.instance_id), id);
        set_text(identity.instance_type, sizeof(identity.instance_type), type);
        set_text(identity.zone, sizeof(identity.zone), zone);
        set_text(identity.region, sizeof(identity.region), region);
        set_text(identity.eni_id, sizeof(identity.eni_id), eni);
        set_text(identity.subnet_id, sizeof(identity.subnet_id), subnet);
        set_text(identity.vpc_id, sizeof(identity.vpc_id), vpc);
        take_strings(groups, &identity.groups, &identity.n_groups);
        if ((e = mac_parse(mac, &identity.mac, err)) < 0 ||
            (e = ip_parse(primary, &identity.primary_address, err)) < 0 ||
            (e = prefix_parse(cidr, &identity.subnet_cidr, err)) < 0 ||
            (e = take_cidrs(&identity, cidrs, err)) < 0) {
                identity_done(&identity);
                goto out;
        }
        *ret = identity;
        *ret_found = true;
out:
        json_decref(object);
        return e;
}

int limits_save(struct store *store, const struct plan_limits *limits, struct err *err)
{
        char text[32];

        snprintf(text, sizeof(text), "%u %u", limits->max_enis, limits->ipv4_per_eni);
        return store_fact_set(store, FACT_LIMITS, text, err);
}

/* The number at *at, which ends in `end`; *at moves behind that. */
static bool take_number(const char **at, char end, unsigned *ret)
{
        unsigned long number;
        char *rest;

        errno = 0;
        number = strtoul(*at, &rest, 10);
        if (rest == *at || *rest != end || errno || number > UINT_MAX)
                return false;
        *at = rest + 1;
        *ret = (unsigned)number;
        return true;
}

int limits_load(struct store *store, struct arena *arena, struct plan_limits *ret, struct err *err)
{
        struct plan_limits limits;
        const char *text;

        if (store_fact_get(store, FACT_LIMITS, arena, &text, err) < 0)
                return -(int)err->code;
        if (text && take_number(&text, ' ', &limits.max_enis) &&
            take_number(&text, '\0', &limits.ipv4_per_eni))
                *ret = limits;
        return 0;
}

int reconcile_read_node(struct store *store, struct arena *arena, bool *ret_known, struct reconcile_node *ret,
                        struct err *err)
{
        struct plan_limits limits = {0};
        struct identity identity = {0};
        struct prefix *cidrs;
        bool known;

        if (identity_load(store, arena, &identity, &known, err) < 0 ||
            limits_load(store, arena, &limits, err) < 0)
                return -(int)err->code;
        *ret_known = known;
        cidrs = ARENA_ARRAY(arena, struct prefix, identity.n_vpc_cidrs);
        if (identity.n_vpc_cidrs)
                memcpy(cidrs, identity.vpc_cidrs, identity.n_vpc_cidrs * sizeof(*cidrs));
        if (known)
                *ret = (struct reconcile_node){.instance_id = arena_strdup(arena, identity.instance_id),
                                               .instance_type = arena_strdup(arena, identity.instance_type),
                                               .zone = arena_strdup(arena, identity.zone),
                                               .region = arena_strdup(arena, identity.region),
                                               .vpc_id = arena_strdup(arena, identity.vpc_id),
                                               .subnet_id = arena_strdup(arena, identity.subnet_id),
                                               .primary_address = identity.primary_address,
                                               .vpc_cidrs = cidrs,
                                               .n_vpc_cidrs = identity.n_vpc_cidrs,
                                               .limits = limits};
        identity_done(&identity);
        return 0;
}
