// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor/doctor.h"

#include <dirent.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/eni_link.h>
#include <vpcwire/file.h>
#include <vpcwire/netlink.h>

#include "config/config.h"
#include "ctl/ctl.h"
#include "ctl/doctor/network_view.h"
#include "ctl/show.h"
#include "node/sync.h"

enum {
        HOST_FILE_BYTES_MAX = 256 * 1024,
        PATH_BYTES = 512,
        FOLDER_NAMES_MAX = 256,
        COMPARE_AGAIN_MS = 300,
};

void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *remedy, const char *format,
                ...)
{
        char *found;
        va_list args;

        va_start(args, format);
        if (vasprintf(&found, format, args) < 0)
                abort();
        va_end(args);
        GROW(doctor->findings, doctor->n_findings, doctor->capacity);
        doctor->findings[doctor->n_findings++] = (struct doctor_finding){
                .check = doctor->check->name,
                .of = doctor->check,
                .verdict = verdict,
                .found = arena_strdup(doctor->arena, found),
                .breaks = verdict < DOCTOR_WARN ? NULL : doctor->check->breaks,
                .remedy = remedy,
        };
        free(found);
}

void doctor_note_reported(struct doctor *doctor, const char *subject)
{
        GROW(doctor->reported, doctor->n_reported, doctor->reported_capacity);
        doctor->reported[doctor->n_reported++] = subject;
}

bool doctor_has_reported(const struct doctor *doctor, const char *subject)
{
        for (size_t i = 0; i < doctor->n_reported; i++) {
                if (strcmp(doctor->reported[i], subject) == 0)
                        return true;
        }
        return false;
}

const char *doctor_file(struct doctor *doctor, const char *path)
{
        _cleanup_free_ char *text = NULL;
        char full[PATH_BYTES];

        snprintf(full, sizeof(full), "%s%s", doctor->root, path);
        if (file_read(full, HOST_FILE_BYTES_MAX, &text, NULL, NULL) < 0)
                return NULL;
        return arena_strdup(doctor->arena, text);
}

bool doctor_has_file(const struct doctor *doctor, const char *path)
{
        char full[PATH_BYTES];

        snprintf(full, sizeof(full), "%s%s", doctor->root, path);
        return access(full, F_OK) == 0;
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool matches(const char *name, const char *const *patterns, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (fnmatch(patterns[i], name, FNM_PERIOD) == 0)
                        return true;
        }
        return false;
}

size_t doctor_list_folder(struct doctor *doctor, const char *folder, const char *const *patterns, size_t n,
                          const char ***ret)
{
        const char **names = ARENA_ARRAY(doctor->arena, const char *, FOLDER_NAMES_MAX);
        char full[PATH_BYTES];
        struct dirent *entry;
        size_t n_names = 0;
        DIR *dir;

        snprintf(full, sizeof(full), "%s%s", doctor->root, folder);
        dir = opendir(full);
        while (dir && n_names < FOLDER_NAMES_MAX && (entry = readdir(dir))) {
                if (matches(entry->d_name, patterns, n))
                        names[n_names++] = arena_strdup(doctor->arena, entry->d_name);
        }
        if (dir)
                closedir(dir);
        qsort(names, n_names, sizeof(names[0]), by_text);
        *ret = names;
        return n_names;
}

bool doctor_link_is_pod(const struct doctor *doctor, const struct link_info *link)
{
        return link->alias[0] && strncmp(link->name, doctor->veth_prefix, strlen(doctor->veth_prefix)) == 0;
}

static bool is_pod(const struct link_info *link, const void *doctor)
{
        return doctor_link_is_pod(doctor, link);
}

static const struct link_info *find_link(const struct doctor *doctor, const char *mac_text)
{
        struct mac mac;

        if (!mac_text || mac_parse(mac_text, &mac, NULL) < 0)
                return NULL;
        return eni_link_find(doctor->links, doctor->n_links, mac, is_pod, doctor).link;
}

static void find_enis(struct doctor *doctor)
{
        size_t n = doctor->list ? doctor->list->n_enis : 0;
        bool some_here = false;

        doctor->enis = ARENA_ARRAY(doctor->arena, struct doctor_eni, n);
        for (size_t i = 0; i < n; i++) {
                const struct ipam_eni *eni = &doctor->list->enis[i];
                const struct link_info *link = find_link(doctor, eni->mac);

                if (eni->state != IPAM_ENI_STATE_READY)
                        continue;
                doctor->enis[doctor->n_enis++] = (struct doctor_eni){eni, link};
                some_here |= link != NULL;
        }
        doctor->elsewhere = doctor->nl && doctor->n_enis && !some_here;
}

static void gather_kernel(struct doctor *doctor)
{
        if (netlink_open(-1, &doctor->nl, NULL) < 0)
                return;
        if (link_dump(doctor->nl, doctor->arena, &doctor->links, &doctor->n_links, NULL) < 0 ||
            rule_dump(doctor->nl, doctor->arena, AF_INET, &doctor->rules, &doctor->n_rules, NULL) < 0)
                doctor->nl = netlink_free(doctor->nl);
}

/* Why a check with these needs cannot look; NULL: it can. */
static const char *find_lack(const struct doctor *doctor, unsigned needs)
{
        if (needs & DOCTOR_NEEDS_ROOT && !doctor->is_root)
                return "only root can check this";
        if (needs & DOCTOR_NEEDS_DAEMON && !doctor->list)
                return doctor->is_root ? "the daemon does not answer" : "only root can ask the daemon";
        if (needs & DOCTOR_NEEDS_KERNEL && !doctor->nl)
                return "this user cannot read the kernel's network state";
        if (needs & DOCTOR_NEEDS_HOST && !doctor->sees_host)
                return "the host's files are not visible in this container; say with --root where they are "
                       "mounted";
        if (needs & DOCTOR_NEEDS_HERE && doctor->elsewhere)
                return "this is not ipamd's network namespace";
        if (needs & DOCTOR_NEEDS_WANTED && !doctor->compared)
                return doctor->compare_err.msg;
        return NULL;
}

static void run_checks(struct doctor *doctor, struct doctor_checks all)
{
        for (size_t i = 0; i < all.n; i++) {
                const char *lack = find_lack(doctor, all.checks[i].needs);
                size_t before = doctor->n_findings;

                doctor->check = &all.checks[i];
                if (lack)
                        doctor_say(doctor, DOCTOR_UNCHECKED, NULL, "%s", lack);
                else
                        doctor->check->run(doctor);
                if (doctor->n_findings == before)
                        doctor_say(doctor, DOCTOR_OK, NULL, "%s", doctor->check->well);
        }
}

static int compare_once(struct doctor *doctor, struct ipam_client *client, struct node *node,
                        struct node_check *ret, struct err *err)
{
        struct ipam_network_reply network;
        struct ipam_list_reply list;
        struct node_view view;

        if (ipam_network(client, &network, err) < 0 || ipam_list(client, &list, err) < 0 ||
            network_view_make(doctor->arena, &network, &list, &view, err) < 0)
                return -(int)err->code;
        return node_check(node, doctor->arena, &view, ret, err);
}

static bool is_among(const struct node_difference *difference, const struct node_check *check)
{
        for (size_t i = 0; i < check->n_differences; i++) {
                const struct node_difference *other = &check->differences[i];

                if (other->object == difference->object && other->ifindex == difference->ifindex &&
                    strcmp(other->text, difference->text) == 0)
                        return true;
        }
        return false;
}

/* Twice where there are differences: what is under way is over then, and what ipamd heals at once is healed. */
static void compare(struct doctor *doctor, struct ipam_client *client)
{
        _cleanup_(node_freep) struct node *node = NULL;
        struct node_check first = {0}, second;
        struct node_difference *both;

        if (!doctor->list || !doctor->nl || doctor->elsewhere || node_open(&node, &doctor->compare_err) < 0 ||
            compare_once(doctor, client, node, &first, &doctor->compare_err) < 0)
                return;
        second = first;
        if (first.n_differences) {
                poll(NULL, 0, COMPARE_AGAIN_MS);
                if (compare_once(doctor, client, node, &second, &doctor->compare_err) < 0)
                        return;
        }
        both = ARENA_ARRAY(doctor->arena, struct node_difference, second.n_differences);
        for (size_t i = 0; i < second.n_differences; i++) {
                if (is_among(&second.differences[i], &first))
                        both[doctor->n_differences++] = second.differences[i];
        }
        doctor->differences = both;
        doctor->compared = true;
}

/* An account that EC2 throttles gets no dry runs on top. NULL: it does not. */
static const char *find_throttling(const struct doctor *doctor)
{
        static const char text[] =
                "not checked: EC2 throttles this account, and dry runs would make it worse";

        if (doctor->status && doctor->status->room_cause == IPAM_CONDITION_CAUSE_THROTTLED)
                return text; /* of a daemon whose blocked calls are not listed while they are tried again */
        for (size_t i = 0; doctor->status && i < doctor->status->n_blocked; i++) {
                if (doctor->status->blocked[i].cause == IPAM_CONDITION_CAUSE_THROTTLED)
                        return text;
        }
        return NULL;
}

static void run_all(struct doctor *doctor, struct ipam_client *client)
{
        struct ipam_probe_reply *probe = ARENA_ARRAY(doctor->arena, struct ipam_probe_reply, 1);

        doctor->unprobed = find_throttling(doctor);
        gather_kernel(doctor);
        find_enis(doctor);
        compare(doctor, client);
        /* The last: it may take its time, and a connection that did not answer in time is of no use any more. */
        if (doctor->list && !doctor->unprobed && ipam_probe(client, probe, &doctor->probe_err) == 0)
                doctor->probe = probe;
        run_checks(doctor, doctor_checks_place());
        run_checks(doctor, doctor_checks_daemon());
        run_checks(doctor, doctor_checks_cloud());
        run_checks(doctor, doctor_checks_limits());
        run_checks(doctor, doctor_checks_files());
        run_checks(doctor, doctor_checks_sysctl());
        run_checks(doctor, doctor_checks_route());
        run_checks(doctor, doctor_checks_address());
        run_checks(doctor, doctor_checks_firewall());
        run_checks(doctor, doctor_checks_host());
        run_checks(doctor, doctor_checks_kernel());
        run_checks(doctor, doctor_checks_warnings());
        netlink_free(doctor->nl);
}

/* In the container of the daemon they are mounted where its settings say. */
static void find_cni_folders(struct doctor *doctor, const struct ctl *ctl)
{
        doctor->conf_folder = doctor->sees_host ? "/etc/cni/net.d" : ctl->conf_folder;
        doctor->bin_folder = doctor->sees_host ? "/opt/cni/bin" : ctl->bin_folder;
}

enum ctl_exit ctl_doctor(struct ctl *ctl)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = NULL;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_free_ char *conf_path = ctl_conf_path(ctl);
        struct doctor doctor = {.arena = arena,
                                .root = ctl->root ?: "",
                                .is_root = geteuid() == 0,
                                .in_container = ctl->in_container,
                                .sees_host = ctl->root || !ctl->in_container,
                                .db_path = ctl->db_path,
                                .conf_path = conf_path,
                                .veth_prefix = ctl->veth_prefix};
        struct ipam_network_reply network;
        struct ipam_status_reply status;
        struct ipam_list_reply list;
        enum ctl_exit code;

        find_cni_folders(&doctor, ctl);
        doctor.is_reached = ctl_try_connect(ctl, &client, &doctor.daemon_err) == 0;
        if (doctor.is_reached && ipam_status(client, &status, &doctor.daemon_err) == 0 &&
            ipam_list(client, &list, &doctor.daemon_err) == 0) {
                doctor.status = &status;
                doctor.list = &list;
                if (ipam_network(client, &network, NULL) == 0)
                        doctor.network = &network;
        }
        run_all(&doctor, client);
        code = doctor_report(ctl, &doctor);
        free(doctor.findings);
        free(doctor.reported);
        return code;
}
