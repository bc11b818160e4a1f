// SPDX-License-Identifier: Apache-2.0
/*
 * Tells Kubernetes, as Events about this Node, what somebody must act on. Optional: a node without a service account works
 * the same. It lives on the daemon's loop and never waits; while the API server is away, what is to be reported is kept (see
 * notices.h) and nothing else is affected. It may create and patch Events, and needs no other right.
 *
 * All functions on the loop's thread.
 */
#ifndef IPAMD_KUBE_KUBE_H
#define IPAMD_KUBE_KUBE_H

#include <uv.h>

#include <vpcwire/err.h>

#include "kube/notices.h"

enum {
        KUBE_RETRY_FIRST_MS = 1000, /* doubled with each failure, and jittered between half and whole */
        KUBE_RETRY_MAX_MS = 60 * 1000,
        KUBE_RETRY_AFTER_MAX_MS = 5 * 60 * 1000, /* what an API server may ask for */
};

struct kube;

struct kube_options {
        const char *node_name;    /* of the Node; NULL: not known */
        const char *endpoint;     /* https://...; NULL: service_host and service_port */
        const char *service_host; /* an address or a name; NULL: not known */
        unsigned service_port;
        const char *account_folder; /* with token and ca.crt in it */
};

/* ERR_UNSUPPORTED says what there is not: this node is none of Kubernetes. Nothing is sent before kube_tell(). */
int kube_new(uv_loop_t *loop, const struct kube_options *options, struct kube **ret, struct err *err);

/* The memory goes when the loop has run its close callbacks. NULL is fine. Returns NULL. */
struct kube *kube_free(struct kube *kube);

/* What is wrong now (copied); what was and is not among it is over. *ret_any_lasts: call again when it may be over. */
void kube_tell(struct kube *kube, const struct kube_notice *notices, size_t n, bool *ret_any_lasts);

#endif
