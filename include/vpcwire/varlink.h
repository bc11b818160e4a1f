// SPDX-License-Identifier: Apache-2.0
/*
 * The Varlink wire (https://varlink.org): JSON objects, each ended by one NUL byte. Here is the codec, which touches no
 * file descriptor: bytes go in, in any pieces, and messages come out. The client is in varlink_client.h, the server in
 * ipamd/rpc/.
 */
#ifndef VPCWIRE_VARLINK_H
#define VPCWIRE_VARLINK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "err.h"

enum {
        /* What a server takes. A GC call that lists 737 pods (15 ENIs of 50 addresses) is 80 KiB long. */
        VARLINK_CALL_BYTES_MAX = 256 * 1024,
        /* What a client takes: the List reply of the largest node is below 1 MiB. */
        VARLINK_REPLY_BYTES_MAX = 4 * 1024 * 1024,
        VARLINK_NAME_BYTES_MAX = 255, /* of a method, interface or error */
};

#define VARLINK_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"
#define VARLINK_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"
#define VARLINK_PERMISSION_DENIED      "org.varlink.service.PermissionDenied"
#define VARLINK_EXPECTED_MORE          "org.varlink.service.ExpectedMore"

/* Bytes on their way to being messages. Transparent; made by varlink_queue_init(), emptied by varlink_queue_done(). */
struct varlink_queue {
        char *bytes;
        size_t n, capacity;
        size_t start;   /* where the next message starts */
        size_t scanned; /* up to here there is no NUL behind start */
        size_t max;     /* bytes that may wait here */
};

void varlink_queue_init(struct varlink_queue *queue, size_t max_bytes);
void varlink_queue_done(struct varlink_queue *queue);

/* Adds bytes as they came from the peer. ERR_LIMIT when more than max_bytes would wait (nothing is added then). */
int varlink_queue_feed(struct varlink_queue *queue, const void *bytes, size_t n, struct err *err);

/* Bytes that may be added now; whether a whole message waits. */
size_t varlink_queue_room(const struct varlink_queue *queue);
bool varlink_queue_has_message(const struct varlink_queue *queue);

/*
 * Takes the next whole message (new reference), or sets *ret to NULL when there is none yet. ERR_PROTOCOL when the
 * message is not one JSON object; it is dropped from the queue, but a peer that sends such bytes deserves a close.
 */
int varlink_queue_next(struct varlink_queue *queue, json_t **ret, struct err *err);

/* A call as it was parsed: pointers borrow from the message. parameters is NULL where there are none. */
struct varlink_call {
        const char *method;
        json_t *parameters;
        bool more, oneway, upgrade;
};

int varlink_call_parse(json_t *message, struct varlink_call *ret, struct err *err);

/* A reply as it was parsed: pointers borrow from the message. error is NULL on success. */
struct varlink_reply {
        const char *error;
        json_t *parameters;
        bool continues;
};

int varlink_reply_parse(json_t *message, struct varlink_reply *ret, struct err *err);

/* New messages; parameters is borrowed and may be NULL. */
json_t *varlink_call_new(const struct varlink_call *call);
json_t *varlink_reply_new(const struct varlink_reply *reply);

/* The bytes of a message, the ending NUL counted in *ret_bytes. The caller frees. */
char *varlink_message_format(const json_t *message, size_t *ret_bytes);

/* "a.b.c.Method" at its last dot: bytes of the interface's name, or 0 when it is no such thing. */
size_t varlink_interface_bytes(const char *method);

#endif
