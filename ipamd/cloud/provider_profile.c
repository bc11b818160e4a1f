// SPDX-License-Identifier: Apache-2.0
/*
 * The shared files (~/.aws/credentials, then ~/.aws/config) and the profile that AWS_PROFILE names. Static keys only. A
 * profile that asks for more is refused by name: falling through to other credentials would hide that it is not obeyed.
 */
#include <stdbool.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "cloud/profile_file.h"
#include "cloud/provider.h"

/* What a file says of the profile. */
struct profile {
        const char *name;
        enum profile_file file;
        struct secret *secret; /* the static keys, as far as they are there */
        bool found;
        const char *refused, *refused_with_keys; /* the first key that asks for more */
};

static const struct {
        const char *key;
        bool with_keys; /* asks for more even where there are static keys beside it */
} refused[] = {
        {"role_arn", .with_keys = true},
        {"credential_process"},
        {"sso_session"},
        {"sso_start_url"},
        {"login_session"},
};

static bool is_ours(const struct profile *profile, const char *section)
{
        return profile_file_is_profile(profile->file, section, profile->name);
}

static void on_section(void *data, const char *section)
{
        struct profile *profile = data;

        profile->found = profile->found || is_ours(profile, section);
}

static int on_value(void *data, const char *section, const char *key, const char *value, struct err *err)
{
        struct profile *profile = data;
        struct secret *s = profile->secret;
        const struct {
                const char *key;
                char *field;
                size_t bytes;
        } fields[] = {
                {"aws_access_key_id", s->access_key_id, sizeof(s->access_key_id)},
                {"aws_secret_access_key", s->secret_access_key, sizeof(s->secret_access_key)},
                {"aws_session_token", s->session_token, sizeof(s->session_token)},
        };

        if (!is_ours(profile, section))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                if (strcmp(fields[i].key, key) != 0)
                        continue;
                if (secret_set(fields[i].field, fields[i].bytes, key, value, err) == 0)
                        return 0;
                err->code = ERR_INVALID; /* not a peer's word, but a setting */
                return -ERR_INVALID;
        }
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                if (strcmp(refused[i].key, key) != 0)
                        continue;
                if (refused[i].with_keys)
                        profile->refused_with_keys = refused[i].key;
                profile->refused = refused[i].key;
        }
        return 0;
}

/* 1: it has both keys; 0: none of them. */
static int check(const struct profile *profile, const char *path, struct err *err)
{
        const struct secret *s = profile->secret;

        if (profile->refused_with_keys)
                return err_set(err, ERR_UNSUPPORTED, "%s: '%s' needs %s, which is not supported; %s", path,
                               profile->name, profile->refused_with_keys,
                               "use static keys, or give the node a role");
        if (*s->access_key_id && *s->secret_access_key)
                return 1;
        if (*s->access_key_id || *s->secret_access_key)
                return err_set(err, ERR_DENIED, "%s: '%s' has no %s", path, profile->name,
                               *s->access_key_id ? "aws_secret_access_key" : "aws_access_key_id");
        if (profile->refused)
                return err_set(err, ERR_UNSUPPORTED, "%s: '%s' needs %s, which is not supported; %s", path,
                               profile->name, profile->refused, "use static keys, or give the node a role");
        return 0;
}

/* As fetch(), for one file. *found becomes true when the profile is in it. */
static int fetch_from_file(enum profile_file file, const char *name, struct secret *secret, bool *found,
                           struct err *err)
{
        _cleanup_(secret_freep) struct secret *scratch = secret_new();
        _cleanup_free_ char *path = profile_file_path(file);
        struct profile profile = {.name = name, .file = file, .secret = scratch};
        const struct ini_reader reader = {.on_value = on_value, .on_section = on_section, .data = &profile};
        int r;

        if (!path)
                return 0;
        r = profile_file_read(path, &reader, err);
        if (r < 0)
                return r;
        *found = *found || profile.found;
        r = check(&profile, path, err);
        if (r > 0)
                *secret = *scratch;
        return r;
}

static int fetch(struct provider_context *context, struct secret *secret, struct err *err)
{
        bool named, found = false;
        const char *name;
        int r;

        r = profile_file_name(&name, &named, err);
        if (r < 0)
                return r;
        for (int file = 0; file < _PROFILE_FILE_MAX; file++) {
                r = fetch_from_file((enum profile_file)file, name, secret, &found, err);
                if (r != 0)
                        return r;
        }
        if (named && !found)
                return err_set(err, ERR_DENIED, "AWS_PROFILE names '%s', which is in none of the files",
                               name);
        return provider_skip(context, found ? "'%s' has no keys" : "there is no '%s'", name);
}

const struct provider provider_profile = {"profile", fetch};
