// SPDX-License-Identifier: Apache-2.0
/* Client tokens: what was made by a request is found again by the same request, and by no other. */
#include <string.h>

#include "world_private.h"

int world_find_token(struct world *world, const struct world_token *token, struct arena *arena,
                     const char **ret_made, struct err *err)
{
        const char *fingerprint;
        int r;

        if (!token->text)
                return 0;
        if (strlen(token->text) > WORLD_TOKEN_CHARACTERS)
                return world_refuse(world, err, "InvalidParameterValue",
                                    "ClientToken must be at most %d characters", WORLD_TOKEN_CHARACTERS);
        r = DB_READ_TEXT(world->db, arena, &fingerprint, err,
                         "SELECT fingerprint FROM client_token WHERE action = ? AND token = ?",
                         DB_TEXT(token->action), DB_TEXT(token->text));
        if (r < 0)
                return r == -ERR_NOT_FOUND ? 0 : r;
        if (strcmp(fingerprint, token->fingerprint) != 0)
                return world_refuse(
                        world, err, "IdempotentParameterMismatch",
                        "Arguments on this idempotent request are inconsistent with arguments used in"
                        " previous request(s).");
        r = DB_READ_TEXT(world->db, arena, ret_made, err,
                         "SELECT made FROM client_token WHERE action = ? AND token = ?",
                         DB_TEXT(token->action), DB_TEXT(token->text));
        return r < 0 ? r : 1;
}

int world_keep_token(struct world *world, const struct world_token *token, const char *made, struct err *err)
{
        if (!token->text)
                return 0;
        return DB_RUN(world->db, err, "INSERT INTO client_token VALUES (?, ?, ?, ?)", DB_TEXT(token->action),
                      DB_TEXT(token->text), DB_TEXT(token->fingerprint), DB_TEXT(made));
}
