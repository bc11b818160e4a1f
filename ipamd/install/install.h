// SPDX-License-Identifier: Apache-2.0
/*
 * Our files on the host: the CNI plugin, the network configuration (the conflist) that makes the container runtime call
 * it, and, where an older configuration still names it, a link called aws-cni. A file is there whole or not at all: a
 * temporary beside it, mode, fsync, rename; so a plugin that runs meanwhile goes on running. What we put something else
 * in the place of is kept beside it as NAME.before-vpcwire, and comes back when ours goes.
 *
 * The runtime takes a node for ready as soon as it finds a conflist. So ours appears only when the daemon can serve (see
 * announce.h), and a new boot starts without it: systemd removes it before any runtime starts, by a rule of ours; where
 * there is no systemd, `ipamd install` does.
 */
#ifndef IPAMD_INSTALL_INSTALL_H
#define IPAMD_INSTALL_INSTALL_H

#include <stdbool.h>

#include <vpcwire/err.h>

#define INSTALL_PLUGIN_NAME "vpcwire"
#define INSTALL_LINK_NAME   "aws-cni"

/* The CNI version from which on runtimes ask for STATUS. */
#define INSTALL_CNI_STATUS "1.1.0"
/* Beside the daemon's socket: types of the plugins on the host that speak it, a JSON list. */
#define INSTALL_STATE_CAPABLE "cni-plugins-1.1"

enum {
        INSTALL_PLUGIN_BYTES_MAX = 32 * 1024 * 1024, /* ours has less than 2; with sanitizers some more */
        INSTALL_CONFLIST_BYTES_MAX = 256 * 1024,
};

/* All absolute. The strings are the caller's. */
struct install_paths {
        const char *plugin;          /* the plugin's program as it came with us */
        const char *bin_folder;      /* the host's folder of CNI plugins */
        const char *conflist;        /* the conflist as it came with us, or as a ConfigMap mounts it */
        const char *conf_folder;     /* the host's folder of network configurations */
        const char *conflist_name;   /* the file's name there */
        const char *tmpfiles_folder; /* the host's /etc/tmpfiles.d; NULL: none */
        const char *veth_prefix;     /* the conflist must agree with the daemon about these two */
        const char *socket;
        bool aws_cni_link;
};

/* Puts the plugin, and the link if it is asked for, onto the host. *ret_changed: it was not so before. */
int install_plugin(const struct install_paths *paths, bool *ret_changed, struct err *err);

/*
 * Is this file a conflist that will work with our daemon? ERR_INVALID names what is not so: JSON, a name, a plugin of type
 * vpcwire (or aws-cni, with the link), its vethPrefix and socket. Read anew each time; reading is all it does.
 */
int install_check_conflist(const struct install_paths *paths, struct err *err);
/*
 * Puts the conflist onto the host. One that names us already is left alone, or mended where it is ours (conflist_mend.h);
 * one of somebody else is kept beside it.
 */
int install_conflist(const struct install_paths *paths, bool *ret_changed, struct err *err);

enum install_withdraw {
        INSTALL_FOR_NOW, /* it comes again when the daemon serves: what ours replaced stays under another name */
        INSTALL_FOR_GOOD, /* what ours replaced comes back */
};
/* Takes our conflist away; one of somebody else is left alone. */
int install_withdraw_conflist(const struct install_paths *paths, enum install_withdraw how, bool *ret_changed,
                              struct err *err);

/*
 * Writes the rule by which systemd-tmpfiles removes the conflist at a boot, or takes it away. The conflist's path on the host
 * is what remains of ours without what stands before /etc/tmpfiles.d in the folder's: a container sees both below one mount.
 * ERR_INVALID when they do not lie so. Without a folder nothing is done.
 */
int install_boot_rule(const struct install_paths *paths, bool *ret_changed, struct err *err);
int install_remove_boot_rule(const struct install_paths *paths, struct err *err);

/*
 * Asks the plugins of the conflist, by CNI's VERSION, which of them speak 1.1.0, and writes that down for the daemon, which
 * may start no programs. A plugin that does not answer cannot.
 */
int install_ask_plugins(const struct install_paths *paths, struct err *err);

/* A file of ours beside the daemon's socket, on a tmpfs that a boot empties. The caller's to free. */
char *install_state_path(const struct install_paths *paths, const char *name);

/* Takes plugin and link away, and brings back what they replaced. */
int install_remove_plugin(const struct install_paths *paths, bool *ret_changed, struct err *err);

#endif
