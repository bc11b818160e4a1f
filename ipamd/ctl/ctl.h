// SPDX-License-Identifier: Apache-2.0
/*
 * ipamctl: asks ipamd over its socket and shows the answer, as text for people or as the JSON that came. All but main()
 * is here, with its streams given, so that tests can read what it prints.
 */
#ifndef IPAMD_CTL_CTL_H
#define IPAMD_CTL_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include <vpcwire/ipam_client.h>
#include <vpcwire/jsonx.h>

enum ctl_exit {
        CTL_OK = 0,
        CTL_NO = 1, /* the daemon says no, or is not there */
        CTL_USAGE = 2,
        CTL_WARNINGS = 3, /* doctor: something should be looked at */
        CTL_BROKEN = 4,   /* doctor: something is broken */
};

enum { CTL_TIMEOUT_MS = 5000 };

/* What to type next where the daemon fails: said with each such failure. */
#define CTL_NEXT "ipamctl doctor"

enum ctl_daemon {
        CTL_DAEMON_ANSWERS,
        CTL_DAEMON_DOWN,   /* nothing listens */
        CTL_DAEMON_SILENT, /* it listens, and does not answer */
};

struct ctl {
        FILE *out, *err;
        bool colours;
        unsigned columns; /* of the terminal; 0: no limit */
        const char *socket_path;
        const char *conf_path; /* the file of ipamd's settings; NULL: the usual one (ctl_conf_path()) */
        const char *db_path, *veth_prefix,
                *root;     /* of doctor and bundle. root: the host's files are under it; NULL is / */
        bool in_container; /* the files under / are not the host's */
        const char *conf_folder, *bin_folder; /* in a container: where the CNI's are mounted; NULL: nowhere */
        bool json;
        const char *output;   /* a file; NULL: `out`, or where the command says */
        bool cancel;          /* of export: takes the last one back */
        bool all;             /* of doctor: what is well, too */
        const char *argument; /* what followed the command's name; NULL: nothing */
        long events_max;      /* of watch: stop after so many; 0: never */
        long last;            /* of events: so many at most; 0: not said */
        int64_t since_ms;     /* of events: not older, wall clock; 0: not said */
        struct {
                enum ctl_daemon daemon; /* unless it answers, what is shown is its database's */
                int64_t written_ms;     /* when it wrote that last, wall clock */
        } offline;
};

/* The whole program. Options override what is in *ctl (socket_path must be set to the default). */
enum ctl_exit ctl_run(struct ctl *ctl, int argc, char **argv);

/* One function per command, in its own file. Each connects where it must. */
enum ctl_exit ctl_status(struct ctl *ctl);
enum ctl_exit ctl_pods(struct ctl *ctl);
enum ctl_exit ctl_enis(struct ctl *ctl);
enum ctl_exit ctl_imports(struct ctl *ctl);
enum ctl_exit ctl_export(struct ctl *ctl);
enum ctl_exit ctl_watch(struct ctl *ctl);
enum ctl_exit ctl_events(struct ctl *ctl);
enum ctl_exit ctl_explain(struct ctl *ctl);
enum ctl_exit ctl_log_level(struct ctl *ctl);
enum ctl_exit ctl_bundle(struct ctl *ctl);
enum ctl_exit ctl_version(struct ctl *ctl);
enum ctl_exit ctl_health(struct ctl *ctl);
enum ctl_exit ctl_doctor(struct ctl *ctl);

/* Connects. The error is for people. */
int ctl_try_connect(struct ctl *ctl, struct ipam_client **ret, struct err *err);
/* The same, and says why not. */
int ctl_connect(struct ctl *ctl, struct ipam_client **ret);
/* The file of ipamd's settings: where VPCWIRE_CONF says, else the usual one, below --root. The caller owns it. */
char *ctl_conf_path(const struct ctl *ctl);
/* "ipamctl: ...", and CTL_NO. */
enum ctl_exit ctl_fail(struct ctl *ctl, const struct err *err);
/* The same for what the daemon does not do: with the next command. */
enum ctl_exit ctl_fail_next(struct ctl *ctl, const struct err *err);
/* Prints it, indented or on one line, and lets it go. Where it is the database's, that is in it. */
void ctl_put_json(struct ctl *ctl, json_t *json, bool one_line);
/* The reply as it came. */
void ctl_print_json(struct ctl *ctl, enum ipam_method_id id, const void *reply, bool one_line);

/* One event on one line. */
void ctl_show_event(struct ctl *ctl, const struct ipam_event *event);

#endif
