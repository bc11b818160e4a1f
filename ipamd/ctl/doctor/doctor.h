// SPDX-License-Identifier: Apache-2.0
/*
 * ipamctl doctor: looks at everything on this node that the pods' network stands on and says what is wrong, what that breaks
 * and what to do. It changes nothing. It reads the host itself, so that it works while the daemon does not, and asks the
 * daemon for what only that knows. A check is a row of a table; the tables are in the files beside this by theme. What of it
 * all is shown, and in which order, is report.c's.
 */
#ifndef IPAMD_CTL_DOCTOR_H
#define IPAMD_CTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpcwire/ipam.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/rule.h>

#include "ctl/ctl.h"
#include "node/check.h"

enum doctor_verdict {
        DOCTOR_OK,
        DOCTOR_UNCHECKED, /* it could not look: neither good nor bad */
        DOCTOR_WARN,
        DOCTOR_FAIL,
        _DOCTOR_VERDICT_MAX,
};

/* Without which a check cannot look: it is then not run, and unchecked. */
enum doctor_needs {
        DOCTOR_NEEDS_DAEMON = 1 << 0, /* status and list */
        DOCTOR_NEEDS_KERNEL = 1 << 1, /* nl */
        DOCTOR_NEEDS_HOST = 1 << 2,   /* the host's files */
        DOCTOR_NEEDS_HERE = 1 << 3,   /* this is ipamd's network namespace, as far as its ENIs' links tell */
        DOCTOR_NEEDS_WANTED = 1 << 4, /* differences: the kernel was compared with what it should be */
        DOCTOR_NEEDS_ROOT = 1 << 5,
};

/* A check that fails may be the cause of other checks' trouble, from the root of all to the last in line. */
enum doctor_cause {
        DOCTOR_CAUSE_KERNEL = 1 << 0,
        DOCTOR_CAUSE_DATABASE = 1 << 1,
        DOCTOR_CAUSE_DAEMON = 1 << 2,
        DOCTOR_CAUSE_IMDS = 1 << 3,
        DOCTOR_CAUSE_CREDENTIALS = 1 << 4,
        DOCTOR_CAUSE_PERMISSIONS = 1 << 5,
};

struct doctor_finding {
        const char *check;
        enum doctor_verdict verdict;
        const char *found, *breaks, *remedy; /* the last two: NULL where nothing is known to be wrong */
        const struct doctor_check *of;
        const char *
                caused_by; /* the name of the check that has found the cause; NULL: this is none's consequence */
};

struct doctor;

struct doctor_check {
        const char *name;
        void (*run)(struct doctor *doctor); /* silent: all is well */
        const char *well;                   /* what is found then */
        const char *breaks;                 /* what goes wrong where it is not */
        unsigned needs;                     /* enum doctor_needs */
        unsigned is, because;               /* enum doctor_cause: which it is, and which may be behind it */
};

struct doctor_checks {
        const struct doctor_check *checks;
        size_t n;
};

/* In the order of the report. */
struct doctor_checks doctor_checks_place(void);
struct doctor_checks doctor_checks_daemon(void);
struct doctor_checks doctor_checks_cloud(void);
struct doctor_checks doctor_checks_limits(void);
struct doctor_checks doctor_checks_files(void);
struct doctor_checks doctor_checks_sysctl(void);
struct doctor_checks doctor_checks_route(void);
struct doctor_checks doctor_checks_firewall(void);
struct doctor_checks doctor_checks_address(void);
struct doctor_checks doctor_checks_host(void);
struct doctor_checks doctor_checks_kernel(void);
struct doctor_checks doctor_checks_warnings(void); /* of the daemon, but of what a check before told of */

/* An ENI as the daemon knows it, and its link here. */
struct doctor_eni {
        const struct ipam_eni *eni;
        const struct link_info *link; /* NULL: not here */
};

struct doctor {
        struct arena *arena;
        const char *root; /* the host's files are under it; "" is / itself */
        bool is_root;
        bool in_container, sees_host;         /* sees_host: the host's files are here, or --root says where */
        const char *conf_folder, *bin_folder; /* of the CNI, under root; NULL: not to be seen from here */
        const char *db_path, *conf_path, *veth_prefix; /* conf_path: the file of ipamd's settings */
        const struct ipam_status_reply
                *status; /* NULL: the daemon does not answer; then there is no list either */
        const struct ipam_list_reply *list;
        const struct ipam_network_reply *network; /* what it makes the host's network of; NULL: nobody says */
        struct err daemon_err;                    /* why not */
        bool is_reached;                          /* something listens on its socket */
        const struct ipam_probe_reply *probe;     /* NULL: nobody says; then probe_err tells why */
        struct err probe_err;
        const char *unprobed; /* why it was not asked; NULL: it was */
        struct netlink *nl;   /* NULL: the kernel cannot be asked */
        struct link_info *links;
        size_t n_links;
        struct rule_info *rules;
        size_t n_rules;
        struct doctor_eni *enis; /* ready ones, the primary one too */
        size_t n_enis;
        bool elsewhere; /* none of them has a link here: the primary one's is where the node's network is */
        const struct node_difference *differences; /* of the kernel from what it should be */
        size_t n_differences;
        bool compared;
        struct err compare_err; /* why it was not */

        const struct doctor_check *check; /* that runs */
        struct doctor_finding *findings;
        size_t n_findings, capacity;
        const char **reported; /* what findings are about: the daemon's warnings name it so, too */
        size_t n_reported, reported_capacity;
};

/* What report.c makes of the findings: what is whose consequence, text or JSON, the exit code. */
enum ctl_exit doctor_report(struct ctl *ctl, struct doctor *doctor);
/* A finding of the check that runs. remedy may be NULL where the text says it all. */
void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *remedy, const char *format,
                ...) _printf_(4, 5);
/* A finding tells of the subject of one of the daemon's warnings: it is not reported again. The text must stay. */
void doctor_note_reported(struct doctor *doctor, const char *subject);
bool doctor_has_reported(const struct doctor *doctor, const char *subject);
/* A file of the host as text in the arena, NULL when it cannot be read. path: "/etc/..." */
const char *doctor_file(struct doctor *doctor, const char *path);
/* Whether there is such a file or folder. */
bool doctor_has_file(const struct doctor *doctor, const char *path);
/* The names in a folder of the host that match one of the patterns (fnmatch), sorted, in the arena. Returns how many. */
size_t doctor_list_folder(struct doctor *doctor, const char *folder, const char *const *patterns, size_t n,
                          const char ***ret);
/* used: entries of the kernel's table, which takes limit; most: as many as the node's subnets can have. */
bool doctor_neighbours_are_tight(uint64_t used, uint64_t most, uint64_t limit);
bool doctor_link_is_pod(const struct doctor *doctor, const struct link_info *link);

#endif
