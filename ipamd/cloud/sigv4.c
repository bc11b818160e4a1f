// SPDX-License-Identifier: Apache-2.0
/* The part of SigV4 that is keys and hashes. Whatever holds the secret key or what is made of it is wiped. */
#include "cloud/sigv4.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char algorithm[] = "AWS4-HMAC-SHA256";
enum { DATE_BYTES = 8 }; /* "20150830", the start of the time */

static void hmac(const void *key, size_t key_bytes, const void *data, size_t n,
                 unsigned char ret[static SIGV4_SIGNING_KEY_BYTES])
{
        if (!HMAC(EVP_sha256(), key, (int)key_bytes, data, n, ret, NULL))
                abort(); /* fails only without memory or without SHA-256 */
}

void sigv4_signing_key(const char *secret_access_key, const char *date, const char *region,
                       const char *service, unsigned char ret[static SIGV4_SIGNING_KEY_BYTES])
{
        char *first = xasprintf("AWS4%s", secret_access_key);

        hmac(first, strlen(first), date, DATE_BYTES, ret);
        explicit_bzero(first, strlen(first));
        free(first);
        hmac(ret, SIGV4_SIGNING_KEY_BYTES, region, strlen(region), ret);
        hmac(ret, SIGV4_SIGNING_KEY_BYTES, service, strlen(service), ret);
        hmac(ret, SIGV4_SIGNING_KEY_BYTES, "aws4_request", strlen("aws4_request"), ret);
}

static const struct sigv4_header *find_header(const struct sigv4_request *request, const char *name)
{
        for (size_t i = 0; i < request->n_headers; i++)
                if (strcasecmp(request->headers[i].name, name) == 0)
                        return &request->headers[i];
        return NULL;
}

static bool is_time(const char *time)
{
        static const char form[] = "00000000T000000Z";

        if (strlen(time) != sizeof(form) - 1)
                return false;
        for (size_t i = 0; form[i]; i++)
                if (form[i] == '0' ? time[i] < '0' || time[i] > '9' : time[i] != form[i])
                        return false;
        return true;
}

static int check(const struct sigv4_request *request, struct err *err)
{
        const struct {
                const char *name, *value;
        } required[] = {
                {"method", request->method},
                {"region", request->region},
                {"service", request->service},
                {"time", request->time},
                {"access key id", request->access_key_id},
                {"secret access key", request->secret_access_key},
        };
        const struct sigv4_header *date = find_header(request, "x-amz-date");

        for (size_t i = 0; i < ARRAY_SIZE(required); i++)
                if (!required[i].value || !*required[i].value)
                        return err_set(err, ERR_INVALID, "cannot sign without a %s", required[i].name);
        if (!is_time(request->time))
                return err_set(err, ERR_INVALID, "time '%s' is not like '20150830T123600Z'", request->time);
        if (!find_header(request, "host"))
                return err_set(err, ERR_INVALID, "header 'host' must be signed");
        if (!date || strcmp(date->value, request->time) != 0)
                return err_set(err, ERR_INVALID, "header 'x-amz-date' must be signed, and be '%s'",
                               request->time);
        return 0;
}

static void add_scope(const struct sigv4_request *request, struct text *out)
{
        text_add(out, "%.*s/%s/%s/aws4_request", DATE_BYTES, request->time, request->region,
                 request->service);
}

int sigv4_sign(const struct sigv4_request *request, char ret_signature[static SIGV4_SIGNATURE_BYTES],
               struct err *err)
{
        _cleanup_(text_done) struct text canonical = {0}, to_sign = {0};
        unsigned char key[SIGV4_SIGNING_KEY_BYTES], signature[SIGV4_HASH_BYTES];
        char hash[SIGV4_HEX_BYTES];
        int r;

        r = check(request, err);
        if (r < 0)
                return r;
        r = sigv4_add_canonical_request(request, &canonical, err);
        if (r < 0)
                return r;
        sigv4_hash(canonical.text, canonical.bytes, hash);
        text_add(&to_sign, "%s\n%s\n", algorithm, request->time);
        add_scope(request, &to_sign);
        text_add(&to_sign, "\n%s", hash);

        sigv4_signing_key(request->secret_access_key, request->time, request->region, request->service, key);
        hmac(key, sizeof(key), to_sign.text, to_sign.bytes, signature);
        explicit_bzero(key, sizeof(key));
        sigv4_hex(signature, ret_signature);
        return 0;
}

int sigv4_authorization(const struct sigv4_request *request, struct arena *arena, const char **ret,
                        struct err *err)
{
        _cleanup_(text_done) struct text value = {0};
        char signature[SIGV4_SIGNATURE_BYTES];
        int r;

        r = sigv4_sign(request, signature, err);
        if (r < 0)
                return r;
        text_add(&value, "%s Credential=%s/", algorithm, request->access_key_id);
        add_scope(request, &value);
        text_add(&value, ", SignedHeaders=");
        sigv4_add_signed_headers(request, &value);
        text_add(&value, ", Signature=%s", signature);
        *ret = arena_strdup(arena, value.text);
        return 0;
}

int sigv4_canonical_request(const struct sigv4_request *request, struct arena *arena, const char **ret,
                            struct err *err)
{
        _cleanup_(text_done) struct text out = {0};
        int r;

        r = check(request, err);
        if (r < 0)
                return r;
        r = sigv4_add_canonical_request(request, &out, err);
        if (r < 0)
                return r;
        *ret = arena_strdup(arena, out.text);
        return 0;
}

void sigv4_format_time(int64_t wall_ms, char ret[static SIGV4_TIME_BYTES])
{
        time_t seconds = wall_ms / 1000;
        struct tm tm;

        gmtime_r(&seconds, &tm);
        if (strftime(ret, SIGV4_TIME_BYTES, "%Y%m%dT%H%M%SZ", &tm) != SIGV4_TIME_BYTES - 1)
                memcpy(ret, "19700101T000000Z",
                       SIGV4_TIME_BYTES); /* a clock beyond the year 9999: refused by any peer */
}
