// SPDX-License-Identifier: Apache-2.0
/* Inside client: the two halves of http_exchange(), for whoever carries curl's handle himself. */
#ifndef IPAMD_CLIENT_HTTP_HANDLE_H
#define IPAMD_CLIENT_HTTP_HANDLE_H

#include <curl/curl.h>

#include <vpcwire/err.h>

struct http;
struct http_reply;
struct http_request;

/* All that is to be done before *ret, which stays http's, is performed. The request's body is borrowed until http_finish(). */
int http_prepare(struct http *http, const struct http_request *request, CURL **ret, struct err *err);

/* The reply, or what curl's result means. Errors as http_exchange(). */
int http_finish(struct http *http, CURLcode result, struct http_reply *ret, struct err *err);

#endif
