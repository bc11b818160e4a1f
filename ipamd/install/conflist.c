// SPDX-License-Identifier: Apache-2.0
/* The network configuration: checked against the daemon's settings, put onto the host, withdrawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/file.h>
#include <vpcwire/ipam.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/mem.h>

#include "install/conflist_mend.h"
#include "install/install.h"
#include "install/place.h"

enum { CONFLIST_MODE = 0644 };

/* The plugin's default, which holds where its configuration is silent (cni/netconf.c). */
#define PLUGIN_VETH_PREFIX "eni"

/* The template as it was installed last, beside the daemon's socket: what of the conflist came from us. */
#define STATE_TEMPLATE "announced.conflist"

static char *dump(const json_t *json)
{
        char *text = json_dumps(json, JSON_INDENT(2));

        if (!text)
                abort(); /* out of memory, see mem.h */
        return text;
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

static int check(const struct install_paths *paths, const json_t *template, struct err *err)
{
        const json_t *plugin = conflist_plugin(template, paths->aws_cni_link);

        if (!json_is_string(json_object_get(template, "name")))
                return err_set(err, ERR_INVALID, "it has no name");
        if (!plugin)
                return err_set(err, ERR_INVALID, "it has no plugin of type " INSTALL_PLUGIN_NAME "%s",
                               paths->aws_cni_link ? " or " INSTALL_LINK_NAME : "");
        if (check_agrees(plugin, "vethPrefix", PLUGIN_VETH_PREFIX, paths->veth_prefix,
                         "AWS_VPC_K8S_CNI_VETHPREFIX", err) < 0)
                return -(int)err->code;
        return check_agrees(plugin, "socket", IPAM_SOCKET_DEFAULT, paths->socket, "VPCWIRE_SOCKET", err);
}

/* A JSON file of any kind; NULL: it is not there, or is none. */
static json_t *read_json(const char *path)
{
        _cleanup_free_ char *text = NULL;
        size_t n;

        if (file_read(path, INSTALL_CONFLIST_BYTES_MAX, &text, &n, NULL) < 0)
                return NULL;
        return json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
}

static int read_template(const struct install_paths *paths, json_t **ret, char **ret_text, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *template = NULL;
        size_t n;

        if (file_read(paths->conflist, INSTALL_CONFLIST_BYTES_MAX, &text, &n, err) < 0)
                return err_wrap(err, "the network configuration to install (VPCWIRE_CONFLIST)");
        if (jsonx_parse(text, n, &template, err) < 0 || check(paths, template, err) < 0)
                return err_wrap(err, "%s (VPCWIRE_CONFLIST)", paths->conflist);
        *ret = TAKE_PTR(template);
        *ret_text = TAKE_PTR(text);
        return 0;
}

int install_check_conflist(const struct install_paths *paths, struct err *err)
{
        _cleanup_json_ json_t *template = NULL;
        _cleanup_free_ char *text = NULL;

        return read_template(paths, &template, &text, err);
}

char *install_state_path(const struct install_paths *paths, const char *name)
{
        const char *slash = strrchr(paths->socket, '/');

        return xasprintf("%.*s/%s", (int)(slash - paths->socket), paths->socket, name);
}

/* Reads the conflist on the host if it is ours. */
static json_t *read_ours(const char *path, const json_t *template)
{
        json_t *there = read_json(path);

        if (there && !conflist_is_ours(there, template)) {
                json_decref(there);
                return NULL;
        }
        return there;
}

/* As the template has it, to the letter, where nothing is to be added. */
static int place_new(const char *path, const json_t *template, const char *text, const json_t *capable,
                     bool *changed, struct err *err)
{
        _cleanup_json_ json_t *wanted = json_deep_copy(template);
        _cleanup_free_ char *dumped = NULL;

        conflist_offer_status(wanted, capable);
        if (!json_equal(wanted, template)) {
                dumped = dump(wanted);
                text = dumped;
        }
        if (place_save(path, err) < 0)
                return -(int)err->code;
        return place_file(path, text, strlen(text), CONFLIST_MODE, changed, err);
}

static int place_mended(const char *path, const json_t *there, const json_t *before, const json_t *template,
                        const json_t *capable, bool *changed, struct err *err)
{
        _cleanup_json_ json_t *wanted = json_deep_copy(there);
        _cleanup_free_ char *text = NULL;

        conflist_mend(wanted, before, template);
        conflist_offer_status(wanted, capable);
        if (json_equal(wanted, there))
                return 0;
        text = dump(wanted);
        return place_file(path, text, strlen(text), CONFLIST_MODE, changed, err);
}

int install_conflist(const struct install_paths *paths, bool *ret_changed, struct err *err)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", paths->conf_folder, paths->conflist_name);
        _cleanup_free_ char *installed = install_state_path(paths, STATE_TEMPLATE), *text = NULL;
        _cleanup_free_ char *asked = install_state_path(paths, INSTALL_STATE_CAPABLE);
        _cleanup_json_ json_t *template = NULL, *there = NULL, *before = NULL, *capable = read_json(asked);
        bool changed = false, remembered = false;
        int r;

        if (read_template(paths, &template, &text, err) < 0)
                return -(int)err->code;
        if (file_make_folder(paths->conf_folder, 0755, err) < 0)
                return err_wrap(err, "the host's folder of network configurations (HOST_CNI_CONFDIR_PATH)");
        there = read_ours(path, template);
        before = read_json(installed);
        r = there ? place_mended(path, there, before, template, capable, &changed, err)
                  : place_new(path, template, text, capable, &changed, err);
        if (r < 0 || place_file(installed, text, strlen(text), CONFLIST_MODE, &remembered, err) < 0)
                return err_wrap(err, "install the network configuration");
        *ret_changed = changed;
        return 0;
}

int install_withdraw_conflist(const struct install_paths *paths, enum install_withdraw how, bool *ret_changed,
                              struct err *err)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", paths->conf_folder, paths->conflist_name);
        _cleanup_json_ json_t *template = read_json(paths->conflist), *there = read_ours(path, template);
        bool changed = false;
        int r = 0;

        if (there)
                r = how == INSTALL_FOR_GOOD ? place_take_away(path, &changed, err)
                                            : place_remove(path, &changed, err);
        if (r < 0)
                return err_wrap(err, "remove the network configuration");
        *ret_changed = changed;
        return 0;
}
