// SPDX-License-Identifier: Apache-2.0
/* The whole state as JSON, and the search for what must not be. */
#include <string.h>

#include "world_private.h"

enum { MAX_VIOLATIONS = 100 };

static json_t *tags_to_json(const struct world_tag *tags, size_t n)
{
        json_t *object = json_object();

        for (size_t i = 0; i < n; i++)
                json_object_set_new(object, tags[i].key, json_string(tags[i].value));
        return object;
}

static json_t *attachment_to_json(const struct world_attachment *attachment)
{
        if (!attachment)
                return json_null();
        return json_pack("{s:s, s:s, s:s, s:i, s:b}", "id", attachment->id, "instance_id",
                         attachment->instance_id, "status", attachment->status, "device_index",
                         (int)attachment->device_index, "delete_on_termination",
                         (int)attachment->delete_on_termination);
}

static json_t *association_to_json(const struct world_association *association)
{
        if (!association)
                return json_null();
        return json_pack("{s:s, s:s, s:i}", "id", association->id, "trunk", association->trunk_id, "vlan",
                         (int)association->vlan);
}

static json_t *cidrs_to_json(const struct prefix *cidrs, size_t n)
{
        json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(array, json_string(PREFIX_TEXT(cidrs[i])));
        return array;
}

static json_t *eni_to_json(const struct world_eni *eni)
{
        json_t *addresses = json_array(), *groups = json_array();

        for (size_t i = 0; i < eni->n_addresses; i++)
                json_array_append_new(addresses, json_string(IP_TEXT(eni->addresses[i].ip)));
        for (size_t i = 0; i < eni->n_groups; i++)
                json_array_append_new(groups, json_string(eni->groups[i].id));
        return json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", eni->id, "type",
                eni->type, "subnet_id", eni->subnet_id, "mac", eni->mac, "status", world_eni_status(eni),
                "description", eni->description, "attachment", attachment_to_json(eni->attachment),
                "association", association_to_json(eni->association), "addresses", addresses, "prefixes",
                cidrs_to_json(eni->prefixes, eni->n_prefixes), "ipv6", cidrs_to_json(eni->ipv6, eni->n_ipv6),
                "groups", groups, "tags", tags_to_json(eni->tags, eni->n_tags));
}

static int dump_subnets(struct world *world, struct arena *arena, json_t *array, struct err *err)
{
        struct world_subnet *subnets;
        int64_t next;
        size_t n;
        int r;

        r = world_find_subnets(world, &(struct world_query){0}, arena, &subnets, &n, &next, err);
        for (size_t i = 0; r == 0 && i < n; i++)
                json_array_append_new(array, json_pack("{s:s, s:s, s:s?, s:s, s:i}", "id", subnets[i].id,
                                                       "cidr", subnets[i].cidr, "ipv6_cidr",
                                                       subnets[i].ipv6_cidr, "zone", subnets[i].zone,
                                                       "free_addresses", (int)subnets[i].free_addresses));
        return r;
}

static int dump_nodes(struct world *world, struct arena *arena, json_t *array, struct err *err)
{
        struct world_instance *nodes;
        int64_t next;
        size_t n;
        int r;

        r = world_find_instances(world, &(struct world_query){0}, arena, &nodes, &n, &next, err);
        for (size_t i = 0; r == 0 && i < n; i++)
                json_array_append_new(array, world_node_to_json(&nodes[i]));
        return r;
}

static int dump_enis(struct world *world, struct arena *arena, json_t *array, struct err *err)
{
        struct world_eni *enis;
        int64_t next;
        size_t n;
        int r;

        r = world_find_enis(world, &(struct world_query){0}, arena, &enis, &n, &next, err);
        for (size_t i = 0; r == 0 && i < n; i++)
                json_array_append_new(array, eni_to_json(&enis[i]));
        return r;
}

json_t *world_dump(struct world *world)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        json_t *subnets = json_array(), *nodes = json_array(), *enis = json_array();
        struct err err;

        if (dump_subnets(world, arena, subnets, &err) < 0 || dump_nodes(world, arena, nodes, &err) < 0 ||
            dump_enis(world, arena, enis, &err) < 0)
                world_note_failure(world, &err);
        return json_pack("{s:o, s:o, s:o}", "subnets", subnets, "nodes", nodes, "enis", enis);
}

/*
 * Each statement finds the rows that break one rule and says which. Much of this the tables forbid; it is looked for all
 * the same, since a checker that trusts what it checks finds nothing.
 */
static const char *const rules[] = {
        "SELECT ip || ' has ' || count(*) || ' owners' FROM address GROUP BY vpc, number HAVING count(*) > 1",
        "SELECT ip || ' of ' || eni || ' is in what another one has' FROM (SELECT ip, eni, number, max(last) "
        "OVER "
        "(PARTITION BY vpc ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM "
        "address) WHERE number <= before",
        "SELECT a.ip || ' of ' || a.eni || ' is not trusted''s' FROM address a JOIN eni e ON e.id = a.eni "
        "JOIN "
        "taken t ON t.subnet = e.subnet AND t.number BETWEEN a.number AND a.last",
        "SELECT a.cidr || ' of ' || a.eni || ' is in ' || b.cidr || ' of ' || b.eni FROM ipv6 b JOIN ipv6 a "
        "ON "
        "a.subnet = b.subnet AND a.block = b.block AND a.seq <> b.seq WHERE b.host IS NULL",
        "SELECT v.cidr || ' of ' || v.eni || ' is of another subnet' FROM ipv6 v JOIN eni e ON e.id = v.eni "
        "WHERE "
        "v.subnet <> e.subnet",
        "SELECT t.eni || ' has more IPv6 addresses than ' || i.type || ' takes' FROM attachment t JOIN "
        "instance i "
        "ON i.id = t.instance WHERE (SELECT count(*) FROM ipv6 v WHERE v.eni = t.eni) > i.ipv4_per_eni",
        "SELECT a.ip || ' of ' || a.eni || ' is not in its subnet ' || s.cidr FROM address a JOIN eni e ON "
        "e.id = a.eni"
        " JOIN subnet s ON s.id = e.subnet WHERE a.number < s.first OR a.last > s.last",
        "SELECT a.ip || ' of ' || a.eni || ' is reserved' FROM address a JOIN eni e ON e.id = a.eni JOIN "
        "subnet s"
        " ON s.id = e.subnet WHERE a.number < s.first + 4 OR a.last = s.last",
        "SELECT e.id || ' has ' || count(a.seq) || ' primary addresses' FROM eni e LEFT JOIN address a ON "
        "a.eni = e.id"
        " AND a.is_primary GROUP BY e.id HAVING count(a.seq) <> 1",
        "SELECT t.eni || ' has more addresses than ' || i.type || ' takes' FROM attachment t JOIN instance i "
        "ON"
        " i.id = t.instance WHERE (SELECT count(*) FROM address a WHERE a.eni = t.eni) > i.ipv4_per_eni",
        "SELECT i.name || ' has more ENIs than ' || i.type || ' takes' FROM instance i WHERE"
        " (SELECT count(*) FROM attachment t WHERE t.instance = i.id) > i.max_enis",
        "SELECT i.name || ' has no primary ENI' FROM instance i WHERE NOT EXISTS (SELECT 1 FROM attachment t "
        "WHERE"
        " t.instance = i.id AND t.device_index = 0 AND t.status = 'attached')",
        "SELECT t.eni || ' is attached in another zone' FROM attachment t JOIN eni e ON e.id = t.eni JOIN "
        "subnet s ON"
        " s.id = e.subnet JOIN instance i ON i.id = t.instance JOIN subnet n ON n.id = i.subnet WHERE s.zone "
        "<> n.zone",
        "SELECT eni || ' is attached without a link' FROM attachment WHERE status = 'attached' AND NOT "
        "has_link",
        "SELECT eni || ' has a link before it is attached' FROM attachment WHERE status = 'attaching' AND "
        "has_link",
        "SELECT o.branch || ' is a branch of ' || o.trunk || ', which is no trunk' FROM trunk_association o "
        "JOIN eni e ON e.id = o.trunk WHERE e.type <> 'trunk'",
        "SELECT o.branch || ' is a branch and attached' FROM trunk_association o JOIN attachment t ON t.eni "
        "= "
        "o.branch",
        "SELECT i.name || ' has more branches than ' || i.type || ' takes' FROM instance i WHERE (SELECT "
        "count(*) FROM trunk_association o JOIN attachment t ON t.eni = o.trunk WHERE t.instance = i.id) > "
        "i.max_branches",
        "SELECT ip || ' has a public address and is not a primary one' FROM address WHERE public IS NOT NULL "
        "AND NOT"
        " is_primary",
};

static int check_rule(struct world *world, const char *rule, json_t *violations, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err, rule);
        if (r < 0)
                return r;
        while ((r = db_next(statement, err)) > 0 && json_array_size(violations) < MAX_VIOLATIONS)
                json_array_append_new(violations,
                                      json_string((const char *)sqlite3_column_text(statement, 0)));
        return r < 0 ? r : 0;
}

json_t *world_check(struct world *world)
{
        json_t *violations = json_array();
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                if (check_rule(world, rules[i], violations, &err) < 0)
                        world_note_failure(world, &err);
        json_array_extend(violations, world->failures);
        return violations;
}
