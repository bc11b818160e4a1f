// SPDX-License-Identifier: Apache-2.0
/*
 * What a runtime says by environment variables: the CNI_* ones, and the pod's identity inside CNI_ARGS. Pure: the
 * environment is passed in, nothing is looked up.
 */
#ifndef CNI_ARGS_H
#define CNI_ARGS_H

#include <stdbool.h>

#include <vpcwire/err.h>

/* Variables that a verb cannot do without. */
enum args_needs {
        NEEDS_CONTAINER_ID = 1 << 0,
        NEEDS_NETNS = 1 << 1,
        NEEDS_IFNAME = 1 << 2,
        NEEDS_PATH = 1 << 3,
};

enum {
        POD_TEXT_BYTES = 256, /* of a Kubernetes name (253), with room */
};

/* The values point into the environment; a variable that is absent is "". */
struct cni_args {
        const char *command;
        const char *container_id;
        const char *netns;
        const char *ifname;
        const char *args;
        const char *path;
        const char *netns_override;
};

/* Empty strings where the runtime does not say. */
struct pod_identity {
        char namespace[POD_TEXT_BYTES];
        char name[POD_TEXT_BYTES];
        char uid[POD_TEXT_BYTES];
        char infra_container_id[POD_TEXT_BYTES];
        char ip[POD_TEXT_BYTES], mac[POD_TEXT_BYTES]; /* that the caller wants for the pod, see requested.h */
};

/* env is "KEY=value" strings, closed by NULL; it must outlive *ret. */
void args_from_env(const char *const env[], struct cni_args *ret);

/* Whether what the verb needs (a set of enum args_needs) is there. ERR_INVALID names all that is missing. */
int args_check_present(const struct cni_args *args, unsigned needs, struct err *err);
/* Whether what is there of it is well formed. ERR_INVALID names what is not. */
int args_check_values(const struct cni_args *args, unsigned needs, struct err *err);

/* Whether CNI_NETNS_OVERRIDE allows the plugin's own namespace as the pod's. */
bool args_allow_own_netns(const struct cni_args *args);

/*
 * Parses CNI_ARGS ("K=V;K=V", any order). Unknown keys are an error unless IgnoreUnknown is true, wherever it stands;
 * so is a pair without exactly one '='. The error (ERR_INVALID) names the pair.
 */
int args_parse_pod(const char *cni_args, struct pod_identity *ret, struct err *err);

/* Letters, digits, '_', '.', '-', the first a letter or digit: container ids and network names. */
bool name_is_plain(const char *text);

#endif
