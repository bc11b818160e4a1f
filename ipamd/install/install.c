// SPDX-License-Identifier: Apache-2.0
/* The plugin and the link aws-cni. */
#include "install/install.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

#include "install/place.h"

enum { PLUGIN_MODE = 0755, FOLDER_MODE = 0755 };

/* A link of ours is relative, so it holds on the host, where the folder has another name than in a container. */
static bool is_our_link(const char *path)
{
        char target[sizeof(INSTALL_PLUGIN_NAME) + 1];
        ssize_t n = readlink(path, target, sizeof(target));

        return n == (ssize_t)strlen(INSTALL_PLUGIN_NAME) &&
               memcmp(target, INSTALL_PLUGIN_NAME, (size_t)n) == 0;
}

static int install_link(const struct install_paths *paths, bool *changed, struct err *err)
{
        _cleanup_free_ char *link = xasprintf("%s/" INSTALL_LINK_NAME, paths->bin_folder);
        _cleanup_free_ char *temporary = xasprintf("%s.vpcwire", link);

        if (is_our_link(link))
                return 0;
        if (place_save(link, err) < 0)
                return -(int)err->code;
        if ((unlink(temporary) < 0 && errno != ENOENT) || symlink(INSTALL_PLUGIN_NAME, temporary) < 0 ||
            rename(temporary, link) < 0)
                return err_set_errno(err, errno, "make the link %s", link);
        *changed = true;
        return 0;
}

int install_plugin(const struct install_paths *paths, bool *ret_changed, struct err *err)
{
        _cleanup_free_ char *plugin = xasprintf("%s/" INSTALL_PLUGIN_NAME, paths->bin_folder);
        _cleanup_free_ char *ours = NULL;
        bool changed = false;
        size_t n;

        if (file_read(paths->plugin, INSTALL_PLUGIN_BYTES_MAX, &ours, &n, err) < 0)
                return err_wrap(err, "the plugin to install (VPCWIRE_PLUGIN)");
        if (file_make_folder(paths->bin_folder, FOLDER_MODE, err) < 0)
                return err_wrap(err, "the host's folder of CNI plugins (HOST_CNI_BIN_PATH)");
        if (place_file(plugin, ours, n, PLUGIN_MODE, &changed, err) < 0)
                return err_wrap(err, "install the plugin");
        if (paths->aws_cni_link && install_link(paths, &changed, err) < 0)
                return err_wrap(err, "install the plugin as " INSTALL_LINK_NAME);
        *ret_changed = changed;
        return 0;
}

int install_remove_plugin(const struct install_paths *paths, bool *ret_changed, struct err *err)
{
        _cleanup_free_ char *plugin = xasprintf("%s/" INSTALL_PLUGIN_NAME, paths->bin_folder);
        _cleanup_free_ char *link = xasprintf("%s/" INSTALL_LINK_NAME, paths->bin_folder);
        bool changed = false;

        if (is_our_link(link) && place_take_away(link, &changed, err) < 0)
                return err_wrap(err, "remove the link " INSTALL_LINK_NAME);
        if (place_take_away(plugin, &changed, err) < 0)
                return err_wrap(err, "remove the plugin");
        *ret_changed = changed;
        return 0;
}
