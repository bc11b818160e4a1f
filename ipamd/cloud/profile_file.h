// SPDX-License-Identifier: Apache-2.0
/*
 * The two shared files of the AWS CLI and SDKs, and the profile that AWS_PROFILE names. Both may hold secrets: what is read
 * of them is wiped, and no error quotes it.
 */
#ifndef IPAMD_CLOUD_PROFILE_FILE_H
#define IPAMD_CLOUD_PROFILE_FILE_H

#include <stdbool.h>

#include "cloud/ini.h"

enum profile_file {
        PROFILE_FILE_CREDENTIALS, /* AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials */
        PROFILE_FILE_CONFIG,      /* AWS_CONFIG_FILE, ~/.aws/config */
        _PROFILE_FILE_MAX,
};

/* AWS_PROFILE, else "default". *ret_named says which. ERR_INVALID when it is too long. */
int profile_file_name(const char **ret, bool *ret_named, struct err *err);

/* Where the file is; NULL where that cannot be said. Owned by the caller. */
char *profile_file_path(enum profile_file file);

/* Whether the section is `kind` NAME, as "profile NAME" and "services NAME"; NAME may be quoted. */
bool profile_file_is_section(const char *section, const char *kind, const char *name);
/* Whether the section is the profile's: in the config file they are called "profile NAME", but for the default one. */
bool profile_file_is_profile(enum profile_file file, const char *section, const char *name);

/* Reads the file at the path. One that is not there says nothing. Errors name path and line. */
int profile_file_read(const char *path, const struct ini_reader *reader, struct err *err);

#endif
