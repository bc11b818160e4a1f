// SPDX-License-Identifier: Apache-2.0
/*
 * The node's identity and limits as facts in the store: written by the reconciler, read by it and by the daemon, and by those of another
 * version, which a database outlives.
 */
#include <string.h>

#include <vpcwire/jsonx.h>

#include "reconcile/identity.h"
#include "reconcile/reconcile.h"

static const char FACT_IDENTITY[] = "identity";
static const char FACT_LIMITS[] = "limits";

#define TEXT(member_, name_)  JSONX_CHARS(struct identity, member_, name_, .flags = JSONX_REQUIRED)
#define FIELD(member_, type_) JSONX_FIELD(struct identity, member_, type_, .flags = JSONX_REQUIRED)
#define LIST(member_, name_, type_)                                                                          \
        JSONX_NAMED_LIST(struct identity, member_, name_, type_, .flags = JSONX_REQUIRED)
static const struct jsonx_field identity_fields[] = {
        TEXT(instance_id, "instance_id"),
        TEXT(instance_type, "instance_type"),
        TEXT(zone, "availability_zone"),
        TEXT(region, "region"),
        TEXT(eni_id, "eni_id"),
        TEXT(subnet_id, "subnet_id"),
        TEXT(vpc_id, "vpc_id"),
        FIELD(mac, JSONX_MAC),
        FIELD(primary_address, JSONX_IP),
        FIELD(subnet_cidr, JSONX_PREFIX),
        LIST(vpc_cidrs, "vpc_cidrs", JSONX_PREFIXES),
        LIST(groups, "security_groups", JSONX_STRINGS),
};
static const struct jsonx_schema identity_schema = JSONX_SCHEMA(struct identity, identity_fields);

static const struct jsonx_field limits_fields[] = {
        JSONX_FIELD(struct plan_limits, max_enis, JSONX_UNSIGNED, .flags = JSONX_REQUIRED),
        JSONX_FIELD(struct plan_limits, ipv4_per_eni, JSONX_UNSIGNED, .flags = JSONX_REQUIRED),
};
static const struct jsonx_schema limits_schema = JSONX_SCHEMA(struct plan_limits, limits_fields);

static int write_fact(struct store *store, const char *name, const struct jsonx_schema *schema,
                      const void *value, struct err *err)
{
        _cleanup_json_ json_t *json = jsonx_encode(schema, value);
        _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

        return store_fact_set(store, name, text, err);
}

static int parse_fact(const char *text, const struct jsonx_schema *schema, struct arena *arena, void *ret,
                      struct err *err)
{
        _cleanup_json_ json_t *json = NULL;
        int r = jsonx_parse(text, strlen(text), &json, err);

        return r < 0 ? r : jsonx_decode(json, schema, arena, ret, NULL, err);
}

int identity_save(struct store *store, const struct identity *identity, struct err *err)
{
        if (store_fact_set(store, STORE_FACT_INSTANCE, identity->instance_id, err) < 0)
                return -(int)err->code;
        return write_fact(store, FACT_IDENTITY, &identity_schema, identity, err);
}

/* Its lists are the arena's. */
static int read_identity(struct store *store, struct arena *arena, struct identity *ret, bool *ret_found,
                         struct err *err)
{
        const char *text;

        if (store_fact_get(store, FACT_IDENTITY, arena, &text, err) < 0)
                return -(int)err->code;
        *ret_found = false;
        if (!text)
                return 0;
        if (parse_fact(text, &identity_schema, arena, ret, err) < 0)
                return err_wrap(err, "stored identity");
        ret->known = *ret_found = true;
        return 0;
}

int identity_load(struct store *store, struct arena *arena, struct identity *ret, bool *ret_found,
                  struct err *err)
{
        struct identity stored = {0};

        if (read_identity(store, arena, &stored, ret_found, err) < 0)
                return -(int)err->code;
        if (!*ret_found)
                return 0;
        *ret = stored;
        ret->vpc_cidrs = NULL;
        ret->groups = NULL;
        ret->n_vpc_cidrs = ret->n_groups = 0;
        identity_set_vpc_cidrs(ret, stored.vpc_cidrs, stored.n_vpc_cidrs);
        identity_set_groups(ret, (const char *const *)stored.groups, stored.n_groups);
        return 0;
}

int limits_save(struct store *store, const struct plan_limits *limits, struct err *err)
{
        return write_fact(store, FACT_LIMITS, &limits_schema, limits, err);
}

/* "3 4", as daemons before this one wrote it, in the form that is written now. */
static const char *renew_limits(const char *text, struct arena *arena)
{
        const char *space = strchr(text, ' ');

        if (*text == '{' || !space)
                return text;
        return arena_printf(arena, "{\"max_enis\":%.*s,\"ipv4_per_eni\":%s}", (int)(space - text), text,
                            space + 1);
}

int limits_load(struct store *store, struct arena *arena, struct plan_limits *ret, struct err *err)
{
        struct plan_limits limits;
        const char *text;

        if (store_fact_get(store, FACT_LIMITS, arena, &text, err) < 0)
                return -(int)err->code;
        /* What cannot be read is as if it were not there: EC2 knows. */
        if (text && parse_fact(renew_limits(text, arena), &limits_schema, arena, &limits, NULL) == 0)
                *ret = limits;
        return 0;
}

int reconcile_read_node(struct store *store, struct arena *arena, bool *ret_known, struct reconcile_node *ret,
                        struct err *err)
{
        struct identity *identity = ARENA_NEW(arena, struct identity);
        struct plan_limits limits = {0};

        if (read_identity(store, arena, identity, ret_known, err) < 0 ||
            limits_load(store, arena, &limits, err) < 0)
                return -(int)err->code;
        if (*ret_known)
                *ret = (struct reconcile_node){.instance_id = identity->instance_id,
                                               .instance_type = identity->instance_type,
                                               .zone = identity->zone,
                                               .region = identity->region,
                                               .vpc_id = identity->vpc_id,
                                               .subnet_id = identity->subnet_id,
                                               .primary_address = identity->primary_address,
                                               .vpc_cidrs = identity->vpc_cidrs,
                                               .n_vpc_cidrs = identity->n_vpc_cidrs,
                                               .limits = limits};
        return 0;
}
