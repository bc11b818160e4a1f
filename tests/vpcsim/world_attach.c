// SPDX-License-Identifier: Apache-2.0
/*
 * Attachments and their states: attaching -> attached -> detaching -> gone. The link in the node appears with "attached"
 * and vanishes with the end of "detaching"; world_tick() takes each step when it is due.
 */
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>

#include <vpcwire/clock.h>

#include "fabric.h"
#include "world_private.h"

int world_insert_attachment(struct world *world, const char *eni_id, const char *instance_id,
                            unsigned device_index, const char *status, bool delete_on_termination,
                            char ret_id[static WORLD_ID_BYTES], struct err *err)
{
        int64_t now = clock_boottime_ms();
        bool done = strcmp(status, "attached") == 0;

        world_new_id("eni-attach-", ret_id);
        return DB_RUN(
                world->db, err,
                "INSERT INTO attachment (id, eni, instance, device_index, status, delete_on_termination,"
                " attach_wall_ms, due_ms, imds_ms) VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, -1), nullif(?, "
                "-1))",
                DB_TEXT(ret_id), DB_TEXT(eni_id), DB_TEXT(instance_id), DB_NUMBER(device_index),
                DB_TEXT(status), DB_NUMBER(delete_on_termination), DB_NUMBER(clock_wall_ms()),
                DB_NUMBER(done ? -1 : now + world->options.attach_ms), DB_NUMBER(done ? now : -1));
}

int world_has_link(struct world *world, const char *eni_id, bool *ret, struct err *err)
{
        int64_t n;
        int r;

        r = DB_READ_NUMBER(world->db, &n, err,
                           "SELECT count(*) FROM attachment WHERE has_link AND eni IN (?, (SELECT trunk FROM"
                           " trunk_association WHERE branch = ?))",
                           DB_TEXT(eni_id), DB_TEXT(eni_id));
        *ret = r == 0 && n > 0;
        return r;
}

int world_describe_to_fabric(struct world *world, const struct world_eni *eni, struct arena *arena,
                             struct fabric_eni *ret, struct err *err)
{
        const char *cidr;
        struct ip *addresses;
        size_t n = world_list_delivered(eni, arena, &addresses);
        int r;

        r = DB_READ_TEXT(world->db, arena, &cidr, err, "SELECT cidr FROM subnet WHERE id = ?",
                         DB_TEXT(eni->subnet_id));
        if (r < 0)
                return r;
        *ret = (struct fabric_eni){
                .eni_id = eni->id,
                .addresses = addresses,
                .n_addresses = n,
                .ipv6 = eni->ipv6,
                .n_ipv6 = eni->n_ipv6,
                .unchecked = !eni->source_dest_check,
        };
        if ((r = mac_parse(eni->mac, &ret->mac, err)) < 0 || (r = prefix_parse(cidr, &ret->subnet, err)) < 0)
                return r;
        return 0;
}

static int plug_in(struct world *world, const char *eni_id, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct fabric_eni plug;
        struct world_eni eni;
        int r;

        if ((r = world_load_eni(world, eni_id, false, arena, &eni, err)) < 0 ||
            (r = world_describe_to_fabric(world, &eni, arena, &plug, err)) < 0 ||
            (r = DB_READ_TEXT(world->db, arena, &plug.node, err, "SELECT name FROM instance WHERE id = ?",
                              DB_TEXT(eni.attachment->instance_id))) < 0)
                return r;
        plug.device_index = eni.attachment->device_index;
        r = fabric_attach(world->fabric, &plug, err);
        if (r < 0)
                return r;
        r = world_plug_branches(world, eni_id, arena, err);
        if (r < 0)
                (void)fabric_detach(world->fabric, eni_id, NULL);
        return r;
}

int world_plug(struct world *world, const char *eni_id, struct err *err)
{
        int r = world->fabric ? plug_in(world, eni_id, err) : 0;

        if (r < 0)
                return r;
        return DB_RUN(world->db, err, "UPDATE attachment SET has_link = 1 WHERE eni = ?", DB_TEXT(eni_id));
}

/* What forbids this attachment: EC2's checks in EC2's order. */
static int check_attach(struct world *world, const char *eni_id, const char *instance_id,
                        unsigned device_index, struct arena *arena, struct err *err)
{
        const char *type;
        int64_t in_use, taken, same_zone, n_enis, n_addresses, max_enis, max_addresses;
        int r;

        if ((r = world_exists(world, WORLD_ENI, eni_id, err)) < 0 ||
            (r = world_exists(world, WORLD_INSTANCE, instance_id, err)) < 0 ||
            (r = DB_READ_TEXT(world->db, arena, &type, err, "SELECT type FROM instance WHERE id = ?",
                              DB_TEXT(instance_id))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &max_enis, err, "SELECT max_enis FROM instance WHERE id = ?",
                                DB_TEXT(instance_id))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &max_addresses, err,
                                "SELECT ipv4_per_eni FROM instance WHERE id = ?", DB_TEXT(instance_id))) <
                    0 ||
            (r = DB_READ_NUMBER(world->db, &in_use, err, "SELECT count(*) FROM attachment WHERE eni = ?",
                                DB_TEXT(eni_id))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &taken, err,
                                "SELECT count(*) FROM attachment WHERE instance = ? AND device_index = ?",
                                DB_TEXT(instance_id), DB_NUMBER(device_index))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &n_enis, err, "SELECT count(*) FROM attachment WHERE instance = ?",
                                DB_TEXT(instance_id))) < 0 ||
            (r = DB_READ_NUMBER(world->db, &n_addresses, err,
                                "SELECT max((SELECT count(*) FROM address WHERE eni = e.id),"
                                " (SELECT count(*) FROM ipv6 WHERE eni = e.id)) FROM eni e WHERE e.id = ?",
                                DB_TEXT(eni_id))) < 0 ||
            (r = DB_READ_NUMBER(
                     world->db, &same_zone, err,
                     "SELECT (SELECT s.zone FROM eni e JOIN subnet s ON s.id = e.subnet WHERE e.id = ?) ="
                     " (SELECT s.zone FROM instance i JOIN subnet s ON s.id = i.subnet WHERE i.id = ?)",
                     DB_TEXT(eni_id), DB_TEXT(instance_id))) < 0)
                return r;
        if (in_use)
                return world_refuse(world, err, "InvalidNetworkInterface.InUse", "Interface: [%s] in use.",
                                    eni_id);
        if (!same_zone)
                return world_refuse(
                        world, err, "InvalidParameterCombination",
                        "You may not attach a network interface to an instance if they are not in the"
                        " same availability zone");
        if (taken)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Instance '%s' already has an interface attached at device index '%u'.",
                                    instance_id, device_index);
        if (n_enis >= max_enis)
                return world_refuse(world, err, "AttachmentLimitExceeded",
                                    "Interface count %lld exceeds the limit for %s", (long long)n_enis + 1,
                                    type);
        if (n_addresses > max_addresses)
                return world_refuse(world, err, "PrivateIpAddressLimitExceeded",
                                    "Number of private addresses will exceed limit.");
        return 0;
}

int world_attach_eni(struct world *world, const char *eni_id, const char *instance_id, unsigned device_index,
                     struct arena *arena, const char **ret_attachment_id, struct err *err)
{
        char id[WORLD_ID_BYTES];
        int r;

        if (device_index > WORLD_MAX_DEVICE_INDEX)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Value (%u) for parameter deviceIndex is invalid.", device_index);
        if ((r = check_attach(world, eni_id, instance_id, device_index, arena, err)) < 0 ||
            (r = world_check_trunk_attach(world, eni_id, instance_id, arena, err)) < 0 ||
            (r = world_insert_attachment(world, eni_id, instance_id, device_index, "attaching", false, id,
                                         err)) < 0)
                return r;
        *ret_attachment_id = arena_strdup(arena, id);
        world_wake(world);
        return 0;
}

int world_detach_eni(struct world *world, const char *attachment_id, struct err *err)
{
        int64_t index, leaving;
        int r;

        r = DB_READ_NUMBER(world->db, &index, err, "SELECT device_index FROM attachment WHERE id = ?",
                           DB_TEXT(attachment_id));
        if (r == -ERR_NOT_FOUND)
                return world_refuse(world, err, "InvalidAttachmentID.NotFound",
                                    "The networkInterface attachment ID '%.64s' does not exist",
                                    attachment_id);
        if (r < 0)
                return r;
        if (index == 0)
                return world_refuse(world, err, "OperationNotPermitted",
                                    "The network interface at device index 0 cannot be detached.");
        r = DB_READ_NUMBER(world->db, &leaving, err,
                           "SELECT status = 'detaching' FROM attachment WHERE id = ?",
                           DB_TEXT(attachment_id));
        if (r < 0)
                return r;
        if (leaving)
                return world_refuse(world, err, "IncorrectState",
                                    "The network interface attachment '%s' is detaching already.",
                                    attachment_id);
        r = DB_RUN(world->db, err, "UPDATE attachment SET status = 'detaching', due_ms = ? WHERE id = ?",
                   DB_NUMBER(clock_boottime_ms() + world->options.detach_ms), DB_TEXT(attachment_id));
        world_wake(world);
        return r;
}

static int finish_attach(struct world *world, const char *eni_id, struct err *err)
{
        int r;

        r = world_plug(world, eni_id, err);
        if (r < 0)
                return err_wrap(err, "attach %s", eni_id);
        return DB_RUN(world->db, err,
                      "UPDATE attachment SET status = 'attached', due_ms = NULL, imds_ms = ? WHERE eni = ?",
                      DB_NUMBER(clock_boottime_ms() + world->options.imds_lag_ms), DB_TEXT(eni_id));
}

static int finish_detach(struct world *world, const char *eni_id, struct err *err)
{
        int64_t has_link;
        int r;

        r = DB_READ_NUMBER(world->db, &has_link, err, "SELECT has_link FROM attachment WHERE eni = ?",
                           DB_TEXT(eni_id));
        if (r == 0 && has_link && world->fabric)
                r = fabric_detach(world->fabric, eni_id, err);
        if (r < 0)
                return err_wrap(err, "detach %s", eni_id);
        return DB_RUN(world->db, err, "DELETE FROM attachment WHERE eni = ?", DB_TEXT(eni_id));
}

#define NOT_STUCK                                                                                            \
        "NOT EXISTS (SELECT 1 FROM stuck s WHERE s.state = attachment.status AND s.eni IN ('*', "            \
        "attachment.eni))"

/* One step that is due: 1 when there was one, 0 when there was none. */
static int step(struct world *world, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int64_t now = clock_boottime_ms();
        const char *eni_id, *status;
        int r;

        r = DB_READ_TEXT(world->db, arena, &eni_id, err,
                         "SELECT eni FROM attachment WHERE due_ms <= ? AND " NOT_STUCK
                         " ORDER BY due_ms LIMIT 1",
                         DB_NUMBER(now));
        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r;
        r = DB_READ_TEXT(world->db, arena, &status, err, "SELECT status FROM attachment WHERE eni = ?",
                         DB_TEXT(eni_id));
        if (r < 0)
                return r;
        r = strcmp(status, "attaching") == 0 ? finish_attach(world, eni_id, err)
                                             : finish_detach(world, eni_id, err);
        if (r == 0)
                return 1;
        /* Not tried again: a link that cannot be made or taken away stays in its state, and world_check() tells. */
        world_note_failure(world, err);
        r = DB_RUN(world->db, err, "UPDATE attachment SET due_ms = ? WHERE eni = ?", DB_NUMBER(INT64_MAX),
                   DB_TEXT(eni_id));
        return r < 0 ? r : 1;
}

int world_catch_up(struct world *world, struct err *err)
{
        int r;

        while ((r = step(world, err)) > 0)
                continue;
        return r;
}

int world_tick(struct world *world)
{
        eventfd_t count;
        struct err err;
        int64_t due = 0;
        int r;

        (void)eventfd_read(world->wake_fd, &count); /* nothing there is fine: the tables say what is due */
        r = world_catch_up(world, &err);
        if (r == 0)
                r = DB_READ_NUMBER(world->db, &due, &err,
                                   "SELECT min(due_ms) FROM attachment WHERE due_ms < ? AND " NOT_STUCK
                                   " HAVING count(*) > 0",
                                   DB_NUMBER(INT64_MAX));
        if (r == -ERR_NOT_FOUND)
                return -1;
        if (r < 0) {
                world_note_failure(world, &err);
                return -1;
        }
        due -= clock_boottime_ms();
        return due < 0 ? 0 : due > INT_MAX ? INT_MAX : (int)due;
}
