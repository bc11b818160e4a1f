// SPDX-License-Identifier: Apache-2.0
/*
 * What of a text may go to others: the values of keys that are known to be harmless, each kind of text with its own list
 * (allow_keys.c). All other values are replaced, and so are a line that has no key, a line of a log that is not of our form, and
 * a text that begins as JSON and is none. In values that are shown, what can only be a secret is still replaced: keys of AWS,
 * tokens, user and password in URLs. Pure; the time is linear in the text.
 */
#ifndef IPAMD_CTL_ALLOW_H
#define IPAMD_CTL_ALLOW_H

#include <stdbool.h>
#include <stddef.h>

#include <vpcwire/mem.h>

enum allow {
        ALLOW_PROSE,      /* what our own programs and the kernel say: without keys */
        ALLOW_LOG,        /* lines of ipamd and of the plugin, also as a container's runtime keeps them */
        ALLOW_SETTINGS,   /* KEY=value, by ipamd's table of settings */
        ALLOW_CNI,        /* network configurations */
        ALLOW_KUBELET,    /* KubeletConfiguration, JSON or YAML */
        ALLOW_CONTAINERD, /* TOML */
        _ALLOW_MAX,
};

/* Whether the value of the key is shown. */
bool allow_knows(enum allow how, const char *key);
/* Appends what may be shown of the text, n bytes of any kind. */
void allow(enum allow how, const char *text, size_t n, struct text *to);

#endif
