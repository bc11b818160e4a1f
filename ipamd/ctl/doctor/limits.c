// SPDX-License-Identifier: Apache-2.0
/* doctor: what the instance type allows, against what the settings ask for and what kubelet expects. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/file.h>

#include "ctl/doctor/doctor.h"

enum {
        KUBELET_MAX_PODS = 110, /* where nobody says another number (KubeletConfiguration, maxPods) */
        HOST_PODS =
                2, /* aws-node and kube-proxy, as EKS's eni-max-pods counts: they use the host's address */
        COMMAND_LINE_BYTES = 65536, /* of one process */
        PATH_BYTES = 512,
};

struct room {
        int64_t enis, addresses_per_eni, addresses; /* that this node may have; addresses of pods */
};

/* False: not known. */
static bool get_room(const struct doctor *d, struct room *ret)
{
        int64_t enis;

        if (!d->status || d->status->max_enis <= 0 || d->status->addresses_per_eni <= 0)
                return false;
        enis = d->status->max_enis;
        if (d->status->targets.max_eni > 0 && d->status->targets.max_eni < enis)
                enis = d->status->targets.max_eni;
        *ret = (struct room){enis, d->status->addresses_per_eni, enis * d->status->addresses_per_eni};
        return true;
}

static void check_target(struct doctor *d, const char *setting, int64_t value, int64_t most, const char *what)
{
        if (value > most)
                doctor_say(d, DOCTOR_WARN,
                           arena_printf(d->arena, "set %s to at most %lld%s, or use a larger instance type",
                                        setting, (long long)most,
                                        d->status->targets.max_eni > 0 ? ", raise MAX_ENI" : ""),
                           "%s is %lld, and this node (%s) has room for %lld %s", setting, (long long)value,
                           d->status->node.instance_type ?: "?", (long long)most, what);
}

static void check_limits(struct doctor *d)
{
        const struct ipam_targets *targets = &d->status->targets;
        size_t before = d->n_findings;
        struct room room;

        if (!get_room(d, &room)) {
                doctor_say(d, DOCTOR_WARN, "allow ec2:DescribeInstanceTypes, which reports them",
                           "the limits of instance type %s are not known",
                           d->status->node.instance_type ?: "?");
                return;
        }
        check_target(d, "MINIMUM_IP_TARGET", targets->minimum_ip, room.addresses, "addresses");
        check_target(d, "WARM_IP_TARGET", targets->warm_ip, room.addresses, "addresses");
        if (targets->warm_ip < 0 && targets->minimum_ip < 0)
                check_target(d, "WARM_ENI_TARGET", targets->warm_eni, room.enis, "ENIs");
        if (d->n_findings == before)
                doctor_say(d, DOCTOR_OK, NULL,
                           "%s: %lld ENIs%s with %lld addresses for pods each, %lld in all",
                           d->status->node.instance_type ?: "?", (long long)room.enis,
                           room.enis < d->status->max_enis ? " (MAX_ENI)" : "",
                           (long long)room.addresses_per_eni, (long long)room.addresses);
}

/* ---- kubelet's maxPods ---- */

struct kubelet {
        bool runs, seen;    /* seen: there are processes to look at */
        long max_pods;      /* 0: nobody says */
        const char *where;  /* who says it */
        const char *config; /* --config; NULL: not given */
};

static long number_after(const char *text)
{
        char *end;
        long n;

        errno = 0;
        n = strtol(text, &end, 10);
        return errno || end == text || n <= 0 ? 0 : n;
}

/* The argument of an option in a list of words that end in NULs: "--option=value" or "--option", "value". */
static const char *option_value(const char *words, size_t bytes, const char *option)
{
        size_t n = strlen(option);

        for (const char *word = words; word < words + bytes; word += strlen(word) + 1) {
                const char *next = word + strlen(word) + 1;

                if (strncmp(word, option, n) != 0)
                        continue;
                if (word[n] == '=')
                        return word + n + 1;
                if (!word[n] && next < words + bytes)
                        return next;
        }
        return NULL;
}

static void read_command_line(struct doctor *d, const char *words, size_t bytes, struct kubelet *ret)
{
        const char *name = strrchr(words, '/') ? strrchr(words, '/') + 1 : words, *value;

        if (strcmp(name, "kubelet") != 0)
                return;
        ret->runs = true;
        value = option_value(words, bytes, "--max-pods");
        if (value && number_after(value)) {
                ret->max_pods = number_after(value);
                ret->where = "--max-pods";
        }
        value = option_value(words, bytes, "--config");
        ret->config = value ? arena_strdup(d->arena, value) : ret->config;
}

static void look_at_processes(struct doctor *d, struct kubelet *ret)
{
        char path[PATH_BYTES];
        struct dirent *entry;
        DIR *proc;

        snprintf(path, sizeof(path), "%s/proc", d->root);
        proc = opendir(path);
        while (proc && !ret->runs && (entry = readdir(proc))) {
                _cleanup_free_ char *words = NULL;
                size_t bytes;

                snprintf(path, sizeof(path), "%s/proc/%s/cmdline", d->root, entry->d_name);
                if (!isdigit((unsigned char)entry->d_name[0]))
                        continue;
                ret->seen = true;
                if (file_read(path, COMMAND_LINE_BYTES, &words, &bytes, NULL) == 0 && bytes)
                        read_command_line(d, words, bytes, ret);
        }
        if (proc)
                closedir(proc);
}

/* A line's value of the key, in YAML or JSON: `maxPods: 58`, `"maxPods": 58,`, `{"maxPods":58}`. */
static long find_max_pods(const char *text)
{
        static const char key[] = "maxPods";

        for (const char *at = text; (at = strstr(at, key)); at += strlen(key)) {
                const char *after = at + strlen(key), *line = at;

                while (line > text && line[-1] != '\n')
                        line--;
                line += strspn(line, " \t");
                if (*line == '#' || (at > text && isalnum((unsigned char)at[-1])))
                        continue;
                after += *after == '"';
                after += strspn(after, " \t");
                if (*after == ':' && number_after(after + 1))
                        return number_after(after + 1);
        }
        return 0;
}

/* Where EKS's images, kubeadm and Bottlerocket have kubelet's configuration; what is in its drop-ins wins. */
static void look_at_files(struct doctor *d, struct kubelet *ret)
{
        static const char *const files[] = {"/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet/config",
                                            "/etc/kubernetes/kubelet/config.json",
                                            "/etc/kubernetes/kubelet/kubelet-config.json"};
        static const char folder[] = "/etc/kubernetes/kubelet/config.json.d";
        static const char *const patterns[] = {"*.conf", "*.json", "*.yaml"};
        const char *paths[ARRAY_SIZE(files) + 1], **names;
        size_t n = 0, n_names = doctor_list_folder(d, folder, patterns, ARRAY_SIZE(patterns), &names);

        if (ret->config)
                paths[n++] = ret->config;
        for (size_t i = 0; !ret->config && i < ARRAY_SIZE(files); i++)
                paths[n++] = files[i];
        for (size_t i = 0; i < n + n_names; i++) {
                const char *path = i < n ? paths[i] : arena_printf(d->arena, "%s/%s", folder, names[i - n]);
                const char *text = doctor_file(d, path);
                long found = text ? find_max_pods(text) : 0;

                ret->runs |= text != NULL;
                if (found) {
                        ret->max_pods = found;
                        ret->where = path;
                }
        }
}

static struct kubelet find_kubelet(struct doctor *d)
{
        struct kubelet kubelet = {0};

        look_at_processes(d, &kubelet);
        if (!kubelet.max_pods)
                look_at_files(d, &kubelet);
        if (!kubelet.max_pods) {
                kubelet.max_pods = KUBELET_MAX_PODS;
                kubelet.where = "its default";
        }
        return kubelet;
}

static void check_max_pods(struct doctor *d)
{
        const struct kubelet kubelet = find_kubelet(d);
        int64_t ours = d->status ? d->status->targets.max_pods : -1, fit;
        struct room room;

        if (!kubelet.runs) {
                doctor_say(d, kubelet.seen ? DOCTOR_OK : DOCTOR_UNCHECKED, NULL, "%s",
                           kubelet.seen ? "no kubelet runs here" : "cannot see whether a kubelet runs");
                return;
        }
        if (!get_room(d, &room)) {
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "kubelet's is %ld (%s); ours is not known",
                           kubelet.max_pods, kubelet.where);
                return;
        }
        fit = room.addresses + HOST_PODS;
        if (kubelet.max_pods > fit)
                doctor_say(d, DOCTOR_WARN,
                           arena_printf(d->arena,
                                        "set kubelet's maxPods to %lld (%lld ENIs x %lld addresses + %d pods "
                                        "with hostNetwork), or use a larger instance type",
                                        (long long)fit, (long long)room.enis,
                                        (long long)room.addresses_per_eni, HOST_PODS),
                           "kubelet accepts up to %ld pods (%s), but this node can have only %lld addresses "
                           "for them",
                           kubelet.max_pods, kubelet.where, (long long)room.addresses);
        else if (ours >= 0 && kubelet.max_pods > ours + HOST_PODS)
                doctor_say(d, DOCTOR_WARN,
                           arena_printf(d->arena, "set VPCWIRE_MAX_PODS to %ld, or lower kubelet's maxPods",
                                        kubelet.max_pods - HOST_PODS),
                           "kubelet accepts up to %ld pods (%s), but VPCWIRE_MAX_PODS is %lld",
                           kubelet.max_pods, kubelet.where, (long long)ours);
        else
                doctor_say(d, DOCTOR_OK, NULL,
                           "kubelet's %ld (%s) fit: %lld addresses + %d pods with hostNetwork",
                           kubelet.max_pods, kubelet.where, (long long)room.addresses, HOST_PODS);
}

static const struct doctor_check limit_checks[] = {
        {"limits", check_limits, "fit", "ipamd cannot allocate the addresses that the settings ask for",
         DOCTOR_NEEDS_DAEMON},
        {"max-pods", check_max_pods, "fit", "kubelet accepts pods that never get an address",
         DOCTOR_NEEDS_HOST},
};

struct doctor_checks doctor_checks_limits(void)
{
        return (struct doctor_checks){limit_checks, ARRAY_SIZE(limit_checks)};
}
