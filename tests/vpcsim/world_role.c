// SPDX-License-Identifier: Apache-2.0
/* Roles that STS gives sessions of: which there are, and the keys of a session. */
#include <string.h>

#include <openssl/crypto.h>

#include <vpcwire/clock.h>

#include "world_cruel_private.h"

enum { MAX_ROLES = 100, DEFAULT_DURATION_S = 3600, ROLE_ID_CHARACTERS = 17 };

static int set_role(struct world *world, const json_t *object, struct err *err)
{
        static const char *const known[] = {"role_arn", "web_identity_token", "denied", NULL};
        const char *arn = json_string_value(json_object_get(object, "role_arn"));
        const json_t *token = json_object_get(object, "web_identity_token"),
                     *denied = json_object_get(object, "denied");
        _cleanup_free_ char *patterns = NULL;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int r;

        r = world_refuse_unknown(object, known, "role", err);
        if (r < 0)
                return r;
        if (!arn || strncmp(arn, "arn:", 4) != 0 || !strstr(arn, ":role/"))
                return err_set(err, ERR_INVALID,
                               "role_arn: want a text of the form arn:aws:iam::ID:role/NAME");
        if (token && !json_is_string(token))
                return err_set(err, ERR_INVALID, "web_identity_token: want a text");
        if (denied) {
                r = world_check_patterns(denied, "denied", err);
                if (r < 0)
                        return r;
                patterns = json_dumps(denied, 0);
        }
        return DB_RUN(world->db, err, "INSERT INTO sts_role VALUES (?, ?, ?, ?)", DB_TEXT(arn),
                      DB_TEXT(world_random_text(arena, "AROA", ROLE_ID_CHARACTERS, true)),
                      DB_TEXT(json_string_value(token)), DB_TEXT(patterns));
}

int world_set_sts_roles(struct world *world, const json_t *roles, struct err *err)
{
        _cleanup_transaction_ struct db_transaction transaction = {0};
        const json_t *item;
        size_t i;
        int r;

        if (!json_is_array(roles) || json_array_size(roles) > MAX_ROLES)
                return err_set(err, ERR_INVALID, "sts_roles: want an array of at most %d", MAX_ROLES);
        if ((r = db_begin(world->db, &transaction, err)) < 0 ||
            (r = DB_RUN(world->db, err, "DELETE FROM sts_role")) < 0)
                return r;
        json_array_foreach((json_t *)(uintptr_t)roles, i, item)
        {
                r = set_role(world, item, err);
                if (r < 0)
                        return err_wrap(err, "sts_roles[%zu]", i);
        }
        return db_commit(&transaction, err);
}

/* Whether the role may be assumed in this way; *ret_id is its id. */
static int check_role(struct world *world, const struct world_assume *request, struct arena *arena,
                      const char **ret_id, struct err *err)
{
        const char *action = request->web_identity_token ? "AssumeRoleWithWebIdentity" : "AssumeRole",
                   *token = NULL;
        int r;

        r = DB_READ_TEXT(world->db, arena, ret_id, err, "SELECT id FROM sts_role WHERE arn = ?",
                         DB_TEXT(request->role_arn));
        if (r == 0)
                r = DB_READ_TEXT(world->db, arena, &token, err,
                                 "SELECT web_identity_token FROM sts_role WHERE arn = ?",
                                 DB_TEXT(request->role_arn));
        if (r == -ERR_NOT_FOUND || (r == 0 && request->web_identity_token && !token))
                return world_refuse(world, err, "AccessDenied", "Not authorized to perform sts:%s", action);
        if (r < 0)
                return r;
        if (request->web_identity_token && token &&
            (strlen(token) != strlen(request->web_identity_token) ||
             CRYPTO_memcmp(token, request->web_identity_token, strlen(token)) != 0))
                return world_refuse(world, err, "InvalidIdentityToken",
                                    "The ID Token provided is not a valid JWT. (You may see this error if"
                                    " you sent an Access Token)");
        return 0;
}

/* "arn:aws:iam::123456789012:role/path/NAME" and a session are "arn:aws:sts::123456789012:assumed-role/NAME/SESSION". */
static const char *session_arn(const struct world *world, const struct world_assume *request,
                               struct arena *arena)
{
        const char *name = strrchr(request->role_arn, '/');

        return arena_printf(arena, "arn:aws:sts::%s:assumed-role/%s/%s", world_account(world),
                            name ? name + 1 : request->role_arn, request->session_name);
}

int world_assume_role(struct world *world, const struct world_assume *request, struct arena *arena,
                      struct world_session *ret, struct err *err)
{
        unsigned duration_s = request->duration_s ?: DEFAULT_DURATION_S;
        struct world_session session = {.arn = session_arn(world, request, arena)};
        const char *id;
        int64_t now = world_wall_ms(world);
        int r;

        r = check_role(world, request, arena, &id, err);
        if (r < 0)
                return r;
        if (duration_s > world->options.credentials_ttl_s)
                duration_s = world->options.credentials_ttl_s;
        session.role_id = arena_printf(arena, "%s:%s", id, request->session_name);
        session.keys.issued_ms = now;
        session.keys.expires_ms = now + INT64_C(1000) * duration_s;
        r = world_new_keys(world, NULL, session.arn, arena, &session.keys, err);
        if (r < 0)
                return r;
        *ret = session;
        return 0;
}
