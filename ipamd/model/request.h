// SPDX-License-Identifier: Apache-2.0
/* The plugin's requests: which, in what stage their time is spent, and how they end. The names stand in metrics, the log and the page. */
#ifndef IPAMD_MODEL_REQUEST_H
#define IPAMD_MODEL_REQUEST_H

enum request_verb {
        REQUEST_ADD,
        REQUEST_DEL,
        REQUEST_CHECK,
        REQUEST_TIMED_LAST = REQUEST_CHECK, /* up to here their time is measured */
        REQUEST_CONFIRM,
        REQUEST_GC,
        _REQUEST_VERB_MAX,
};
extern const char *const request_verb_names[_REQUEST_VERB_MAX];
const char *request_verb_to_string(enum request_verb verb);

enum request_stage {
        REQUEST_RPC,  /* in the daemon */
        REQUEST_WAIT, /* for an address */
        REQUEST_WIRE, /* in the plugin, as it says itself */
        _REQUEST_STAGE_MAX,
};
extern const char *const request_stage_names[_REQUEST_STAGE_MAX];
const char *request_stage_to_string(enum request_stage stage);

enum request_result {
        REQUEST_SUCCESS,
        /* of an ADD */
        REQUEST_AGAIN,       /* the key had a lease: the same one */
        REQUEST_NO_ADDRESS,  /* none became free in its time */
        REQUEST_REFUSED,     /* what it asked for cannot be had */
        REQUEST_OVERTAKEN,   /* a DEL of its key came */
        REQUEST_CALLER_GONE, /* nobody waits for the answer any more */
        REQUEST_STOPPING,    /* the daemon stops */
        REQUEST_HANDED_OVER, /* the node is another daemon's */
        /* of all others */
        REQUEST_UNKNOWN, /* there is no such lease */
        /* of any */
        REQUEST_INVALID,
        REQUEST_FAILED,
        _REQUEST_RESULT_MAX,
};
extern const char *const request_result_names[_REQUEST_RESULT_MAX];
const char *request_result_to_string(enum request_result result);

#endif
