// SPDX-License-Identifier: Apache-2.0
/*
 * Inside install: what of a conflist on the host is ours. Pure. Others may write into it, too: a mesh appends its plugin,
 * and would append it again and again if we took it out. So of a file that names us we own our plugin's object, the
 * top-level keys that our template has, and the other plugins of the template as far as we put them there.
 */
#ifndef IPAMD_INSTALL_CONFLIST_MEND_H
#define IPAMD_INSTALL_CONFLIST_MEND_H

#include <stdbool.h>

#include <jansson.h>

/* The plugin of type vpcwire, or also of type aws-cni. NULL: there is none. Borrowed. */
json_t *conflist_plugin(const json_t *conflist, bool also_aws_cni);

/* Does it make the runtime call our plugin, and not aws-vpc-cni's own? template: what we install. */
bool conflist_is_ours(const json_t *conflist, const json_t *template);

/*
 * Brings what is ours in `conflist`, which is ours, to what the template says. before: the template of the last time, for
 * the plugins that came or went since; NULL: not known, so other plugins are left alone.
 */
void conflist_mend(json_t *conflist, const json_t *before, const json_t *template);

/*
 * Adds CNI 1.1.0, from which on runtimes ask STATUS, to the versions of a conflist that lists some, if all its plugins are
 * in the list of those that can speak it (types as strings; NULL: nobody was asked).
 */
void conflist_offer_status(json_t *conflist, const json_t *capable);

#endif
