// SPDX-License-Identifier: Apache-2.0
/* bundle: what the daemon says, over its socket and by HTTP, and its settings. */
#include "ctl/bundle/bundle.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/file.h>

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
                char *text = NULL;
                size_t n = 0;

                ctl.out = ctl.err = open_memstream(&text, &n);
                if (!ctl.out)
                        abort();
                ctl.json = answers[i].json;
                ctl.colours = false;
                ctl.columns = 0;
                ctl.argument = NULL;
                ctl.since_ms = 1; /* all events */
                ctl.all = true;
                answers[i].run(&ctl);
                fclose(ctl.out);
                bundle->ctl->offline = ctl.offline;
                bundle_put(bundle, ALLOW_PROSE, answers[i].name, text, n);
                free(text);
        }
}

/* The last EC2 calls are in what the page asks for. */
static void put_web(struct bundle *bundle)
{
        static const struct {
                const char *name, *setting, *otherwise, *path;
        } pages[] = {
                {"daemon/metrics.txt", "VPCWIRE_METRICS_BIND_ADDRESS", "127.0.0.1:61678", "/metrics"},
                {"daemon/node.json", "INTROSPECTION_BIND_ADDRESS", "127.0.0.1:61679", "/v1/node"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
                _cleanup_free_ char *text = NULL;
                struct err err;
                size_t n;

                if (bundle_get(getenv(pages[i].setting) ?: pages[i].otherwise, pages[i].path, &text, &n,
                               &err) < 0)
                        bundle_miss(bundle, pages[i].name, err.msg);
                else
                        bundle_put(bundle, ALLOW_PROSE, pages[i].name, text, n);
        }
}

void bundle_daemon(struct bundle *bundle)
{
        put_answers(bundle);
        put_web(bundle);
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

static void add_daemon(struct text *to, const char *pid)
{
        _cleanup_free_ char *name = NULL, *variables = NULL;
        char path[PATH_BYTES];
        size_t n = 0;

        snprintf(path, sizeof(path), "/proc/%s/comm", pid);
        if (file_read(path, FILE_BYTES_MAX, &name, NULL, NULL) < 0 || strcmp(name, "ipamd\n") != 0 ||
            !same_netns(pid))
                return;
        snprintf(path, sizeof(path), "/proc/%s/environ", pid);
        text_add(to, "# environment of ipamd, process %s\n", pid);
        if (file_read(path, FILE_BYTES_MAX, &variables, &n, NULL) < 0) {
                text_add(to, "(it cannot be read)\n");
                return;
        }
        for (size_t at = 0; at < n; at += strlen(variables + at) + 1)
                add_variable(to, variables + at);
}

static void add_daemons(struct text *to)
{
        DIR *proc = opendir("/proc");
        struct dirent *entry;

        while (proc && (entry = readdir(proc))) {
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        add_daemon(to, entry->d_name);
        }
        if (proc)
                closedir(proc);
}

void bundle_settings(struct bundle *bundle)
{
        const char *conf = getenv("VPCWIRE_CONF");
        _cleanup_(text_done) struct text text = {0};
        _cleanup_free_ char *file = NULL;
        char path[PATH_BYTES];
        struct err err;

        text_add(&text, "# environment of this command\n");
        for (char **variable = environ; *variable; variable++)
                add_variable(&text, *variable);
        add_daemons(&text);
        snprintf(path, sizeof(path), "%s%s", bundle->root,
                 conf && conf[0] ? conf : "/etc/vpcwire/ipamd.conf");
        text_add(&text, "# %s\n", path);
        if (file_read(path, FILE_BYTES_MAX, &file, NULL, &err) == 0)
                allow(ALLOW_SETTINGS, file, strlen(file), &text);
        else
                text_add(&text, "(%s)\n", err.msg);
        bundle_put(bundle, ALLOW_PROSE, "settings.txt", text.text, text.bytes);
}
