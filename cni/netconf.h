// SPDX-License-Identifier: Apache-2.0
/*
 * The network configuration that comes on standard input. Pure. Two steps, because the specification wants its errors in
 * an order: what every plugin must understand (name, cniVersion) first, our own settings when a verb needs them.
 * Unknown keys are ignored; what we do not use of runtimeConfig and capabilities is tolerated in whatever spelling
 * (containerd 1.6 writes "IngressRate" where others write "ingressRate").
 */
#ifndef CNI_NETCONF_H
#define CNI_NETCONF_H

#include <sys/un.h>

#include <vpcwire/jsonx.h>

#include "name.h"
#include "version.h"

enum {
        NETCONF_BYTES_MAX = 1024 * 1024,
        NETCONF_TEXT_BYTES = 4096,   /* of a path */
        NETCONF_TIMEOUT_S = 30,      /* where the configuration says none */
        NETCONF_TIMEOUT_S_MAX = 240, /* kubelet gives up on a sandbox after 4 min */
        NETCONF_MTU_MIN = 576,       /* what every IPv4 host must take (RFC 791) */
        NETCONF_MTU_MAX = 9001,      /* EC2's jumbo frame */
};

/* What "type" or "ipam.type" must be for us to be meant. */
#define PLUGIN_TYPE "vpcwire"

/* Owns its JSON; the rest borrows from it. */
struct netconf {
        json_t *root;
        const char *name;
        const char *type; /* "": none */
        enum cni_version version;
        json_t *prev_result; /* NULL: none */
        json_t *dns;         /* for the result of ADD; NULL: none */
        /*
         * "ipam" names us and "type" does not: another plugin wires the pod and runs us for the address alone (SPEC 1.1.0,
         * section 4, delegated plugins). Our settings are inside "ipam" then; those beside it are that plugin's.
         */
        bool delegated;
};

struct settings {
        char veth_prefix[POD_LINK_PREFIX_MAX + 1];
        char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
        char log_file[NETCONF_TEXT_BYTES]; /* "": none */
        unsigned mtu;                      /* 0: what the daemon says */
        int timeout_ms;
        const json_t *routes; /* of ipam.routes, sound; NULL: it is absent. Borrows from the netconf */
};

/* A pod's interface that the runtime says is alive. Borrows from the netconf. */
struct valid_attachment {
        const char *container_id, *ifname;
};

/*
 * Parses name and cniVersion. ERR_PROTOCOL: the bytes are no JSON object; ERR_INVALID: the name is missing or malformed,
 * or a key has the wrong type; ERR_UNSUPPORTED: the version.
 */
int netconf_parse(const char *bytes, size_t n, struct netconf *ret, struct err *err);
/* For DEL, which must not fail: what is sound of it; without a name of the network, that is "". */
void netconf_parse_lenient(const char *bytes, size_t n, struct netconf *ret);
void netconf_done(struct netconf *conf);

/* The cniVersion in the bytes, if it can be found and we know it; else the newest. For answers that must not fail. */
enum cni_version netconf_guess_version(const char *bytes, size_t n);

/* What holds where the configuration says nothing. */
struct settings settings_default(void);

/*
 * Our own keys: vethPrefix, mtu, socket, timeoutSeconds, logFile, dns; for a delegated call those of "ipam": socket,
 * timeoutSeconds, logFile, routes. ERR_INVALID names the key, the value and what is allowed; ERR_UNSUPPORTED: "ipam" names
 * a plugin, which we would never call, or has a key that we do not know. *ret then holds what was good, and the defaults
 * for the rest: DEL goes on with that.
 */
int netconf_parse_settings(const struct netconf *conf, struct settings *ret, struct err *err);

/*
 * What GC calls alive. *ret is NULL when the key is absent (then nothing may be collected), else an array of *ret_n,
 * owned by the caller; an empty list is an array of 0. ERR_INVALID: the list is malformed.
 */
int netconf_parse_valid_attachments(const struct netconf *conf, struct valid_attachment **ret, size_t *ret_n,
                                    struct err *err);

#endif
