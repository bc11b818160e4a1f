// SPDX-License-Identifier: Apache-2.0
/* Inside config: one row of the table, and what the value of each type may be. */
#ifndef IPAMD_CONFIG_VALUE_H
#define IPAMD_CONFIG_VALUE_H

#include "config.h"

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
        const char *help;
        bool sdk;            /* a name that all AWS SDKs know, not one of aws-vpc-cni */
        const char *differs; /* from aws-vpc-cni's setting of this name, if in anything */
};

/* Checks the value and puts it into the config. ERR_INVALID quotes the value and says what is allowed. */
int setting_take(struct config *config, const struct setting *setting, const char *value, struct err *err);
bool setting_equal(const struct config *a, const struct config *b, const struct setting *setting);
/* The value in its type, but for a URL with a password; NULL: it has none. The caller owns it. */
json_t *setting_json(const struct config *config, const struct setting *setting);

/* As Go's strconv.ParseBool() and so aws-vpc-cni, but for "T" and "F" in either case. False: it is neither. */
bool config_parse_flag(const char *value, bool *ret);

/* A warning about a setting; and forgetting those of one, when a later source has it, too. */
void config_warn(struct config *config, const char *setting, const char *format, ...) _printf_(3, 4);
void config_forget_warnings(struct config *config, const char *setting);

/* A paragraph of --help, and a row of deploy/SETTINGS.md (config_print.c). */
void setting_print(FILE *to, const struct setting *setting);
void setting_print_row(FILE *to, const struct setting *setting);

/* How many characters must change to make one name the other (Levenshtein). */
unsigned setting_name_distance(const char *a, const char *b);

#endif
