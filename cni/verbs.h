// SPDX-License-Identifier: Apache-2.0
/* The verbs of CNI, and the table that finds them. */
#ifndef CNI_VERBS_H
#define CNI_VERBS_H

#include "call.h"

enum {
        STATUS_RPC_TIMEOUT_MS =
                450, /* each of the two; containerd calls STATUS without a deadline of its own */
};

/* NULL when there is none. */
const struct verb *verb_find(const char *name);
/* "ADD, DEL, ...", for people. Owned by the caller. */
char *verb_list_names(void);

/* Asks the daemon for an address, wires the pod, confirms; undoes it all on failure. */
int verb_add(struct call *call, json_t **ret_result, struct err *err);
/* Removes the link, then gives the lease back. Fails only when the kernel refuses to remove a link that is there. */
int verb_del(struct call *call, json_t **ret_result, struct err *err);
/* Compares kernel, lease and prevResult; the error names the first thing that is not as ADD left it. */
int verb_check(struct call *call, json_t **ret_result, struct err *err);
/* Releases what is not among the valid attachments of this network, with its links; delegated: without looking for links. */
int verb_gc(struct call *call, json_t **ret_result, struct err *err);
/* Whether an ADD could be served. */
int verb_status(struct call *call, json_t **ret_result, struct err *err);
int verb_version(struct call *call, json_t **ret_result, struct err *err);

/* Opens CNI_NETNS; it must be a network namespace and, unless overridden, not the plugin's own. */
int verb_open_netns(struct call *call, int *ret_fd, struct err *err);

#endif
