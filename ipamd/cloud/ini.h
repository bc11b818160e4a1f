// SPDX-License-Identifier: Apache-2.0
/*
 * The files of the AWS CLI and SDKs: [section], key = value, # and ; comments. Indented lines below a key without a value
 * nest ("ec2 =", "  endpoint_url = ..."); all others continue a value and are skipped. No error quotes a line: it may hold a secret.
 */
#ifndef IPAMD_CLOUD_INI_H
#define IPAMD_CLOUD_INI_H

#include <vpcwire/err.h>

enum { INI_MAX_LINE_BYTES = 32 * 1024 }; /* a session token has its place */

struct ini_reader {
        /* Called for each key in order; a negative return ends the reading with it. Keys before any section are left out. */
        int (*on_value)(void *data, const char *section, const char *key, const char *value, struct err *err);
        /* May be NULL; called for each nested key = value. */
        int (*on_nested)(void *data, const char *section, const char *parent, const char *key,
                         const char *value, struct err *err);
        /* May be NULL; called for each section, those without keys too. */
        void (*on_section)(void *data, const char *section);
        void *data;
};

/* Takes the text apart in place. Keys are made lower case. ERR_INVALID names the line ("line 3: ..."). */
int ini_read(char *text, const struct ini_reader *reader, struct err *err);

#endif
