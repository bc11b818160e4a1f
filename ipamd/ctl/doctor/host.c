// SPDX-License-Identifier: Apache-2.0
/* doctor: other people's firewalls and network managers. */
#include <stdio.h>
#include <string.h>

#include "firewall/firewall.h"

#include "ctl/doctor/doctor.h"

static void check_firewall(struct doctor *d)
{
        struct firewall_drop *drops;
        struct err err;
        size_t n;

        if (firewall_look(d->arena, d->veth_prefix, &drops, &n, &err) < 0) {
                doctor_say(d, DOCTOR_WARN, "run it as root", "%s", err.msg);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                doctor_say(d, DOCTOR_WARN, drops[i].remedy,
                           "%s: %s, and no rule in it accepts all packets from and to pods", drops[i].where,
                           drops[i].why);
                doctor_note_reported(d, drops[i].where);
        }
}

static const struct doctor_check firewall_checks[] = {
        {"firewall", check_firewall, "none drops forwarded packets",
         "packets of pods are dropped unless one of its rules accepts them",
         DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_ROOT},
};

struct doctor_checks doctor_checks_firewall(void)
{
        return (struct doctor_checks){firewall_checks, ARRAY_SIZE(firewall_checks)};
}

/* ---- network managers ---- */

/* The last value of a key in one of systemd's or NetworkManager's files; before stays where there is none. */
static const char *last_value(struct doctor *d, const char *path, const char *key, const char *before)
{
        const char *text = doctor_file(d, path);
        char *rest, *line, *copy = text ? arena_strdup(d->arena, text) : NULL;

        for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
                size_t n;

                line += strspn(line, " \t");
                n = strlen(key);
                if (strncmp(line, key, n) != 0)
                        continue;
                n += strspn(line + n, " \t");
                if (line[n] == '=')
                        before = line + n + 1 + strspn(line + n + 1, " \t");
        }
        return before;
}

/* The same over a file and the *.conf of a folder beside it, in their order. */
static const char *setting(struct doctor *d, const char *file, const char *folder, const char *key)
{
        static const char *const patterns[] = {"*.conf"};
        const char *value = last_value(d, file, key, NULL), **names;
        size_t n = doctor_list_folder(d, folder, patterns, ARRAY_SIZE(patterns), &names);

        for (size_t i = 0; i < n; i++)
                value = last_value(d, arena_printf(d->arena, "%s/%s", folder, names[i]), key, value);
        return value;
}

static bool says_no(const char *value)
{
        static const char *const words[] = {"no", "false", "off", "0"};

        for (size_t i = 0; value && i < ARRAY_SIZE(words); i++) {
                if (strcmp(value, words[i]) == 0)
                        return true;
        }
        return false;
}

/* networkd.conf(5): what it does not know is dropped when it configures a link, unless told otherwise. */
static void check_networkd(struct doctor *d)
{
        static const char *const keys[] = {"ManageForeignRoutingPolicyRules", "ManageForeignRoutes"};

        if (!doctor_has_file(d, "/run/systemd/netif/state"))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                if (!says_no(setting(d, "/etc/systemd/networkd.conf", "/etc/systemd/networkd.conf.d",
                                     keys[i])))
                        doctor_say(d, DOCTOR_WARN,
                                   arena_printf(
                                           d->arena,
                                           "[Network] %s=no in /etc/systemd/networkd.conf.d/80-vpcwire.conf; "
                                           "systemctl restart systemd-networkd",
                                           keys[i]),
                                   "systemd-networkd is running, and %s is not \"no\"", keys[i]);
        }
}

/* NetworkManager.conf(5). */
static void check_network_manager(struct doctor *d)
{
        const char *value;

        if (!doctor_has_file(d, "/run/NetworkManager"))
                return;
        value = setting(d, "/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d",
                        "unmanaged-devices");
        if (!value || !strstr(value, arena_printf(d->arena, "interface-name:%s*", d->veth_prefix)))
                doctor_say(
                        d, DOCTOR_WARN,
                        arena_printf(
                                d->arena,
                                "[keyfile] unmanaged-devices=interface-name:%s*;interface-name:eth*,except:"
                                "interface-name:eth0 in /etc/NetworkManager/conf.d/80-vpcwire.conf; "
                                "systemctl reload NetworkManager",
                                d->veth_prefix),
                        "NetworkManager is running, and its unmanaged-devices do not include "
                        "interface-name:%s*",
                        d->veth_prefix);
}

/* cloud-init writes this rule where its hotplug of network devices is on. */
#define CLOUD_INIT_FOUND                                                                                     \
        "cloud-init's network hotplug is on: it configures ENIs that are attached later, with all their "    \
        "addresses"
#define CLOUD_INIT_CURE                                                                                      \
        "updates: {network: {when: [boot-new-instance]}} in /etc/cloud/cloud.cfg.d/99-vpcwire.cfg; remove "  \
        "that udev rule; udevadm control --reload"

/* Programs of cloud images that configure further ENIs in a way of their own. */
static void check_cloud_tools(struct doctor *d)
{
        static const struct {
                const char *file, *what, *remedy;
        } tools[] = {
                {"/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer", "nm-cloud-setup is enabled",
                 "systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service"},
                {"/usr/lib/udev/rules.d/99-vpc-policy-routes.rules", "amazon-ec2-net-utils is installed",
                 "remove amazon-ec2-net-utils"},
                {"/etc/udev/rules.d/53-ec2-network-interfaces.rules", "ec2-net-utils is installed",
                 "remove ec2-net-utils"},
                {"/etc/udev/rules.d/90-cloud-init-hook-hotplug.rules", CLOUD_INIT_FOUND, CLOUD_INIT_CURE},
                {"/etc/udev/rules.d/10-cloud-init-hook-hotplug.rules", CLOUD_INIT_FOUND, CLOUD_INIT_CURE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
                if (doctor_has_file(d, tools[i].file))
                        doctor_say(d, DOCTOR_WARN, tools[i].remedy, "%s", tools[i].what);
        }
}

static const struct doctor_check host_checks[] = {
        {"networkd", check_networkd, "not running, or does not touch our rules and routes",
         "each time it configures a link, it removes our rules and routes; they are missing until ipamd "
         "restores them",
         DOCTOR_NEEDS_HOST},
        {"network-manager", check_network_manager, "not running, or does not touch our links",
         "it may change the pods' links and the ENIs' links", DOCTOR_NEEDS_HOST},
        {"cloud-tools", check_cloud_tools, "none configures ENIs",
         "it adds its own rules and routes for the same ENIs, which conflict with ours", DOCTOR_NEEDS_HOST},
};

struct doctor_checks doctor_checks_host(void)
{
        return (struct doctor_checks){host_checks, ARRAY_SIZE(host_checks)};
}
