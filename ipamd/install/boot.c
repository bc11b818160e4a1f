// SPDX-License-Identifier: Apache-2.0
/*
 * A boot begins without our conflist, although the disk keeps it: a runtime that finds it calls the node ready and asks a
 * plugin whose daemon comes only half a minute later. systemd applies the rule before it starts any service; "!" makes it
 * one for boots alone.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "install/install.h"
#include "install/place.h"

#define TMPFILES_FOLDER "/etc/tmpfiles.d"
#define RULE_NAME       "vpcwire.conf"
#define RULE_HEAD                                                                                            \
        "# Written by `ipamd install`: ipamd puts this file back once it can serve. See tmpfiles.d(5).\n"

enum { RULE_MODE = 0644 };

/* Others would have to be quoted in the rule. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"

/* The conflist's path as the host has it. */
static int path_on_host(const struct install_paths *paths, char **ret, struct err *err)
{
        size_t n = strlen(paths->tmpfiles_folder), suffix = strlen(TMPFILES_FOLDER), root = n - suffix;
        _cleanup_free_ char *path = NULL;

        if (n < suffix || strcmp(paths->tmpfiles_folder + root, TMPFILES_FOLDER) != 0)
                return err_set(err, ERR_INVALID,
                               "HOST_TMPFILES_PATH is '%.128s', and must end in " TMPFILES_FOLDER,
                               paths->tmpfiles_folder);
        if (strncmp(paths->conf_folder, paths->tmpfiles_folder, root) != 0 || paths->conf_folder[root] != '/')
                return err_set(err, ERR_INVALID,
                               "HOST_CNI_CONFDIR_PATH '%.128s' is not below '%.*s', as HOST_TMPFILES_PATH is",
                               paths->conf_folder, (int)root, paths->tmpfiles_folder);
        path = xasprintf("%s/%s", paths->conf_folder + root, paths->conflist_name);
        if (path[strspn(path, PLAIN)])
                return err_set(err, ERR_INVALID, "'%.128s' cannot stand in a rule of tmpfiles.d", path);
        *ret = TAKE_PTR(path);
        return 0;
}

int install_boot_rule(const struct install_paths *paths, bool *ret_changed, struct err *err)
{
        _cleanup_free_ char *path = NULL, *rule = NULL, *text = NULL;

        *ret_changed = false;
        if (!paths->tmpfiles_folder)
                return 0;
        if (path_on_host(paths, &path, err) < 0)
                return -(int)err->code;
        rule = xasprintf("%s/" RULE_NAME, paths->tmpfiles_folder);
        text = xasprintf(RULE_HEAD "r! %s\n", path);
        return place_file(rule, text, strlen(text), RULE_MODE, ret_changed, err);
}

int install_remove_boot_rule(const struct install_paths *paths, struct err *err)
{
        _cleanup_free_ char *rule = NULL;
        bool changed = false;

        if (!paths->tmpfiles_folder)
                return 0;
        rule = xasprintf("%s/" RULE_NAME, paths->tmpfiles_folder);
        return place_remove(rule, &changed, err);
}
