// SPDX-License-Identifier: Apache-2.0
#include "cloud/profile_settings.h"

#include <string.h>
#include <strings.h>

#include "client/http.h"
#include "cloud/profile_file.h"
#include "cloud/provider.h"

struct reading {
        enum profile_file file;
        const char *name, *path;
        struct arena *arena;
        const char *region, *endpoint, *services;
        const char *ec2, *sts; /* of the services section */
};

static int on_value(void *data, const char *section, const char *key, const char *value,
                    struct err *err _unused_)
{
        struct reading *reading = data;
        const struct {
                const char *key, **value;
        } wanted[] = {
                {"region", &reading->region},
                {"endpoint_url", &reading->endpoint},
                {"services", &reading->services},
        };

        if (!profile_file_is_profile(reading->file, section, reading->name) || !*value)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                if (strcmp(wanted[i].key, key) == 0)
                        *wanted[i].value = arena_strdup(reading->arena, value);
        }
        return 0;
}

/* The profile may stand behind the section that it names: that one is read in a second pass. */
static int on_nested(void *data, const char *section, const char *parent, const char *key, const char *value,
                     struct err *err _unused_)
{
        struct reading *reading = data;

        if (!reading->services || strcmp(key, "endpoint_url") != 0 || !*value ||
            !profile_file_is_section(section, "services", reading->services))
                return 0;
        if (strcmp(parent, "ec2") == 0)
                reading->ec2 = arena_strdup(reading->arena, value);
        if (strcmp(parent, "sts") == 0)
                reading->sts = arena_strdup(reading->arena, value);
        return 0;
}

static int ignore_value(void *data _unused_, const char *section _unused_, const char *key _unused_,
                        const char *value _unused_, struct err *err _unused_)
{
        return 0;
}

static int check_url(const struct reading *reading, const char *url, struct err *err)
{
        _cleanup_free_ char *parsed = NULL, *host = NULL;

        if (!url || http_parse_endpoint(url, &parsed, &host, err) == 0)
                return 0;
        return err_wrap(err, "%s: '%s'", reading->path, reading->name);
}

static int read_file(struct reading *reading, struct profile_settings *settings, struct err *err)
{
        const struct ini_reader first = {.on_value = on_value, .data = reading},
                                second = {.on_value = ignore_value, .on_nested = on_nested, .data = reading};

        if (profile_file_read(reading->path, &first, err) < 0 ||
            (reading->services && profile_file_read(reading->path, &second, err) < 0) ||
            check_url(reading, reading->endpoint, err) < 0 || check_url(reading, reading->ec2, err) < 0 ||
            check_url(reading, reading->sts, err) < 0)
                return -(int)err->code;
        settings->region = reading->region ?: settings->region;
        settings->ec2_endpoint = reading->ec2 ?: reading->endpoint ?: settings->ec2_endpoint;
        settings->sts_endpoint = reading->sts ?: reading->endpoint ?: settings->sts_endpoint;
        return 0;
}

int profile_settings_read(struct arena *arena, struct profile_settings *ret, struct err *err)
{
        static const enum profile_file order[] = {PROFILE_FILE_CONFIG, PROFILE_FILE_CREDENTIALS};
        const char *ignore = provider_env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), *name;
        struct profile_settings settings = {0};
        bool named;
        int r;

        r = profile_file_name(&name, &named, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
                _cleanup_free_ char *path = profile_file_path(order[i]);
                struct reading reading = {.file = order[i], .name = name, .path = path, .arena = arena};

                if (path && read_file(&reading, &settings, err) < 0)
                        return -(int)err->code;
        }
        if (ignore && strcasecmp(ignore, "true") == 0)
                settings.ec2_endpoint = settings.sts_endpoint = NULL;
        *ret = settings;
        return 0;
}
