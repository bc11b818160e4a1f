// SPDX-License-Identifier: Apache-2.0
/*
 * Trunk and branch ENIs. A branch is attached to no instance: an association gives it a VLAN on a trunk. What EC2 allows of
 * them it tells nobody; the limits are those of the VPC resource controller (its limits.go), by the shape of the type.
 */
#include <fnmatch.h>
#include <string.h>

#include "fabric.h"
#include "world_private.h"

/* Instances that take no trunk: all of these families but their bare metal. */
static bool takes_trunk(const char *type)
{
        static const char *const none[] = {"t[1-4]*", "m[1-4].*", "c[134].*", "r[34].*", "x1.*", "x1e.*",
                                           "i[23].*", "d2.*",     "h1.*",     "p[23].*", "f1.*", "g2.*"};

        for (size_t i = 0; i < ARRAY_SIZE(none); i++)
                if (fnmatch(none[i], type, 0) == 0)
                        return strstr(type, ".metal");
        return true;
}

unsigned world_max_branches(const char *type, unsigned max_enis, unsigned ipv4_per_eni)
{
        static const struct {
                const char *type;
                unsigned max_enis, ipv4_per_eni, branches; /* ipv4_per_eni 0: any */
        } shapes[] = {
                {"*", 2, 4, 4},    {"*", 3, 0, 9},    {"*.2xlarge", 4, 0, 38}, {"*", 4, 0, 18},
                {"*", 8, 0, 54},   {"*", 10, 30, 52}, {"*", 10, 50, 82},       {"*", 12, 50, 110},
                {"*", 15, 0, 107}, {"*", 16, 0, 106}, {"*", 24, 0, 98},
        };

        for (size_t i = 0; i < ARRAY_SIZE(shapes) && takes_trunk(type); i++)
                if (shapes[i].max_enis == max_enis &&
                    (!shapes[i].ipv4_per_eni || shapes[i].ipv4_per_eni == ipv4_per_eni) &&
                    fnmatch(shapes[i].type, type, 0) == 0)
                        return shapes[i].branches;
        return 0;
}

int world_load_association(struct world *world, const char *column, const char *id, struct arena *arena,
                           struct world_association *ret, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        const char *sql = arena_printf(
                arena, "SELECT id, trunk, branch, vlan FROM trunk_association WHERE %s = ?", column);
        int r;

        r = DB_PREPARE(world->db, &statement, err, sql, DB_TEXT(id));
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no association of %s", id);
        *ret = (struct world_association){
                .id = db_column_text(statement, 0, arena),
                .trunk_id = db_column_text(statement, 1, arena),
                .branch_id = db_column_text(statement, 2, arena),
                .vlan = (unsigned)sqlite3_column_int(statement, 3),
        };
        return 0;
}

int world_find_associations(struct world *world, const struct world_query *query, struct arena *arena,
                            struct world_association **ret, size_t *ret_n, int64_t *ret_next, struct err *err)
{
        struct world_association *list;
        int64_t *places;
        const char *id;
        size_t n;
        int r;

        r = world_find_places(world, WORLD_ASSOCIATION, query, arena, &places, &n, ret_next, err);
        if (r < 0)
                return r;
        list = ARENA_ARRAY(arena, struct world_association, n);
        for (size_t i = 0; i < n; i++)
                if ((r = DB_READ_TEXT(world->db, arena, &id, err,
                                      "SELECT id FROM trunk_association WHERE seq = ?",
                                      DB_NUMBER(places[i]))) < 0 ||
                    (r = world_load_association(world, "id", id, arena, &list[i], err)) < 0)
                        return r;
        *ret = list;
        *ret_n = n;
        return 0;
}

/* More branches than the instance takes, on a trunk with that many. A trunk that is attached nowhere may have any number. */
static int check_limit(struct world *world, const char *instance_id, int64_t n, struct err *err)
{
        int64_t limit;
        int r;

        r = DB_READ_NUMBER(world->db, &limit, err, "SELECT max_branches FROM instance WHERE id = ?",
                           DB_TEXT(instance_id));
        if (r < 0)
                return r;
        if (n > limit)
                return world_refuse(world, err, "AttachmentLimitExceeded",
                                    "Branch interface count %lld exceeds the limit of instance %s",
                                    (long long)n, instance_id);
        return 0;
}

int world_check_trunk_attach(struct world *world, const char *eni_id, const char *instance_id,
                             struct arena *arena, struct err *err)
{
        int64_t limit, n;
        struct world_eni eni;
        int r;

        if ((r = world_load_eni(world, eni_id, false, arena, &eni, err)) < 0 ||
            (r = DB_READ_NUMBER(world->db, &limit, err, "SELECT max_branches FROM instance WHERE id = ?",
                                DB_TEXT(instance_id))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &n, err, "SELECT count(*) FROM trunk_association WHERE trunk = ?",
                                DB_TEXT(eni_id))) < 0)
                return r;
        if (strcmp(eni.type, "branch") == 0)
                return world_refuse(world, err, "InvalidNetworkInterface.InUse",
                                    "Interface: [%s] is a branch interface.", eni_id);
        if (strcmp(eni.type, "trunk") != 0)
                return 0;
        if (limit == 0)
                return world_refuse(world, err, "InvalidParameterCombination",
                                    "Instance '%s' does not support trunk network interfaces.", instance_id);
        return check_limit(world, instance_id, n, err);
}

/* Both ends of an association that is asked for. */
struct ends {
        struct world_eni trunk, branch;
};

static int check_ends(struct world *world, const struct ends *ends, struct err *err)
{
        if (strcmp(ends->trunk.type, "trunk") != 0)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Network interface '%s' is not a trunk interface.", ends->trunk.id);
        if (strcmp(ends->branch.type, "trunk") == 0)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Network interface '%s' is a trunk interface.", ends->branch.id);
        if (ends->branch.attachment || ends->branch.association)
                return world_refuse(world, err, "InvalidNetworkInterface.InUse", "Interface: [%s] in use.",
                                    ends->branch.id);
        if (strcmp(ends->branch.zone, ends->trunk.zone) != 0)
                return world_refuse(world, err, "InvalidParameterCombination",
                                    "The trunk and branch network interfaces must be in the same"
                                    " availability zone");
        return 0;
}

static int check_vlan(struct world *world, const struct world_eni *trunk, unsigned vlan, struct err *err)
{
        int64_t taken, n;
        int r;

        if (vlan < 1 || vlan > WORLD_MAX_VLAN)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Value (%u) for parameter VlanId is invalid.", vlan);
        if ((r = DB_READ_NUMBER(world->db, &taken, err,
                                "SELECT count(*) FROM trunk_association WHERE trunk = ? AND vlan = ?",
                                DB_TEXT(trunk->id), DB_NUMBER(vlan))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &n, err, "SELECT count(*) FROM trunk_association WHERE trunk = ?",
                                DB_TEXT(trunk->id))) < 0)
                return r;
        if (taken)
                return world_refuse(world, err, "InvalidVlanId.Duplicate", "VlanId '%u' is in use", vlan);
        return trunk->attachment ? check_limit(world, trunk->attachment->instance_id, n + 1, err) : 0;
}

static int plug(struct world *world, const struct world_association *association, struct arena *arena,
                struct err *err)
{
        struct fabric_eni eni;
        struct world_eni branch;
        int r;

        if ((r = world_load_eni(world, association->branch_id, false, arena, &branch, err)) < 0 ||
            (r = world_describe_to_fabric(world, &branch, arena, &eni, err)) < 0)
                return r;
        return fabric_attach_branch(world->fabric, &eni, association->trunk_id, association->vlan, err);
}

static int unplug(struct world *world, const char *branch_id, struct err *err)
{
        bool has_link;
        int r = world_has_link(world, branch_id, &has_link, err);

        return r < 0 || !has_link || !world->fabric ? r : fabric_detach(world->fabric, branch_id, err);
}

int world_plug_branches(struct world *world, const char *trunk_id, struct arena *arena, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT branch, vlan FROM trunk_association WHERE trunk = ?", DB_TEXT(trunk_id));
        while (r >= 0 && (r = db_next(statement, err)) > 0) {
                const struct world_association association = {
                        .trunk_id = trunk_id,
                        .branch_id = db_column_text(statement, 0, arena),
                        .vlan = (unsigned)sqlite3_column_int(statement, 1),
                };

                r = plug(world, &association, arena, err);
        }
        return r;
}

static int insert(struct world *world, const struct world_associate *request,
                  char ret_id[static WORLD_ID_BYTES], struct err *err)
{
        int r;

        world_new_id("trunk-assoc-", ret_id);
        r = DB_RUN(world->db, err,
                   "INSERT INTO trunk_association (id, trunk, branch, vlan) VALUES (?, ?, ?, ?)",
                   DB_TEXT(ret_id), DB_TEXT(request->trunk_id), DB_TEXT(request->branch_id),
                   DB_NUMBER(request->vlan));
        return r < 0 ? r : world_keep_token(world, &request->token, ret_id, err);
}

int world_associate_trunk(struct world *world, const struct world_associate *request, struct arena *arena,
                          struct world_association *ret, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        char id[WORLD_ID_BYTES];
        const char *made;
        struct ends ends;
        bool has_link;
        int r;

        r = world_find_token(world, &request->token, arena, &made, err);
        if (r == 1 && (r = world_exists(world, WORLD_ASSOCIATION, made, err)) == 0)
                return world_load_association(world, "id", made, arena, ret, err);
        if (r < 0 || (r = world_exists(world, WORLD_ENI, request->trunk_id, err)) < 0 ||
            (r = world_exists(world, WORLD_ENI, request->branch_id, err)) < 0 ||
            (r = world_load_eni(world, request->trunk_id, false, arena, &ends.trunk, err)) < 0 ||
            (r = world_load_eni(world, request->branch_id, false, arena, &ends.branch, err)) < 0 ||
            (r = check_ends(world, &ends, err)) < 0 ||
            (r = check_vlan(world, &ends.trunk, request->vlan, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0 || (r = insert(world, request, id, err)) < 0 ||
            (r = world_load_association(world, "id", id, arena, ret, err)) < 0 ||
            (r = world_has_link(world, request->branch_id, &has_link, err)) < 0 ||
            (has_link && world->fabric && (r = plug(world, ret, arena, err)) < 0))
                return r;
        return db_commit(&transaction, err);
}

int world_disassociate_trunk(struct world *world, const char *id, const struct world_token *token,
                             struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_transaction_ struct db_transaction transaction = {0};
        struct world_association association;
        const char *made;
        int r;

        r = world_find_token(world, token, arena, &made, err);
        if (r == 1)
                return 0; /* done before */
        if (r < 0 || (r = world_exists(world, WORLD_ASSOCIATION, id, err)) < 0 ||
            (r = world_load_association(world, "id", id, arena, &association, err)) < 0 ||
            (r = unplug(world, association.branch_id, err)) < 0 ||
            (r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM trunk_association WHERE id = ?", DB_TEXT(id))) < 0 ||
            (r = world_keep_token(world, token, id, err)) < 0)
                return r;
        return db_commit(&transaction, err);
}

int world_drop_associations(struct world *world, const char *eni_id, struct err *err)
{
        struct world_association association;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int r = world_load_association(world, "branch", eni_id, arena, &association, err);

        if (r == 0)
                r = unplug(world, eni_id, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
                return r;
        return DB_RUN(world->db, err, "DELETE FROM trunk_association WHERE trunk = ? OR branch = ?",
                      DB_TEXT(eni_id), DB_TEXT(eni_id));
}
