// SPDX-License-Identifier: Apache-2.0
/* Tags, of any object. */
#include <string.h>

#include "world_private.h"

enum { MAX_KEY_CHARACTERS = 128, MAX_VALUE_CHARACTERS = 256 };

/* UTF-8 characters, not bytes: EC2 counts those. */
static size_t count_characters(const char *text)
{
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

static int check_tag(struct world *world, const struct world_tag *tag, struct err *err)
{
        if (tag->key[0] == '\0' || count_characters(tag->key) > MAX_KEY_CHARACTERS)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Tag key must have 1 to %d characters", MAX_KEY_CHARACTERS);
        if (strncmp(tag->key, "aws:", 4) == 0)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Tag keys starting with 'aws:' are reserved for internal use");
        if (count_characters(tag->value ?: "") > MAX_VALUE_CHARACTERS)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "Tag value exceeds the maximum length of %d characters",
                                    MAX_VALUE_CHARACTERS);
        return 0;
}

int world_write_tags(struct world *world, const char *id, const struct world_tag *tags, size_t n,
                     struct err *err)
{
        int64_t count;
        int r;

        for (size_t i = 0; i < n; i++)
                if ((r = check_tag(world, &tags[i], err)) < 0 ||
                    (r = DB_RUN(world->db, err, "REPLACE INTO tag (resource, key, value) VALUES (?, ?, ?)",
                                DB_TEXT(id), DB_TEXT(tags[i].key), DB_TEXT(tags[i].value ?: ""))) < 0)
                        return r;
        r = DB_READ_NUMBER(world->db, &count, err, "SELECT count(*) FROM tag WHERE resource = ?",
                           DB_TEXT(id));
        if (r < 0)
                return r;
        if (count > WORLD_MAX_TAGS)
                return world_refuse(world, err, "TagLimitExceeded",
                                    "The maximum number of Tags for a resource has been reached.");
        return 0;
}

/* By its prefix an id says what it is of; an id of nothing is refused with that kind's code. */
static int check_id(struct world *world, const char *id, struct err *err)
{
        static const struct {
                const char *prefix;
                enum world_kind kind;
        } prefixes[] = {
                {"eni-", WORLD_ENI},  {"subnet-", WORLD_SUBNET}, {"vpc-", WORLD_VPC},
                {"sg-", WORLD_GROUP}, {"i-", WORLD_INSTANCE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
                if (strncmp(id, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
                        return world_exists(world, prefixes[i].kind, id, err);
        return world_refuse(world, err, "InvalidID", "The ID '%.64s' is not valid", id);
}

int world_create_tags(struct world *world, const char *const *ids, size_t n_ids, const struct world_tag *tags,
                      size_t n_tags, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int r;

        r = db_begin(world->db, &transaction, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_ids; i++)
                if ((r = check_id(world, ids[i], err)) < 0 ||
                    (r = world_write_tags(world, ids[i], tags, n_tags, err)) < 0)
                        return r;
        return db_commit(&transaction, err);
}

int world_delete_tags(struct world *world, const char *const *ids, size_t n_ids, const struct world_tag *tags,
                      size_t n_tags, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        int r;

        r = db_begin(world->db, &transaction, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_ids; i++) {
                r = check_id(world, ids[i], err);
                if (r == 0 && n_tags == 0)
                        r = DB_RUN(world->db, err, "DELETE FROM tag WHERE resource = ?", DB_TEXT(ids[i]));
                for (size_t j = 0; j < n_tags && r == 0; j++)
                        r = DB_RUN(
                                world->db, err,
                                "DELETE FROM tag WHERE resource = ? AND key = ? AND value = ifnull(?, value)",
                                DB_TEXT(ids[i]), DB_TEXT(tags[j].key), DB_TEXT(tags[j].value));
                if (r < 0)
                        return r;
        }
        return db_commit(&transaction, err);
}
