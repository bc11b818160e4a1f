// SPDX-License-Identifier: Apache-2.0
/*
 * Our SigV4 as a program, for test_sigv4.py: reads one JSON object a line {method, path, query, headers: [[name, value]],
 * body, region, service, time, keys: [id, secret], token or null} and prints each Authorization value, or
 * "error: ...", on a line. X-Amz-Date and the token are added to the headers, as ec2_call.c does.
 */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include <vpcwire/mem.h>

#include "cloud/sigv4.h"

static const char *get(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

static struct sigv4_header *read_headers(const json_t *object, struct arena *arena, size_t *ret_n)
{
        const json_t *list = json_object_get(object, "headers"), *pair;
        struct sigv4_header *headers = ARENA_ARRAY(arena, struct sigv4_header, json_array_size(list) + 2);
        const char *token = get(object, "token");
        size_t i, n = 0;

        json_array_foreach(list, i, pair)
        {
                headers[n++] = (struct sigv4_header){json_string_value(json_array_get(pair, 0)),
                                                     json_string_value(json_array_get(pair, 1))};
        }
        headers[n++] = (struct sigv4_header){"X-Amz-Date", get(object, "time")};
        if (token)
                headers[n++] = (struct sigv4_header){"X-Amz-Security-Token", token};
        *ret_n = n;
        return headers;
}

static void sign(const json_t *object)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const json_t *body = json_object_get(object, "body"), *keys = json_object_get(object, "keys");
        struct sigv4_request request = {
                .method = get(object, "method"),
                .path = get(object, "path"),
                .query = get(object, "query"),
                .body = json_string_value(body),
                .body_bytes = json_string_length(body),
                .region = get(object, "region"),
                .service = get(object, "service"),
                .time = get(object, "time"),
                .access_key_id = json_string_value(json_array_get(keys, 0)),
                .secret_access_key = json_string_value(json_array_get(keys, 1)),
        };
        const char *authorization;
        struct err err;

        request.headers = read_headers(object, arena, &request.n_headers);
        if (sigv4_authorization(&request, arena, &authorization, &err) < 0)
                printf("error: %s\n", err.msg);
        else
                printf("%s\n", authorization);
}

int main(void)
{
        _cleanup_free_ char *line = NULL;
        size_t capacity = 0;

        while (getline(&line, &capacity, stdin) > 0) {
                json_error_t error;
                json_t *object = json_loads(line, JSON_ALLOW_NUL, &error);

                if (!object) {
                        fprintf(stderr, "no JSON: %s\n", error.text);
                        return EXIT_FAILURE;
                }
                sign(object);
                json_decref(object);
        }
        return EXIT_SUCCESS;
}
