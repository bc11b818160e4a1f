// SPDX-License-Identifier: Apache-2.0
/*
 * The shared files (~/.aws/credentials, then ~/.aws/config) and the profile that AWS_PROFILE names. Static keys only. A
 * profile that asks for more is refused by name: falling through to other credentials would hide that it is not obeyed.
 */
#include <stdbool.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "cloud/ini.h"
#include "cloud/provider.h"

enum {
        MAX_FILE_BYTES = 256 * 1024,
        MAX_NAME_BYTES = 128,
};

/* What a file says of the profile. */
struct profile {
        const char *name;
        bool is_config; /* sections of the config file are called "profile NAME", but for the default one */
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

/* "name", "'name'" and "\"name\"" are the same. */
static bool name_equal(const char *written, const char *name)
{
        size_t n = strlen(written);

        if (n >= 2 && (*written == '"' || *written == '\'') && written[n - 1] == *written)
                return strlen(name) == n - 2 && strncmp(written + 1, name, n - 2) == 0;
        return strcmp(written, name) == 0;
}

static bool is_ours(const struct profile *profile, const char *section)
{
        static const char prefix[] = "profile";

        if (!profile->is_config || strcmp(section, "default") == 0)
                return strcmp(section, profile->name) == 0;
        if (strncmp(section, prefix, sizeof(prefix) - 1) != 0)
                return false;
        section += sizeof(prefix) - 1;
        if (*section != ' ' && *section != '\t')
                return false;
        return name_equal(section + strspn(section, " \t"), profile->name);
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

/* The path that the variable names, else the one in the home folder; NULL where there is none. Owned by the caller. */
static char *find_path(const char *variable, const char *in_home)
{
        const char *path = provider_env(variable), *home = provider_env("HOME");

        if (path && strncmp(path, "~/", 2) != 0)
                return xstrdup(path);
        if (!home)
                return NULL;
        return xasprintf("%s/%s", home, path ? path + 2 : in_home);
}

/* A file that is not there says nothing. */
static int read_file(const char *path, struct profile *profile, struct err *err)
{
        _cleanup_(secret_text_done) struct text text = {0};
        const struct ini_reader reader = {on_value, on_section, profile};
        int r;

        r = secret_read_file(path, MAX_FILE_BYTES, &text, err);
        if (r == -ERR_NOT_FOUND)
                return 0;
        if (r < 0)
                return r;
        r = ini_read(text.text, &reader, err);
        if (r < 0)
                (void)err_wrap(err, "%s", path);
        return r;
}

/* 1: it has both keys; 0: none of them. */
static int check(const struct profile *profile, const char *path, struct err *err)
{
        const struct secret *s = profile->secret;

        if (profile->refused_with_keys)
                return err_set(err, ERR_UNSUPPORTED, "%s: '%s' asks for %s, which is not done here; %s", path,
                               profile->name, profile->refused_with_keys,
                               "give it static keys, or the node a role");
        if (*s->access_key_id && *s->secret_access_key)
                return 1;
        if (*s->access_key_id || *s->secret_access_key)
                return err_set(err, ERR_DENIED, "%s: '%s' has no %s", path, profile->name,
                               *s->access_key_id ? "aws_secret_access_key" : "aws_access_key_id");
        if (profile->refused)
                return err_set(err, ERR_UNSUPPORTED, "%s: '%s' asks for %s, which is not done here; %s", path,
                               profile->name, profile->refused, "give it static keys, or the node a role");
        return 0;
}

/* As fetch(), for one file. *found becomes true when the profile is in it. */
static int fetch_from_file(const char *path, const char *name, bool is_config, struct secret *secret,
                           bool *found, struct err *err)
{
        _cleanup_(secret_freep) struct secret *scratch = secret_new();
        struct profile profile = {.name = name, .is_config = is_config, .secret = scratch};
        int r;

        r = read_file(path, &profile, err);
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
        static const struct {
                const char *variable, *in_home;
                bool is_config;
        } files[] = {
                {"AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", false},
                {"AWS_CONFIG_FILE", ".aws/config", true},
        };
        const char *named = provider_env("AWS_PROFILE"), *name = named ?: "default";
        bool found = false;
        int r;

        if (strlen(name) > MAX_NAME_BYTES)
                return err_set(err, ERR_INVALID, "AWS_PROFILE has more than %d bytes", MAX_NAME_BYTES);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_free_ char *path = find_path(files[i].variable, files[i].in_home);

                r = path ? fetch_from_file(path, name, files[i].is_config, secret, &found, err) : 0;
                if (r != 0)
                        return r;
        }
        if (named && !found)
                return err_set(err, ERR_DENIED, "AWS_PROFILE names '%s', which is in none of the files",
                               name);
        return provider_skip(context, found ? "'%s' has no keys" : "there is no '%s'", name);
}

const struct provider provider_profile = {"profile", fetch};
