// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "cloud/sigv4.h"
#include "sigverify.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

enum { MAX_SIGNED_HEADERS = 64, SCOPE_PARTS = 5 };

/* The Authorization header's three parts, and the scope inside the first. */
struct authorization {
        char *key, *date, *region, *service, *terminator;
        char *signed_headers, *signature;
};

static int incomplete(struct world *world, struct err *err, const char *what)
{
        return world_refuse(world, err, "IncompleteSignature", "Authorization header: %s", what);
}

/* "Credential=.../.../.../.../..., SignedHeaders=a;b, Signature=hex", the parts in any order. */
static int parse_parts(struct world *world, char *text, char **ret_credential, struct authorization *ret,
                       struct err *err)
{
        char *save = NULL;

        for (char *part = strtok_r(text, ", ", &save); part; part = strtok_r(NULL, ", ", &save)) {
                if (strncmp(part, "Credential=", 11) == 0)
                        *ret_credential = part + 11;
                else if (strncmp(part, "SignedHeaders=", 14) == 0)
                        ret->signed_headers = part + 14;
                else if (strncmp(part, "Signature=", 10) == 0)
                        ret->signature = part + 10;
                else
                        return incomplete(world, err, "a part is not key=value");
        }
        if (!*ret_credential || !ret->signed_headers || !ret->signature)
                return incomplete(world, err, "want Credential, SignedHeaders and Signature");
        return 0;
}

static int parse_authorization(struct world *world, const struct httpd_request *request,
                               struct authorization *ret, struct err *err)
{
        const char *header = httpd_header_value(request, "Authorization");
        struct authorization parsed = {0};
        char **const parts[SCOPE_PARTS] = {&parsed.key, &parsed.date, &parsed.region, &parsed.service,
                                           &parsed.terminator};
        char *credential = NULL, *end;
        int r;

        if (!header)
                return world_refuse(world, err, "MissingAuthenticationToken",
                                    "Request is missing Authentication Token");
        if (strncmp(header, ALGORITHM " ", strlen(ALGORITHM) + 1) != 0)
                return incomplete(world, err, "the algorithm is not " ALGORITHM);
        r = parse_parts(world, arena_strdup(request->arena, header + strlen(ALGORITHM) + 1), &credential,
                        &parsed, err);
        if (r < 0)
                return r;
        for (size_t i = SCOPE_PARTS - 1; i > 0; i--) {
                end = strrchr(credential, '/');
                if (!end)
                        return incomplete(world, err,
                                          "Credential must have at least 5 slash-delimited elements");
                *end = '\0';
                *parts[i] = end + 1;
        }
        parsed.key = credential;
        if (strcmp(parsed.terminator, "aws4_request") != 0)
                return incomplete(world, err,
                                  "Credential should be scoped with a valid terminator: 'aws4_request'");
        *ret = parsed;
        return 0;
}

/* The headers that were signed, in their order; each must be there, and what must be signed must be among them. */
static int collect_headers(struct world *world, const struct httpd_request *request, char *list,
                           struct sigv4_header *headers, size_t *ret_n, struct err *err)
{
        char *save = NULL;
        size_t n = 0;

        for (char *name = strtok_r(list, ";", &save); name; name = strtok_r(NULL, ";", &save)) {
                const char *value = httpd_header_value(request, name);

                if (!value || n == MAX_SIGNED_HEADERS)
                        return incomplete(world, err, "a signed header is not there, or there are too many");
                headers[n++] = (struct sigv4_header){name, value};
        }
        for (size_t i = 0; i < request->n_headers; i++) {
                const char *name = request->headers[i].name;
                size_t j = 0;

                if (strcasecmp(name, "host") != 0 && strncasecmp(name, "x-amz-", 6) != 0)
                        continue;
                while (j < n && strcasecmp(headers[j].name, name) != 0)
                        j++;
                if (j == n)
                        return world_refuse(world, err, "SignatureDoesNotMatch",
                                            "The header '%.64s' is present in the request and was not signed",
                                            name);
        }
        *ret_n = n;
        return 0;
}

/* "20150830T123600Z" as wall clock. */
static int parse_time(const char *text, int64_t *ret_ms)
{
        struct tm tm = {0};
        const char *end = strlen(text) == 16 ? strptime(text, "%Y%m%dT%H%M%SZ", &tm) : NULL;

        if (!end || *end)
                return -ERR_INVALID;
        *ret_ms = (int64_t)timegm(&tm) * 1000;
        return 0;
}

static int check_scope(struct world *world, const struct authorization *authorization, const char *service,
                       const char *time, int64_t now_wall_ms, struct err *err)
{
        int64_t at;

        if (!time || parse_time(time, &at) < 0)
                return incomplete(world, err, "want a header X-Amz-Date of the form 20150830T123600Z");
        if (strncmp(time, authorization->date, 8) != 0 || authorization->date[8] != '\0')
                return world_refuse(
                        world, err, "SignatureDoesNotMatch",
                        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date"
                        " from HTTP");
        if (strcmp(authorization->region, world_region(world)) != 0)
                return world_refuse(world, err, "AuthFailure",
                                    "Credential should be scoped to a valid region, not '%.64s'.",
                                    authorization->region);
        if (strcmp(authorization->service, service) != 0)
                return world_refuse(world, err, "AuthFailure",
                                    "Credential should be scoped to correct service: '%s'.", service);
        if (at < now_wall_ms - SIGVERIFY_MAX_SKEW_MS || at > now_wall_ms + SIGVERIFY_MAX_SKEW_MS)
                return world_refuse(world, err, "RequestExpired", "Request has expired.");
        return 0;
}

/* Who holds the key, and whether a role's key comes with its token and in its time. */
static int find_holder(struct world *world, const struct httpd_request *request, const char *key,
                       int64_t now_wall_ms, struct world_secret *ret, struct err *err)
{
        const char *token = httpd_header_value(request, "X-Amz-Security-Token");
        int r;

        r = world_find_secret(world, key, request->arena, ret, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
                return r;
        if (r < 0 || (!ret->session_token) != (!token) ||
            (token && (strlen(token) != strlen(ret->session_token) ||
                       CRYPTO_memcmp(token, ret->session_token, strlen(token)) != 0)))
                return world_refuse(world, err, "AuthFailure",
                                    "AWS was not able to validate the provided access credentials");
        if (ret->session_token && now_wall_ms >= ret->expires_ms)
                return world_refuse(world, err, "RequestExpired", "Request has expired.");
        return 0;
}

int sigverify_check(struct world *world, const struct httpd_request *request, const char *service,
                    int64_t now_wall_ms, struct world_secret *ret, struct err *err)
{
        struct sigv4_header headers[MAX_SIGNED_HEADERS];
        char signature[SIGV4_SIGNATURE_BYTES];
        const char *time = httpd_header_value(request, "X-Amz-Date");
        struct authorization authorization;
        struct world_secret secret;
        size_t n_headers;
        int r;

        if ((r = parse_authorization(world, request, &authorization, err)) < 0 ||
            (r = collect_headers(world, request, authorization.signed_headers, headers, &n_headers, err)) <
                    0 ||
            (r = check_scope(world, &authorization, service, time, now_wall_ms, err)) < 0 ||
            (r = find_holder(world, request, authorization.key, now_wall_ms, &secret, err)) < 0)
                return r;
        r = sigv4_sign(
                &(struct sigv4_request){
                        .method = request->method,
                        .path = request->path,
                        .query = request->query,
                        .headers = headers,
                        .n_headers = n_headers,
                        .body = request->body,
                        .body_bytes = request->body_bytes,
                        .region = authorization.region,
                        .service = authorization.service,
                        .time = time,
                        .access_key_id = authorization.key,
                        .secret_access_key = secret.secret_access_key,
                },
                signature, err);
        if (r < 0)
                return incomplete(world, err, "what was signed does not make a signature");
        if (strlen(authorization.signature) != SIGV4_SIGNATURE_BYTES - 1 ||
            CRYPTO_memcmp(signature, authorization.signature, SIGV4_SIGNATURE_BYTES - 1) != 0)
                return world_refuse(
                        world, err, "SignatureDoesNotMatch",
                        "The request signature we calculated does not match the signature you provided."
                        " Check your AWS Secret Access Key and signing method.");
        *ret = secret;
        return 0;
}
