// SPDX-License-Identifier: Apache-2.0
/* The network configuration: checked against the daemon's settings, put onto the host, withdrawn. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/file.h>
#include <vpcwire/ipam.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/mem.h>

#include "install/install.h"
#include "install/place.h"

enum { CONFLIST_MODE = 0644 };

/* The plugin's default, which holds where its configuration is silent (cni/netconf.c). */
#define PLUGIN_VETH_PREFIX "eni"

static bool type_is_ours(const json_t *plugin, bool aws_cni_link)
{
        const char *type = json_string_value(json_object_get(plugin, "type"));

        return type && (strcmp(type, INSTALL_PLUGIN_NAME) == 0 ||
                        (aws_cni_link && strcmp(type, INSTALL_LINK_NAME) == 0));
}

static const json_t *our_plugin(const json_t *root, bool aws_cni_link)
{
        const json_t *plugins = json_object_get(root, "plugins"), *plugin;
        size_t i;

        json_array_foreach(plugins, i, plugin)
        {
                if (type_is_ours(plugin, aws_cni_link))
                        return plugin;
        }
        return NULL;
}

static int check_agrees(const json_t *plugin, const char *key, const char *silent, const char *daemons,
                        const char *setting, struct err *err)
{
        const json_t *value = json_object_get(plugin, key);
        const char *text = value ? json_string_value(value) : silent;

        if (!text || strcmp(text, daemons) != 0)
                return err_set(err, ERR_INVALID, "its %s is '%.108s', and the daemon's %s is '%.108s'", key,
                               text ?: "no string", setting, daemons);
        return 0;
}

static int parse(const struct install_paths *paths, const char *text, size_t n, struct err *err)
{
        _cleanup_json_ json_t *root = NULL;
        const json_t *plugin;

        if (jsonx_parse(text, n, &root, err) < 0)
                return -(int)err->code;
        if (!json_is_string(json_object_get(root, "name")))
                return err_set(err, ERR_INVALID, "it has no name");
        plugin = our_plugin(root, paths->aws_cni_link);
        if (!plugin)
                return err_set(err, ERR_INVALID, "it has no plugin of type " INSTALL_PLUGIN_NAME "%s",
                               paths->aws_cni_link ? " or " INSTALL_LINK_NAME : "");
        if (check_agrees(plugin, "vethPrefix", PLUGIN_VETH_PREFIX, paths->veth_prefix,
                         "AWS_VPC_K8S_CNI_VETHPREFIX", err) < 0)
                return -(int)err->code;
        return check_agrees(plugin, "socket", IPAM_SOCKET_DEFAULT, paths->socket, "VPCWIRE_SOCKET", err);
}

static int read_ours(const struct install_paths *paths, char **ret, size_t *ret_n, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        size_t n;

        if (file_read(paths->conflist, INSTALL_CONFLIST_BYTES_MAX, &text, &n, err) < 0)
                return err_wrap(err, "the network configuration to install (VPCWIRE_CONFLIST)");
        if (parse(paths, text, n, err) < 0)
                return err_wrap(err, "%s (VPCWIRE_CONFLIST)", paths->conflist);
        *ret = TAKE_PTR(text);
        *ret_n = n;
        return 0;
}

int install_check_conflist(const struct install_paths *paths, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        size_t n;

        return read_ours(paths, &text, &n, err);
}

/*
 * Ours is whatever makes the runtime call our plugin by its name, so a user's change of the file does not make it somebody
 * else's; and what equals the file that we install. One that only names aws-cni may be aws-vpc-cni's own.
 */
static bool is_ours(const struct install_paths *paths, const char *path)
{
        _cleanup_free_ char *text = NULL, *ours = NULL;
        _cleanup_json_ json_t *root = NULL;
        size_t n, ours_n;

        if (file_read(path, INSTALL_CONFLIST_BYTES_MAX, &text, &n, NULL) < 0)
                return false;
        if (jsonx_parse(text, n, &root, NULL) == 0 && our_plugin(root, false))
                return true;
        return file_read(paths->conflist, INSTALL_CONFLIST_BYTES_MAX, &ours, &ours_n, NULL) == 0 &&
               n == ours_n && memcmp(text, ours, n) == 0;
}

int install_conflist(const struct install_paths *paths, bool *ret_changed, struct err *err)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", paths->conf_folder, paths->conflist_name);
        _cleanup_free_ char *text = NULL;
        bool changed = false;
        size_t n;

        if (read_ours(paths, &text, &n, err) < 0)
                return -(int)err->code;
        if (file_make_folder(paths->conf_folder, 0755, err) < 0)
                return err_wrap(err, "the host's folder of network configurations (HOST_CNI_CONFDIR_PATH)");
        if (!is_ours(paths, path) && place_save(path, err) < 0)
                return err_wrap(err, "install the network configuration");
        if (place_file(path, text, n, CONFLIST_MODE, &changed, err) < 0)
                return err_wrap(err, "install the network configuration");
        *ret_changed = changed;
        return 0;
}

int install_withdraw_conflist(const struct install_paths *paths, bool *ret_changed, struct err *err)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", paths->conf_folder, paths->conflist_name);
        bool changed = false;

        if (is_ours(paths, path) && place_take_away(path, &changed, err) < 0)
                return err_wrap(err, "withdraw the network configuration");
        *ret_changed = changed;
        return 0;
}
