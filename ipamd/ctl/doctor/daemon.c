// SPDX-License-Identifier: Apache-2.0
/* doctor: the daemon, and the files that it and the runtime need. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "config/config.h"
#include "ctl/doctor/doctor.h"
#include "model/condition.h"

enum { DB_SPACE_BYTES_MIN = 16 * 1024 * 1024, PATH_BYTES = 512 };

#define CNI_PROGRAM "vpcwire"
#define UNIT        "vpcwire-ipamd.service"

/* What runs the daemon here, as one types it. */
struct manager {
        const char *start, *log, *restart;
};

static const struct manager *find_manager(const struct doctor *d)
{
        static const struct manager systemd = {"systemctl start " UNIT, "journalctl -u " UNIT " -n 50",
                                               "systemctl restart " UNIT},
                                    kubernetes = {
                                            "kubectl -n kube-system get pods -l k8s-app=aws-node -o wide",
                                            "kubectl -n kube-system logs POD -c aws-node --tail 50",
                                            "kubectl -n kube-system delete pod POD"};
        static const char *const files[] = {"/lib/systemd/system/" UNIT, "/etc/systemd/system/" UNIT};

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                if (doctor_has_file(d, files[i]))
                        return &systemd;
        }
        return &kubernetes;
}

/* Why no start can succeed. NULL: the file of settings does not prevent it. The daemon's environment is not known, and this
 * program's says nothing of it. */
static const char *find_refused_settings(const struct doctor *d)
{
        _cleanup_(config_freep) struct config *config = NULL;
        char **ours = environ;
        struct err err;
        int r;

        environ = (char *[]){NULL};
        r = config_load(d->conf_path, &config, &err);
        environ = ours;
        return r < 0 ? arena_strdup(d->arena, err.msg) : NULL;
}

static void say_down(struct doctor *d, const struct manager *manager)
{
        const char *refused = find_refused_settings(d);

        if (refused)
                doctor_say(d, DOCTOR_FAIL, arena_printf(d->arena, "correct it; then %s", manager->start),
                           "it is not running, and cannot start with its settings: %s", refused);
        else
                doctor_say(d, DOCTOR_FAIL,
                           arena_printf(d->arena, "%s; see why it stopped: %s%s", manager->start,
                                        manager->log,
                                        d->daemon_err.code == ERR_NOT_FOUND
                                                ? "; if it runs, type ipamctl with its VPCWIRE_SOCKET"
                                                : ""),
                           "it is not running: %s", d->daemon_err.msg);
}

/* A daemon that hangs is not started, and one that does not run is not waited for. */
static void check_daemon(struct doctor *d)
{
        const struct manager *manager = find_manager(d);

        if (d->status)
                return;
        if (d->daemon_err.code == ERR_DENIED)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "only root can ask the daemon");
        else if (!d->is_reached && (d->daemon_err.code == ERR_NOT_FOUND || d->daemon_err.code == ERR_AGAIN))
                say_down(d, manager);
        else if (d->daemon_err.code == ERR_TIMEOUT)
                doctor_say(d, DOCTOR_FAIL,
                           arena_printf(d->arena,
                                        "first ipamctl bundle, for a bug report; then %s (pods keep their "
                                        "network); its last log lines: %s",
                                        manager->restart, manager->log),
                           "it is running, but hangs: %s", d->daemon_err.msg);
        else
                doctor_say(d, DOCTOR_FAIL, arena_printf(d->arena, "see its log: %s", manager->log), "%s",
                           d->daemon_err.msg);
}

static void check_version(struct doctor *d)
{
        if (!d->status->version || strcmp(d->status->version, VPCWIRE_VERSION) != 0)
                doctor_say(d, DOCTOR_WARN, "install both from one release",
                           "ipamctl is " VPCWIRE_VERSION ", ipamd is %s", d->status->version ?: "?");
}

static void check_serving(struct doctor *d)
{
        if (!d->status->ready)
                doctor_say(d, DOCTOR_FAIL, NULL, "%s", d->status->reason ?: "not ready");
        if (d->status->waiting_reason)
                doctor_say(d, d->status->room == IPAM_ROOM_STATE_NONE ? DOCTOR_FAIL : DOCTOR_WARN,
                           d->status->room_remedy, "pods wait; room: %s",
                           d->status->room_summary ?: d->status->waiting_reason);
        if (d->status->impaired)
                doctor_say(d, DOCTOR_FAIL,
                           d->status->pool.lost ? "delete the pods that ipamctl pods shows as lost, so that "
                                                  "new ones get other addresses"
                                                : NULL,
                           "running pods are affected: %s", d->status->impaired_reason ?: "no reason given");
}

/* A daemon that knows no kinds has their names as actions. */
static bool is_about_growth(const struct ipam_blocked *b)
{
        return b->kind == IPAM_CONDITION_KIND_GROW ||
               (b->kind == IPAM_CONDITION_KIND_UNSET &&
                strcmp(b->action, condition_kind_to_string(CONDITION_GROW)) == 0);
}

/* That the node is as large as it may be is no trouble: pods that wait are told of by "serving". */
static void check_blocked(struct doctor *d)
{
        for (size_t i = 0; i < d->status->n_blocked; i++) {
                const struct ipam_blocked *b = &d->status->blocked[i];

                doctor_say(d, is_about_growth(b) ? DOCTOR_OK : DOCTOR_WARN, b->remedy, "%s%s%s: %s%s%s",
                           b->action, b->subject[0] ? " " : "", b->subject, b->reason,
                           b->detail ? "; EC2's answer: " : "", b->detail ?: "");
        }
}

static void check_settings(struct doctor *d)
{
        for (size_t i = 0; i < d->status->n_warnings; i++) {
                const struct ipam_warning *w = &d->status->warnings[i];

                if (w->setting)
                        doctor_say(d, DOCTOR_WARN, "deploy/SETTINGS.md says what is allowed", "%s: %s",
                                   w->subject, w->reason);
        }
}

static const struct doctor_check daemon_checks[] = {
        {"daemon", check_daemon, "answers", "new pods get no address, and nothing repairs the host's network",
         0, DOCTOR_CAUSE_DAEMON, DOCTOR_CAUSE_DATABASE},
        {"version", check_version, "ipamctl and ipamd are " VPCWIRE_VERSION,
         "this report may be wrong about the daemon", DOCTOR_NEEDS_DAEMON},
        {"serving", check_serving, "new pods can get an address",
         "new pods wait, or running ones have no network", DOCTOR_NEEDS_DAEMON, 0,
         DOCTOR_CAUSE_IMDS | DOCTOR_CAUSE_CREDENTIALS | DOCTOR_CAUSE_PERMISSIONS},
        {"settings", check_settings, "all are followed", "the node does not do what its settings say",
         DOCTOR_NEEDS_DAEMON},
        {"ec2", check_blocked, "EC2 refuses nothing", "ipamd cannot allocate addresses for new pods",
         DOCTOR_NEEDS_DAEMON, 0, DOCTOR_CAUSE_IMDS | DOCTOR_CAUSE_CREDENTIALS | DOCTOR_CAUSE_PERMISSIONS},
};

struct doctor_checks doctor_checks_daemon(void)
{
        return (struct doctor_checks){daemon_checks, ARRAY_SIZE(daemon_checks)};
}

/*
 * What the daemon sees on the host and may not touch. Settings have a check of their own, and so
 * has what this program has seen itself.
 */
static void check_warnings(struct doctor *d)
{
        for (size_t i = 0; i < d->status->n_warnings; i++) {
                const struct ipam_warning *w = &d->status->warnings[i];

                if (!w->setting && !doctor_has_reported(d, w->subject))
                        doctor_say(d, DOCTOR_WARN, w->remedy, "%s: %s", w->subject, w->reason);
        }
}

static const struct doctor_check warning_checks[] = {
        {"warnings", check_warnings, "the daemon reports no others",
         "packets of pods are routed wrongly, or some addresses stay unused", DOCTOR_NEEDS_DAEMON},
};

struct doctor_checks doctor_checks_warnings(void)
{
        return (struct doctor_checks){warning_checks, ARRAY_SIZE(warning_checks)};
}

/* A dead daemon is why there is none, or is dead because of what is wrong with it: never both, or neither would be shown. */
static void check_database(struct doctor *d)
{
        static const char magic[] = "SQLite format 3";
        char begin[sizeof(magic)] = "";
        struct statvfs space;
        struct stat st;
        FILE *f = fopen(d->db_path, "re");

        if (!f && errno == ENOENT && !d->status)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "%s does not exist; ipamd makes it when it starts",
                           d->db_path);
        else if (!f && errno == ENOENT)
                doctor_say(d, DOCTOR_FAIL,
                           "run ipamctl with ipamd's VPCWIRE_DB; if the file was removed, restart ipamd: it "
                           "recovers everything but the pods' names",
                           "%s does not exist", d->db_path);
        else if (!f)
                doctor_say(d, DOCTOR_FAIL, "run ipamctl as the user that ipamd runs as", "%s: %s", d->db_path,
                           strerror(errno));
        else if (fread(begin, 1, sizeof(begin), f) != sizeof(begin) ||
                 memcmp(begin, magic, sizeof(magic)) != 0)
                doctor_say(d, DOCTOR_FAIL,
                           "stop ipamd, move the file away, start ipamd: it recovers everything but the "
                           "pods' names",
                           "%s is not an SQLite database", d->db_path);
        else if (fstat(fileno(f), &st) == 0 && (st.st_mode & 077))
                doctor_say(d, DOCTOR_WARN, "chmod 600 the file", "%s: users other than its owner may open it",
                           d->db_path);
        else if (fstatvfs(fileno(f), &space) == 0 && space.f_bavail * space.f_frsize < DB_SPACE_BYTES_MIN)
                doctor_say(d, DOCTOR_FAIL, "free some space there",
                           "%s: only %llu KiB are free on its file system", d->db_path,
                           (unsigned long long)(space.f_bavail * space.f_frsize / 1024));
        if (f)
                fclose(f);
}

/* Others than root may be kept out of the host's folders: what they do not see may be there. */
static bool is_kept_out(struct doctor *d, const char *folder)
{
        char path[PATH_BYTES];

        snprintf(path, sizeof(path), "%s%s", d->root, folder);
        if (access(path, R_OK | X_OK) == 0 || errno != EACCES)
                return false;
        doctor_say(d, DOCTOR_UNCHECKED, NULL, "this user may not look into %s", path);
        return true;
}

/* Runtimes take the first by name. */
static void check_cni(struct doctor *d)
{
        static const char *const patterns[] = {"*.conf", "*.conflist", "*.json"};
        const char **names, *text;

        if (!d->conf_folder || (!d->sees_host && !doctor_has_file(d, d->conf_folder))) {
                doctor_say(d, DOCTOR_UNCHECKED, NULL,
                           "the host's network configurations are not mounted here");
                return;
        }
        if (is_kept_out(d, d->conf_folder))
                return;
        if (doctor_list_folder(d, d->conf_folder, patterns, ARRAY_SIZE(patterns), &names) == 0) {
                doctor_say(d, DOCTOR_FAIL,
                           "let ipamd put 10-aws.conflist there (HOST_CNI_CONFDIR_PATH; it does so once it "
                           "can serve), or copy it",
                           "there is no network configuration in %s", d->conf_folder);
                return;
        }
        text = doctor_file(d, arena_printf(d->arena, "%s/%s", d->conf_folder, names[0]));
        if (!text || (!strstr(text, "\"vpcwire\"") && !strstr(text, "\"aws-cni\"")))
                doctor_say(d, DOCTOR_FAIL, "remove it, or give ours a name before it (VPCWIRE_CONFLIST_NAME)",
                           "the first network configuration, %s, does not name vpcwire", names[0]);
}

static void check_program(struct doctor *d)
{
        char path[PATH_BYTES];
        struct stat st;

        if (!d->bin_folder || (!d->sees_host && !doctor_has_file(d, d->bin_folder))) {
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "the host's folder of plugins is not mounted here");
                return;
        }
        if (is_kept_out(d, d->bin_folder))
                return;
        snprintf(path, sizeof(path), "%s%s/" CNI_PROGRAM, d->root, d->bin_folder);
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
                doctor_say(d, DOCTOR_FAIL,
                           "run ipamd install with HOST_CNI_BIN_PATH set (in Kubernetes the init container "
                           "does it), or copy it there",
                           "%s/" CNI_PROGRAM " is missing, or cannot be executed", d->bin_folder);
}

static const struct doctor_check file_checks[] = {
        {"database", check_database, "readable, mode 0600, with free disk space",
         "the daemon cannot write its database: new pods get no address", DOCTOR_NEEDS_ROOT,
         DOCTOR_CAUSE_DATABASE},
        {"cni-config", check_cni, "names vpcwire first",
         "the container runtime does not call vpcwire: pods get no network, or another plugin's", 0, 0,
         DOCTOR_CAUSE_DAEMON},
        {"cni-plugin", check_program, "is executable",
         "the container runtime cannot call vpcwire: no pod can start or stop"},
};

struct doctor_checks doctor_checks_files(void)
{
        return (struct doctor_checks){file_checks, ARRAY_SIZE(file_checks)};
}
