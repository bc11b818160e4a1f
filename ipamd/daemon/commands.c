// SPDX-License-Identifier: Apache-2.0
#include "daemon/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/link.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>

#include "daemon/database_open.h"
#include "install/announce.h"
#include "node/leave.h"
#include "node/sync.h"
#include "store/store.h"

struct install_paths command_paths(const struct config *config)
{
        return (struct install_paths){
                .plugin = config->plugin_path,
                .bin_folder = config->host_bin_folder,
                .conflist = config->conflist_path,
                .conf_folder = config->host_conf_folder,
                .conflist_name = config->conflist_name,
                .tmpfiles_folder = config->host_tmpfiles_folder,
                .veth_prefix = config->veth_prefix,
                .socket = config->socket_path,
                .aws_cni_link = config->aws_cni_link,
        };
}

char *command_marker(const struct config *config)
{
        const char *slash = strrchr(config->socket_path, '/');

        return xasprintf("%.*s/announced", (int)(slash - config->socket_path), config->socket_path);
}

static int need_folders(const struct config *config, struct err *err)
{
        if (!config->host_bin_folder)
                return err_set(err, ERR_INVALID,
                               "HOST_CNI_BIN_PATH is not set: the host's folder of CNI plugins, as "
                               "/host/opt/cni/bin in a container");
        return 0;
}

/* What the daemon cannot do is no reason to leave the node without it. */
static void prepare_conflist(const struct install_paths *paths)
{
        bool changed = false;
        struct err err;

        if (install_boot_rule(paths, &changed, &err) < 0)
                log_warn("network configuration will not be removed at the next boot", LOG_ERR(&err));
        if (changed)
                log_info("network configuration will be removed at each boot",
                         LOG_STR("folder", paths->tmpfiles_folder));
        if (install_ask_plugins(paths, &err) < 0)
                log_warn("container runtimes will not call STATUS", LOG_ERR(&err));
}

int command_install(const struct config *config, struct err *err)
{
        struct install_paths paths = command_paths(config);
        _cleanup_free_ char *marker = command_marker(config);
        bool changed = false, withdrawn = false;

        if (need_folders(config, err) < 0 || install_plugin(&paths, &changed, err) < 0)
                return -(int)err->code;
        log_info(changed ? "plugin installed" : "plugin is already installed",
                 LOG_STR("folder", paths.bin_folder), LOG_STR("version", VPCWIRE_VERSION));
        if (!paths.conf_folder)
                return 0;
        if (install_check_conflist(&paths, err) < 0)
                return -(int)err->code;
        if (!announce_was_made(marker) &&
            install_withdraw_conflist(&paths, INSTALL_FOR_NOW, &withdrawn, err) < 0)
                return -(int)err->code;
        if (withdrawn)
                log_info("network configuration of an earlier boot removed until the daemon serves",
                         LOG_STR("folder", paths.conf_folder));
        prepare_conflist(&paths);
        return 0;
}

/* Links on this host that our plugin made: by their group, whatever they are called now, or an older plugin's name and alias. */
static int count_links(const char *veth_prefix, size_t *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        struct link_info *links;
        size_t n, pods = 0;

        if (netlink_open(-1, &nl, err) < 0 || link_dump(nl, arena, &links, &n, err) < 0)
                return err_wrap(err, "look for pods' links");
        for (size_t i = 0; i < n; i++)
                pods += strcmp(links[i].kind, "veth") == 0 &&
                        (links[i].group == DATAPLANE_LINK_GROUP ||
                         (*links[i].alias && strncmp(links[i].name, veth_prefix, strlen(veth_prefix)) == 0));
        *ret = pods;
        return 0;
}

/* Those that another plugin wired have no link of ours, and our rules are theirs, too. What died reserved never ran. */
static int count_addresses_alone(const struct config *config, size_t *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_freep) struct store *store = NULL;
        struct lease *leases;
        size_t n, pods = 0;

        *ret = 0;
        if (access(config->db_path, F_OK) < 0)
                return 0;
        if (store_open(&(const struct store_options){.path = config->db_path}, &store, err) < 0 ||
            store_leases(store, NULL, arena, &leases, &n, err) < 0)
                return err_wrap(err, "look for pods that other plugins wired");
        for (size_t i = 0; i < n; i++)
                pods += leases[i].address_only && leases[i].state == LEASE_WIRED;
        *ret = pods;
        return 0;
}

static int count_pods(const struct config *config, size_t *ret, struct err *err)
{
        size_t links, alone;

        if (count_links(config->veth_prefix, &links, err) < 0 ||
            count_addresses_alone(config, &alone, err) < 0)
                return -(int)err->code;
        *ret = links + alone;
        return 0;
}

static int withdraw(const struct config *config, const struct install_paths *paths, struct err *err)
{
        _cleanup_free_ char *marker = command_marker(config);
        bool changed = false;

        if (!paths->conf_folder)
                return 0;
        if (install_withdraw_conflist(paths, INSTALL_FOR_GOOD, &changed, err) < 0 ||
            install_remove_boot_rule(paths, err) < 0)
                return -(int)err->code;
        unlink(marker);
        log_info(changed ? "network configuration removed" : "network configuration was not installed",
                 LOG_STR("folder", paths->conf_folder));
        return 0;
}

/* Our rules, routes and packet filter. */
static int leave_network(struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(node_freep) struct node *node = NULL;
        unsigned n = 0;

        if (node_open(&node, err) < 0 || node_leave(node, arena, &n, err) < 0)
                return -(int)err->code;
        log_info("host network cleaned up", LOG_INT("objects", n));
        return 0;
}

static int hand_over(const struct config *config, struct err *err)
{
        int r = leave_network(err);

        return r < 0 ? r : database_remove(config, err);
}

/* Pods that run (--force) need it. The init container of `ipamd install` has no right to the network: then it is left. */
static int leave_network_of_no_pods(size_t pods, struct err *err)
{
        int r = pods ? 0 : leave_network(err);

        if (r != -ERR_DENIED)
                return r;
        log_warn("host network not cleaned up, it stays until the next boot: CAP_NET_ADMIN is missing",
                 LOG_ERR(err));
        return 0;
}

static int remove_plugin(const struct config *config, const struct install_paths *paths, bool force,
                         struct err *err)
{
        bool changed = false;
        size_t pods = 1;

        /* With --force it goes in any case, and what cannot be read counts as pods that run. */
        if (count_pods(config, &pods, err) < 0 && !force)
                return -(int)err->code;
        if (pods && !force)
                return err_set(err, ERR_BUSY,
                               "%zu pods of ours run on this node, and deleting them needs the plugin: drain "
                               "the node first, or use --force",
                               pods);
        if (install_remove_plugin(paths, &changed, err) < 0)
                return -(int)err->code;
        log_info(changed ? "plugin removed" : "plugin was not installed",
                 LOG_STR("folder", paths->bin_folder));
        if (leave_network_of_no_pods(pods, err) < 0)
                return -(int)err->code;
        return pods ? 0 : database_remove(config, err);
}

int command_uninstall(const struct config *config, enum uninstall how, struct err *err)
{
        struct install_paths paths = command_paths(config);
        _cleanup_close_ int lock_fd = -1;

        if (need_folders(config, err) < 0)
                return -(int)err->code;
        if (access(config->db_path, F_OK) == 0 && store_lock(config->db_path, &lock_fd, err) < 0)
                return err_wrap(err, "stop ipamd first");
        if (withdraw(config, &paths, err) < 0)
                return -(int)err->code;
        if (how == UNINSTALL_HANDOVER)
                return hand_over(config, err);
        return remove_plugin(config, &paths, how == UNINSTALL_FORCE, err);
}
