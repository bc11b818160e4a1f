// SPDX-License-Identifier: Apache-2.0
/*
 * A request to the API server. The bearer token is read from its file for each one, as it is replaced every hour or so, and
 * wiped behind it. https only, verified by the cluster's authority alone; no proxy.
 */
#ifndef IPAMD_KUBE_REQUEST_H
#define IPAMD_KUBE_REQUEST_H

#include "client/http_loop.h"

enum {
        REQUEST_TIMEOUT_MS = 10 * 1000,
        REQUEST_CONNECT_TIMEOUT_MS = 5 * 1000,
        REQUEST_REPLY_BYTES_MAX = 64 * 1024, /* an Event has one or two */
        REQUEST_TOKEN_BYTES_MAX = 16 * 1024,
};

/* What every request has; authority: the file of the cluster's certificates, borrowed. */
struct http_options request_options(const char *authority);

struct request {
        const char *method; /* "POST", "PATCH" */
        const char *url;
        const char *content_type;
        const char *body;
};

/* Errors of the token's file and of http_loop_start(). */
int request_start(struct http_loop *client, const char *token_file, const struct request *request,
                  struct err *err);

#endif
