// SPDX-License-Identifier: Apache-2.0
#include "install/conflist_mend.h"

#include <string.h>

#include <vpcwire/jsonx.h>

#include "install/install.h"

#define PLUGINS  "plugins"
#define VERSIONS "cniVersions"

enum { NOWHERE = -1 };

static const char *type_of(const json_t *plugin)
{
        return json_string_value(json_object_get(plugin, "type")) ?: "";
}

static int place_of(const json_t *list, const json_t *item)
{
        const json_t *one;
        size_t i;

        json_array_foreach(list, i, one)
        {
                if (json_equal(one, item))
                        return (int)i;
        }
        return NOWHERE;
}

json_t *conflist_plugin(const json_t *conflist, bool also_aws_cni)
{
        const json_t *plugins = json_object_get(conflist, PLUGINS);
        json_t *plugin;
        size_t i;

        json_array_foreach(plugins, i, plugin)
        {
                const char *type = type_of(plugin);

                if (strcmp(type, INSTALL_PLUGIN_NAME) == 0 ||
                    (also_aws_cni && strcmp(type, INSTALL_LINK_NAME) == 0))
                        return plugin;
        }
        return NULL;
}

/* Aws-vpc-cni's own configuration has no socket: its plugin speaks gRPC to a fixed port. */
bool conflist_is_ours(const json_t *conflist, const json_t *template)
{
        const json_t *linked = conflist_plugin(conflist, true);

        return conflist_plugin(conflist, false) || json_object_get(linked, "socket") ||
               (linked && json_equal(linked, conflist_plugin(template, true)));
}

static void mend_top(json_t *conflist, const json_t *template)
{
        _cleanup_json_ json_t *keys = json_deep_copy(template);

        json_object_del(keys, PLUGINS);
        json_object_update(conflist, keys);
}

static void take_out(json_t *plugins, const json_t *before, const json_t *wanted)
{
        const json_t *plugin;
        size_t i;

        json_array_foreach(before, i, plugin)
        {
                int place = place_of(wanted, plugin) == NOWHERE ? place_of(plugins, plugin) : NOWHERE;

                if (place != NOWHERE)
                        json_array_remove(plugins, (size_t)place);
        }
}

/* Each behind the one that it follows in the template. */
static void put_in(json_t *plugins, const json_t *before, const json_t *wanted)
{
        const json_t *plugin;
        size_t i;

        json_array_foreach(wanted, i, plugin)
        {
                int previous = i ? place_of(plugins, json_array_get(wanted, i - 1)) : NOWHERE;

                if (place_of(before, plugin) == NOWHERE && place_of(plugins, plugin) == NOWHERE)
                        json_array_insert_new(plugins, previous == NOWHERE ? 0 : (size_t)previous + 1,
                                              json_deep_copy(plugin));
        }
}

void conflist_mend(json_t *conflist, const json_t *before, const json_t *template)
{
        json_t *plugins = json_object_get(conflist, PLUGINS);
        const json_t *wanted = json_object_get(template, PLUGINS);
        int place = place_of(plugins, conflist_plugin(conflist, true));

        if (conflist_plugin(conflist, false))
                place = place_of(plugins, conflist_plugin(conflist, false));
        json_array_set_new(plugins, (size_t)place, json_deep_copy(conflist_plugin(template, true)));
        mend_top(conflist, template);
        if (!before)
                return;
        take_out(plugins, json_object_get(before, PLUGINS), wanted);
        put_in(plugins, json_object_get(before, PLUGINS), wanted);
}

static bool names(const json_t *list, const char *name)
{
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item)
        {
                if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
                        return true;
        }
        return false;
}

void conflist_offer_status(json_t *conflist, const json_t *capable)
{
        const json_t *plugins = json_object_get(conflist, PLUGINS), *plugin;
        json_t *versions = json_object_get(conflist, VERSIONS);
        size_t i;

        if (!json_is_array(versions) || names(versions, INSTALL_CNI_STATUS))
                return;
        json_array_foreach(plugins, i, plugin)
        {
                if (!names(capable, type_of(plugin)))
                        return;
        }
        json_array_append_new(versions, json_string(INSTALL_CNI_STATUS));
}
