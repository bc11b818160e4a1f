// SPDX-License-Identifier: Apache-2.0
#include "migrate/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/file.h>
#include <vpcwire/jsonx.h>

#define ENDING ".json"

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key)) ?: "";
}

static int parse_row(const json_t *row, struct arena *arena, struct import *ret, struct err *err)
{
        const json_t *metadata = json_object_get(row, "metadata");
        const char *ipv4 = text_of(row, "ipv4");
        struct import import = {
                .key = {arena_strdup(arena, text_of(row, "networkName")),
                        arena_strdup(arena, text_of(row, "containerID")),
                        arena_strdup(arena, text_of(row, "ifName"))},
                .pod_namespace = arena_strdup(arena, text_of(metadata, "k8sPodNamespace")),
                .pod_name = arena_strdup(arena, text_of(metadata, "k8sPodName")),
                .since_wall_ms = json_integer_value(json_object_get(row, "allocationTimestamp")) /
                                 CHECKPOINT_NS_IN_A_MS,
        };

        if (!*ipv4)
                return err_set(err, ERR_INVALID,
                               "container '%.64s' has no ipv4 address; IPv6 pods cannot be adopted",
                               import.key.container_id);
        if (ip_parse(ipv4, &import.address, err) < 0)
                return err_wrap(err, "container '%.64s'", import.key.container_id);
        if (!*import.key.container_id)
                return err_set(err, ERR_INVALID, "%s has no containerID", ipv4);
        if (import.since_wall_ms < 0)
                import.since_wall_ms = 0; /* Go's zero time is before 1970 */
        *ret = import;
        return 0;
}

static int parse(const char *text, size_t n, struct arena *arena, struct import *rows, size_t *count,
                 struct err *err)
{
        _cleanup_json_ json_t *root = NULL;
        const json_t *allocations, *row;
        size_t i;

        if (jsonx_parse(text, n, &root, err) < 0)
                return -(int)err->code;
        if (strcmp(text_of(root, "version"), CHECKPOINT_SCHEMA) != 0)
                return err_set(err, ERR_INVALID,
                               "version is '%.32s', only " CHECKPOINT_SCHEMA " is understood",
                               text_of(root, "version"));
        allocations = json_object_get(root, "allocations");
        if (!json_is_array(allocations))
                return err_set(err, ERR_INVALID, "allocations is no list");
        json_array_foreach(allocations, i, row)
        {
                if (*count == CHECKPOINT_ROWS_MAX)
                        return err_set(err, ERR_LIMIT, "more than %d allocations", CHECKPOINT_ROWS_MAX);
                if (parse_row(row, arena, &rows[*count], err) < 0)
                        return err_wrap(err, "allocation %zu", i + 1);
                ++*count;
        }
        return 0;
}

/* The first card's file is the path itself. */
static const char *path_of_card(const char *path, unsigned card, struct arena *arena)
{
        size_t n = strlen(path), ending = strlen(ENDING);

        if (card == 0)
                return path;
        if (n > ending && strcmp(path + n - ending, ENDING) == 0)
                n -= ending;
        return arena_printf(arena, "%.*s-nic-%u" ENDING, (int)n, path, card);
}

int checkpoint_read(const char *path, struct arena *arena, struct import **ret, size_t *ret_n,
                    struct err *err)
{
        struct import *rows = ARENA_ARRAY(arena, struct import, CHECKPOINT_ROWS_MAX);
        size_t count = 0;

        for (unsigned card = 0; card < CHECKPOINT_CARDS_MAX; card++) {
                const char *file = path_of_card(path, card, arena);
                _cleanup_free_ char *text = NULL;
                size_t n;
                int r = file_read(file, CHECKPOINT_FILE_BYTES_MAX, &text, &n, err);

                if (r == -ERR_NOT_FOUND)
                        continue;
                if (r == 0)
                        r = parse(text, n, arena, rows, &count, err);
                if (r < 0)
                        return err_wrap(err, "pods of aws-vpc-cni in %s", file);
        }
        *ret = rows;
        *ret_n = count;
        return 0;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv): two checkpoints of one node need no more to be told apart. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
        const uint64_t prime = 0x100000001b3;

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * prime;
        return hash * prime; /* the NUL, so that "ab", "c" is not "a", "bc" */
}

void checkpoint_print(const struct import *rows, size_t n, char ret[static CHECKPOINT_PRINT_BYTES])
{
        uint64_t hash = 0xcbf29ce484222325;

        for (size_t i = 0; i < n; i++) {
                hash = hash_text(hash, IP_TEXT(rows[i].address));
                hash = hash_text(hash, rows[i].key.container_id);
        }
        snprintf(ret, CHECKPOINT_PRINT_BYTES, "%zu rows, %016" PRIx64, n, hash);
}
