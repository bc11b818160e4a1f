// SPDX-License-Identifier: Apache-2.0
/* One call of the plugin: what the runtime gave, as the verbs get it, and the code with which a verb fails. */
#ifndef CNI_CALL_H
#define CNI_CALL_H

#include "args.h"
#include "netconf.h"
#include "requested.h"
#include "result.h"

struct call;

/* A row of the verb table. *ret_result stays NULL where success has no output. */
struct verb {
        const char *name;
        enum cni_version since;
        unsigned needs;  /* enum args_needs */
        bool has_conf;   /* standard input must hold a network configuration */
        bool is_lenient; /* what is malformed is no error: there is only less to do */
        const char *
                undone_by; /* the verb that undoes it, where its result reaches nobody; NULL: nothing to undo */
        int (*run)(struct call *call, json_t **ret_result, struct err *err);
        int (*run_delegated)(struct call *call, json_t **ret_result, struct err *err); /* as another's IPAM */
};

/*
 * What a verb works with. `code` is CNI's code for a failure; where a verb leaves it at CNI_CODE_NONE, it follows from the
 * err's code. args borrows from the environment.
 */
struct call {
        const struct verb *verb;
        struct cni_args args;
        struct netconf conf;
        enum cni_version version; /* of the answer */
        struct settings settings;
        struct pod_identity pod;
        struct requested requested;        /* of ADD */
        char host_ifname[LINK_NAME_BYTES]; /* of the pod's link, once it was seen; "": it was not */
        int64_t began_ms;                  /* of the boot clock */
        bool never_was; /* a lenient verb's names are such that nothing of them can exist */
        enum cni_code code;
};

/* Marks a failure with its CNI code: `return call_fail(call, CNI_CODE_NETNS, err)`. Returns err's code, negative. */
int call_fail(struct call *call, enum cni_code code, const struct err *err);

void call_done(struct call *call);

/* Our own keys of the configuration and CNI_ARGS: settings and pod. Switches to the log file, if there is one. */
int call_parse_own(struct call *call, struct err *err);
/* The same for ADD, and what the caller requests for the pod. */
int call_parse_own_add(struct call *call, struct err *err);
/* The same for CHECK, which needs the prevResult (CNI spec, "CHECK: Check container's networking is as expected"). */
int call_parse_own_check(struct call *call, struct err *err);
/* The same for DEL, which must not fail: what is malformed is logged, and the default is used. */
void call_parse_own_lenient(struct call *call);

/* A failure's code for the runtime: call->code, or what follows from the err's code. */
enum cni_code call_code(const struct call *call, const struct err *err);

#endif
