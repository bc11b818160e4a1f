// SPDX-License-Identifier: Apache-2.0
/* Inside config: the table of settings. A row says all that is known of one: type, default, range, whether SIGHUP takes it. */
#ifndef IPAMD_CONFIG_TABLE_H
#define IPAMD_CONFIG_TABLE_H

#include "config/config.h"

enum setting_type {
        SETTING_NUMBER,      /* unsigned, minimum..maximum */
        SETTING_TEXT,        /* printable, at most 255 bytes */
        SETTING_PATH,        /* absolute */
        SETTING_BIND,        /* ADDRESS:PORT or unix:/PATH, as bind_parse() says */
        SETTING_SOCKET,      /* absolute, and short enough for a unix socket's address */
        SETTING_FILE_NAME,   /* NAME.conflist, no folder */
        SETTING_URL,         /* http:// or https:// */
        SETTING_VETH_PREFIX, /* 1..4 characters, no prefix of other kinds of links */
        SETTING_TAGS,        /* a JSON object of strings */
        SETTING_BOOL,        /* true or false */
        SETTING_FLAG,        /* true or false, and the short forms that aws-vpc-cni takes: t, f, 1, 0 */
        SETTING_IP_MODE,     /* IPv4 or IPv6; a bool, true for IPv6 */
        SETTING_LOG_LEVEL,
        SETTING_LOG_FORMAT,
        SETTING_CIDRS,      /* IPv4 CIDRs with commas in between */
        SETTING_MARK,       /* a number, also hexadecimal, without bits that are taken */
        SETTING_SNAT_PORTS, /* prng, hashrandom or none; all else is prng */
};

struct setting {
        const char *name;
        enum setting_type type;
        size_t offset;       /* of the value in struct config */
        const char *initial; /* NULL: unset */
        unsigned minimum, maximum;
        size_t has;        /* of the bool that tells a set 0 from an unset value; 0: none */
        bool low_is_unset; /* a whole number below the minimum is as unset, with a warning: aws-vpc-cni ignores it */
        bool reloadable;
        const char *second_name, *third_name; /* other environment variables for the same, in this order */
        const char *old_name; /* of an earlier release, in any source: followed, with a warning */
        const char *help;
        bool sdk;            /* a name that all AWS SDKs know, not one of aws-vpc-cni */
        const char *differs; /* from aws-vpc-cni's setting of this name, if in anything */
};

extern const struct setting settings[];
extern const size_t n_settings;

/* Also by its old name. NULL: there is none. */
const struct setting *setting_find(const char *name);
/* The name in the table that is most like this one, and how many characters differ (NULL: not asked). */
const char *setting_nearest(const char *name, unsigned *ret_distance);

#endif
