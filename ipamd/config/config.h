// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon's settings: one table (table.c) gives name, type, default, range and meaning of each, another
 * (unsupported.c) those of aws-vpc-cni that we do not have. Sources, later ones win: defaults, the environment
 * (cluster-wide), the file (per node, KEY=value lines). A value that is malformed or contradicts another stops the start,
 * naming the variable, the value and what is allowed. What is understood and not done is a warning.
 */
#ifndef IPAMD_CONFIG_CONFIG_H
#define IPAMD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <vpcwire/err.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "model/egress.h"
#include "model/tag.h"
#include "model/targets.h"

#define CONFIG_PATH_DEFAULT "/etc/vpcwire/ipamd.conf"

enum {
        CONFIG_FILE_BYTES_MAX = 64 * 1024,
        CONFIG_TAGS_MAX = 40, /* EC2 takes 50 per ENI; the rest is ours */
        CONFIG_TAG_KEY_BYTES_MAX = 128,
        CONFIG_TAG_VALUE_BYTES_MAX = 256,
        CONFIG_WARNINGS_MAX = 192,   /* one per setting and per tag; names that are no settings; a reload */
        CONFIG_UNSUPPORTED_MAX = 64, /* rows of the table in unsupported.c */
};

/* What was understood, and is not done, or is done and will not be for ever. */
struct config_warning {
        const char *setting; /* its name in the table, a name that is none, or the file */
        const char *text;    /* begins with the value, and ends with the remedy where there is one */
        bool renamed;        /* it is followed, by its old name */
        bool pending;        /* SIGHUP found another value, which a restart takes */
};

struct config_warnings {
        struct arena *arena; /* holds the texts */
        struct config_warning list[CONFIG_WARNINGS_MAX];
        size_t n;
};

/* The value of a setting of aws-vpc-cni that we do not have; all NULL: unset. */
struct config_unsupported {
        const char *value;
        const char *where; /* "environment variable X", or "FILE:LINE: X" */
};

struct config {
        struct arena *arena; /* holds every string below, but for the warnings' */

        struct pool_targets targets;
        unsigned ip_cooldown_s;
        unsigned orphan_grace_s;
        unsigned resync_period_s;

        unsigned eni_mtu, pod_mtu;
        const char *veth_prefix;
        bool block_imds;
        struct egress egress;
        const char *cluster_name; /* NULL: none */
        bool finds_subnets;
        struct ec2_tag *tags;
        size_t n_tags;

        const char *region;       /* NULL: from IMDS */
        const char *ec2_endpoint; /* NULL: EC2's own */
        const char *sts_endpoint; /* NULL: the region's own */
        bool use_fips, use_dualstack;
        const char *ca_file;       /* NULL: the system's certificates */
        const char *imds_endpoint; /* NULL: the link-local one */
        bool imds_ipv6;            /* ... by IPv6 */
        unsigned http_timeout_s;

        const char *node_name;        /* of the Node in Kubernetes; NULL: not known */
        const char *cluster_endpoint; /* NULL: service_host and service_port */
        const char *service_host;     /* NULL: not in a cluster */
        unsigned service_port;
        const char *account_folder;

        const char *db_path, *socket_path;
        const char *backing_store; /* aws-vpc-cni's checkpoint */
        const char *plugin_path,
                *conflist_path;           /* what `ipamd install` and the daemon put onto the host ... */
        const char *host_bin_folder;      /* ... and where; NULL: not known */
        const char *host_conf_folder;     /* NULL: the conflist is somebody else's to install */
        const char *host_tmpfiles_folder; /* NULL: no rule for the next boot */
        const char *conflist_name;
        bool aws_cni_link;
        const char *sysctl_folder;
        const char *xtables_lock;                      /* of iptables-legacy */
        const char *metrics_bind, *introspection_bind; /* as bind_parse() takes them */
        bool no_metrics, no_introspection;
        enum log_level log_level;
        enum log_format log_format;

        struct config_unsupported unsupported[CONFIG_UNSUPPORTED_MAX]; /* by row */
        struct config_warnings warnings;
};

/* Reads all sources. A missing file is fine. ERR_INVALID names file:line or the variable, the value, what is allowed. */
int config_load(const char *path, struct config **ret, struct err *err);
struct config *config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/* Each warning as a line of the log. */
void config_log_warnings(const struct config *config);

/*
 * SIGHUP: running takes the values that the table calls reloadable from fresh. Returns the names of the other settings whose values
 * differ and so need a restart, NULL behind the last one, in fresh's arena. Warnings go with the values: running has those
 * of what is in force, and one for each of these names. Fresh is only to be freed then.
 */
const char *const *config_take_reloadable(struct config *running, struct config *fresh);
/* SIGHUP: the file could not be taken. A warning about it stands until the next one is. */
void config_reload_refused(struct config *running, const char *path, const struct err *why);

/* Each setting that has a value, with the type that aws-vpc-cni's introspection gives it. The callback owns the value. */
void config_each(const struct config *config, void (*visit)(void *data, const char *name, json_t *value),
                 void *data);

/* Whether a setting is called so: ours, or one of aws-vpc-cni that we know of. Their values are no secrets. */
bool config_knows(const char *name);
/* The table for people: name, default, range, meaning. */
void config_print_help(FILE *to);
/* The same as a Markdown page, with whose name it is (deploy/SETTINGS.md). */
void config_print_markdown(FILE *to);

#endif
