// SPDX-License-Identifier: Apache-2.0
/* bundle: what the daemon says, over its socket and by HTTP, and its settings. */
#include "ctl/bundle/bundle.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "config/config.h"

enum { PATH_BYTES = 512, FILE_BYTES_MAX = 256 * 1024 };

extern char **environ;

/* What other commands print, as it is for programs where that says more. */
static const struct {
        const char *name;
        enum ctl_exit (*run)(struct ctl *ctl);
        bool json;
} answers[] = {
        {"daemon/version.txt", ctl_version, false}, {"daemon/status.txt", ctl_status, false},
        {"daemon/status.json", ctl_status, true},   {"daemon/pods.json", ctl_pods, true},
        {"daemon/enis.json", ctl_enis, true},       {"daemon/imports.json", ctl_imports, true},
        {"daemon/events.txt", ctl_events, false},   {"daemon/log-level.txt", ctl_log_level, false},
        {"doctor.txt", ctl_doctor, false},
};

static void put_answers(struct bundle *bundle)
{
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct ctl ctl = *bundle->ctl;
                _cleanup_free_ char *text = NULL, *errors = NULL;
                _cleanup_free_ char *name_of_errors = xasprintf("%s.err", answers[i].name);
                size_t n = 0, n_errors = 0;

                /* In a text they stand where a terminal has them; JSON would not parse. */
                ctl.out = open_memstream(&text, &n);
                ctl.err = answers[i].json ? open_memstream(&errors, &n_errors) : ctl.out;
                if (!ctl.out || !ctl.err)
                        abort();
                ctl.json = answers[i].json;
                ctl.colours = false;
                ctl.columns = 0;
                ctl.argument = NULL;
                ctl.since_ms = 1; /* all events */
                ctl.all = true;
                answers[i].run(&ctl);
                fclose(ctl.out);
                if (answers[i].json)
                        fclose(ctl.err);
                bundle->ctl->offline = ctl.offline;
                if (n || !n_errors)
                        bundle_put(bundle, ALLOW_PROSE, answers[i].name, text, n);
                if (n_errors)
                        bundle_put(bundle, ALLOW_PROSE, name_of_errors, errors, n_errors);
        }
}

/* ---- settings ---- */

/* Variables that the daemon may mean, by how they begin, or that it knows. Others of a process are nobody's business. */
static const char *const prefixes[] = {"VPCWIRE_",  "AWS_",          "WARM_",   "MINIMUM_", "MAX_",
                                       "IP_",       "POD_",          "ENABLE_", "DISABLE_", "CLUSTER_",
                                       "HTTP_",     "ANNOTATE_",     "HTTPS_",  "NO_PROXY", "CNI_",
                                       "HOST_CNI_", "INTROSPECTION_"};

static void add_variable(struct text *to, const char *variable)
{
        _cleanup_free_ char *name = xstrndup(variable, strcspn(variable, "="));
        bool meant = allow_knows(ALLOW_SETTINGS, name);

        for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !meant; i++)
                meant = strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0;
        if (meant)
                allow(ALLOW_SETTINGS, variable, strlen(variable), to);
}

static bool same_netns(const char *pid)
{
        char path[PATH_BYTES];
        struct stat ours, theirs;

        snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
        return stat("/proc/self/ns/net", &ours) == 0 && stat(path, &theirs) == 0 &&
               ours.st_ino == theirs.st_ino;
}

/* The environment that a process began with, one NUL behind each variable. */
struct environment {
        char *text;
        size_t n;
};

static bool is_daemon(const char *pid)
{
        _cleanup_free_ char *name = NULL;
        char path[PATH_BYTES];

        snprintf(path, sizeof(path), "/proc/%s/comm", pid);
        return *pid >= '1' && *pid <= '9' && file_read(path, FILE_BYTES_MAX, &name, NULL, NULL) == 0 &&
               strcmp(name, "ipamd\n") == 0 && same_netns(pid);
}

/* Of each daemon in this network, into the text; the caller owns the last one's that can be read. */
static struct environment read_daemons(struct text *to)
{
        struct environment ret = {0};
        DIR *proc = opendir("/proc");
        struct dirent *entry;

        while (proc && (entry = readdir(proc))) {
                struct environment found = {0};
                char path[PATH_BYTES];

                if (!is_daemon(entry->d_name))
                        continue;
                snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);
                text_add(to, "# environment of ipamd, process %s\n", entry->d_name);
                if (file_read(path, FILE_BYTES_MAX, &found.text, &found.n, NULL) < 0) {
                        text_add(to, "(it cannot be read)\n");
                        continue;
                }
                for (size_t at = 0; at < found.n; at += strlen(found.text + at) + 1)
                        add_variable(to, found.text + at);
                free(ret.text);
                ret = found;
        }
        if (proc)
                closedir(proc);
        return ret;
}

/* The settings as text; returns the daemon's environment, which the caller owns. */
static struct environment put_settings(struct bundle *bundle, const char *conf_path)
{
        _cleanup_(text_done) struct text text = {0};
        _cleanup_free_ char *file = NULL;
        struct environment daemon;
        struct err err;
        size_t n;

        text_add(&text, "# environment of this command\n");
        for (char **variable = environ; *variable; variable++)
                add_variable(&text, *variable);
        daemon = read_daemons(&text);
        text_add(&text, "# %s\n", conf_path);
        if (file_read(conf_path, FILE_BYTES_MAX, &file, &n, &err) == 0)
                allow(ALLOW_SETTINGS, file, n, &text);
        else
                text_add(&text, "(%s)\n", err.msg);
        bundle_put(bundle, ALLOW_PROSE, "settings.txt", text.text, text.bytes);
        return daemon;
}

/* ---- pages ---- */

/* As the daemon took its settings when it started; a file that it would refuse now is left out. */
static int load_config(const struct environment *daemon, const char *conf_path, struct config **ret,
                       struct err *err)
{
        char **ours = environ, **theirs = NULL;
        size_t n = 0, capacity = 0;
        int r;

        for (size_t at = 0; at < daemon->n; at += strlen(daemon->text + at) + 1) {
                GROW(theirs, n, capacity);
                theirs[n++] = daemon->text + at;
        }
        GROW(theirs, n, capacity);
        theirs[n] = NULL;
        environ = daemon->n ? theirs : ours;
        r = config_load(conf_path, ret, err);
        if (r < 0)
                r = config_load("/dev/null", ret, err);
        environ = ours;
        free(theirs);
        return r;
}

static void put_page(struct bundle *bundle, const char *name, const char *bind, const char *path)
{
        _cleanup_free_ char *text = NULL;
        struct err err;
        size_t n;

        if (!bind)
                bundle_miss(bundle, name, "it is turned off by a setting");
        else if (bundle_get(bind, path, &text, &n, &err) < 0)
                bundle_miss(bundle, name, err.msg);
        else
                bundle_put(bundle, ALLOW_PROSE, name, text, n);
}

/* The last EC2 calls are in what the node's page asks for. */
static void put_pages(struct bundle *bundle, const struct environment *daemon, const char *conf_path)
{
        static const char metrics[] = "daemon/metrics.txt", node[] = "daemon/node.json";
        _cleanup_(config_freep) struct config *config = NULL;
        struct err err;

        if (load_config(daemon, conf_path, &config, &err) < 0) {
                bundle_miss(bundle, metrics, err.msg);
                bundle_miss(bundle, node, err.msg);
                return;
        }
        put_page(bundle, metrics, config->no_metrics ? NULL : config->metrics_bind, "/metrics");
        put_page(bundle, node, config->no_introspection ? NULL : config->introspection_bind, "/v1/node");
}

void bundle_daemon(struct bundle *bundle)
{
        _cleanup_free_ char *conf_path = ctl_conf_path(bundle->ctl);
        struct environment daemon;

        put_answers(bundle);
        daemon = put_settings(bundle, conf_path);
        put_pages(bundle, &daemon, conf_path);
        free(daemon.text);
}
