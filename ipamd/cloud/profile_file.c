// SPDX-License-Identifier: Apache-2.0
#include "cloud/profile_file.h"

#include <string.h>

#include <vpcwire/mem.h>

#include "cloud/provider.h"

enum {
        MAX_FILE_BYTES = 256 * 1024,
        MAX_NAME_BYTES = 128,
};

static const struct {
        const char *variable, *in_home;
} files[_PROFILE_FILE_MAX] = {
        [PROFILE_FILE_CREDENTIALS] = {"AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"},
        [PROFILE_FILE_CONFIG] = {"AWS_CONFIG_FILE", ".aws/config"},
};

int profile_file_name(const char **ret, bool *ret_named, struct err *err)
{
        const char *named = provider_env("AWS_PROFILE");

        if (named && strlen(named) > MAX_NAME_BYTES)
                return err_set(err, ERR_INVALID, "AWS_PROFILE has more than %d bytes", MAX_NAME_BYTES);
        *ret = named ?: "default";
        *ret_named = named;
        return 0;
}

char *profile_file_path(enum profile_file file)
{
        const char *path = provider_env(files[file].variable), *home = provider_env("HOME");

        if (path && strncmp(path, "~/", 2) != 0)
                return xstrdup(path);
        if (!home)
                return NULL;
        return xasprintf("%s/%s", home, path ? path + 2 : files[file].in_home);
}

/* "name", "'name'" and "\"name\"" are the same. */
static bool name_equal(const char *written, const char *name)
{
        size_t n = strlen(written);

        if (n >= 2 && (*written == '"' || *written == '\'') && written[n - 1] == *written)
                return strlen(name) == n - 2 && strncmp(written + 1, name, n - 2) == 0;
        return strcmp(written, name) == 0;
}

bool profile_file_is_section(const char *section, const char *kind, const char *name)
{
        size_t n = strlen(kind);

        if (strncmp(section, kind, n) != 0 || (section[n] != ' ' && section[n] != '\t'))
                return false;
        section += n;
        return name_equal(section + strspn(section, " \t"), name);
}

bool profile_file_is_profile(enum profile_file file, const char *section, const char *name)
{
        if (file != PROFILE_FILE_CONFIG || strcmp(section, "default") == 0)
                return strcmp(section, name) == 0;
        return profile_file_is_section(section, "profile", name);
}

int profile_file_read(const char *path, const struct ini_reader *reader, struct err *err)
{
        _cleanup_(secret_text_done) struct text text = {0};
        int r;

        r = secret_read_file(path, MAX_FILE_BYTES, &text, err);
        if (r == -ERR_NOT_FOUND)
                return 0;
        if (r < 0)
                return r;
        r = ini_read(text.text, reader, err);
        if (r < 0)
                (void)err_wrap(err, "%s", path);
        return r;
}
