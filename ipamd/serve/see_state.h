// SPDX-License-Identifier: Apache-2.0
/* Shared by the files that make what can be seen. Each function is an answer of a route; data is the struct see. */
#ifndef IPAMD_SERVE_SEE_STATE_H
#define IPAMD_SERVE_SEE_STATE_H

#include <jansson.h>

#include "serve/see.h"
#include "serve/state.h"
#include "serve/web.h"

struct see {
        struct see_options options;
        struct web *metrics, *introspection;
};

/* The pool as it stands, read at one time; all in the arena. */
struct see_books {
        int64_t now_ms;
        struct store_eni *enis;
        struct store_address *addresses;
        struct store_lease *leases; /* sorted for see_lease() */
        size_t n_enis, n_addresses, n_leases;
};
int see_read_books(struct see *see, struct arena *arena, struct see_books *ret, struct err *err);
/* The lease of this address; NULL: it has none. */
const struct store_lease *see_lease(const struct see_books *books, struct ip address);

/* Status, as the RPC answers it. */
int see_status(struct see *see, struct arena *arena, struct ipam_status_reply *ret, struct err *err);

/* Takes the reference. */
void see_answer_json(struct web_answer *answer, json_t *json);
/* 500, with the text; logged. */
void see_answer_failed(struct web_answer *answer, const char *what, const struct err *err);

/* expose.c */
void see_metrics(void *data, const struct web_route *route, struct web_answer *ret);
/* introspect_enis.c, introspect.c */
void see_enis(void *data, const struct web_route *route, struct web_answer *ret);
void see_pods(void *data, const struct web_route *route, struct web_answer *ret);
void see_settings_of_network(void *data, const struct web_route *route, struct web_answer *ret);
void see_settings_of_ipamd(void *data, const struct web_route *route, struct web_answer *ret);
void see_healthz(void *data, const struct web_route *route, struct web_answer *ret);
void see_readyz(void *data, const struct web_route *route, struct web_answer *ret);
/* introspect_node.c: all that the page shows. */
void see_node(void *data, const struct web_route *route, struct web_answer *ret);

#endif
