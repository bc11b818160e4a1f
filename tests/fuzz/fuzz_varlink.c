// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer on what a peer of the socket can send: the first byte says in which pieces the rest arrives. Whatever
 * comes out as a call or a reply is decoded as every method's request and reply, and what decodes must survive its way
 * back.
 */
#include <stdint.h>
#include <stdlib.h>

#include <vpcwire/ipam.h>
#include <vpcwire/varlink.h>

enum { QUEUE_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void decode_and_back(const json_t *parameters, const struct jsonx_schema *schema)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        void *value = arena_alloc(arena, 1, schema->bytes), *again = arena_alloc(arena, 1, schema->bytes);
        _cleanup_json_ json_t *encoded = NULL, *second = NULL;
        struct jsonx_problem problem;
        struct err err;

        if (jsonx_decode(parameters, schema, arena, value, &problem, &err) < 0)
                return;
        encoded = jsonx_encode(schema, value);
        if (jsonx_decode(encoded, schema, arena, again, &problem, &err) < 0)
                abort();
        second = jsonx_encode(schema, again);
        if (!json_equal(encoded, second))
                abort();
}

static void take(json_t *message)
{
        struct varlink_reply reply = {0};
        struct varlink_call call = {0};
        json_t *parameters = NULL;

        if (varlink_call_parse(message, &call, NULL) == 0) {
                if (varlink_interface_bytes(call.method) >= VARLINK_NAME_BYTES_MAX)
                        abort();
                parameters = call.parameters;
        } else if (varlink_reply_parse(message, &reply, NULL) == 0) {
                if (reply.error && ipam_error_decode(reply.error, reply.parameters, NULL, NULL) >= 0)
                        abort();
                parameters = reply.parameters;
        }
        for (int i = 0; parameters && i < _IPAM_METHOD_MAX; i++) {
                decode_and_back(parameters, ipam_method((enum ipam_method_id)i)->request);
                decode_and_back(parameters, ipam_method((enum ipam_method_id)i)->reply);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
        size_t piece = n ? bytes[0] + 1u : 1;
        struct varlink_queue queue;
        int r = 0;

        varlink_queue_init(&queue, QUEUE_MAX);
        for (size_t at = 1; at < n && r == 0; at += piece) {
                r = varlink_queue_feed(&queue, bytes + at, n - at < piece ? n - at : piece, NULL);
                while (r == 0) {
                        _cleanup_json_ json_t *message = NULL;

                        if (varlink_queue_next(&queue, &message, NULL) < 0)
                                continue; /* a server closes; here the next message gets its chance */
                        if (!message)
                                break;
                        take(message);
                }
        }
        varlink_queue_done(&queue);
        return 0;
}
