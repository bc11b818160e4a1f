// SPDX-License-Identifier: Apache-2.0
/* Copies of secrets that we can reach (JSON strings) are wiped; the parser's own scratch buffer is not ours to reach. */
#include "cloud/provider_json.h"

#include <string.h>
#include <time.h>

#include <jansson.h>

#include <vpcwire/mem.h>

#include "cloud/secret.h"

enum { MAX_SHOWN_BYTES = 80 };

static void json_wipe_free(json_t *object)
{
        const char *key;
        json_t *value;

        json_object_foreach(object, key, value)
        {
                if (json_is_string(value))
                        explicit_bzero((void *)(uintptr_t)json_string_value(value),
                                       json_string_length(value));
        }
        json_decref(object);
}
DEFINE_CLEANUP(json_t *, json_wipe_free)

int provider_time_parse(const char *text, int64_t *ret_wall_ms, struct err *err)
{
        struct tm tm = {0};
        const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

        if (end && *end == '.')
                end += 1 + strspn(end + 1, "0123456789");
        if (!end || strcmp(end, "Z") != 0)
                return err_set(err, ERR_PROTOCOL, "Expiration is '%.*s', not like '2026-11-23T12:00:00Z'",
                               MAX_SHOWN_BYTES, text ?: "");
        *ret_wall_ms = (int64_t)timegm(&tm) * 1000;
        return 0;
}

static const char *get_string(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

static int read_object(const json_t *object, bool needs_code, struct secret *secret, struct err *err)
{
        const struct {
                const char *key;
                char *field;
                size_t bytes;
        } fields[] = {
                {"AccessKeyId", secret->access_key_id, sizeof(secret->access_key_id)},
                {"SecretAccessKey", secret->secret_access_key, sizeof(secret->secret_access_key)},
                {"Token", secret->session_token, sizeof(secret->session_token)},
        };
        const char *code = get_string(object, "Code");
        int r;

        if (needs_code && !code)
                return err_set(err, ERR_PROTOCOL, "Code is missing");
        if (needs_code && strcmp(code, "Success") != 0)
                return err_set(err, ERR_DENIED, "Code is '%.*s', not 'Success'", MAX_SHOWN_BYTES, code);
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                r = secret_set(fields[i].field, fields[i].bytes, fields[i].key,
                               get_string(object, fields[i].key), err);
                if (r < 0)
                        return r;
        }
        return provider_time_parse(get_string(object, "Expiration"), &secret->expires_wall_ms, err);
}

int provider_json_read(const char *body, bool needs_code, struct secret *secret, struct err *err)
{
        _cleanup_(json_wipe_freep) json_t *object = NULL;
        json_error_t error;
        size_t n = strlen(body);

        if (n > CREDENTIALS_MAX_JSON_BYTES)
                return err_set(err, ERR_PROTOCOL, "%zu bytes of JSON (at most %d)", n,
                               CREDENTIALS_MAX_JSON_BYTES);
        object = json_loadb(body, n, JSON_REJECT_DUPLICATES, &error);
        /* jansson's own text quotes what it stumbled over, which may be a secret. */
        if (!object)
                return err_set(err, ERR_PROTOCOL, "not JSON: line %d, column %d", error.line, error.column);
        if (!json_is_object(object))
                return err_set(err, ERR_PROTOCOL, "the JSON is not an object");
        return read_object(object, needs_code, secret, err);
}
