// SPDX-License-Identifier: Apache-2.0
/*
 * The one error type. A function that can fail returns 0, or a negative enum err_code, and takes a caller-owned
 * `struct err *err` as its last parameter. The error is set once, where it arises, and wrapped on the way up, so that
 * its text reads like a path to the cause:
 *
 *         wire pod default/web-0: create link eni0a1b2c3d4e5: file exists
 *
 * An error is a value: it owns nothing, cannot fail, and is never half there. `err` may be NULL where a caller does
 * not care. Nothing that takes an err logs; the edge that drops the error does.
 */
#ifndef VPCWIRE_ERR_H
#define VPCWIRE_ERR_H

#include "cleanup.h"

enum err_code {
        ERR_NONE = 0,
        ERR_INVALID, /* input is malformed or out of range; the text names the thing, its value, what is allowed */
        ERR_NOT_FOUND,   /* the object does not exist */
        ERR_EXISTS,      /* the object exists already, and is not what we would make */
        ERR_BUSY,        /* in use, or owned by somebody else */
        ERR_AGAIN,       /* not now; the same call may succeed later */
        ERR_TIMEOUT,     /* the deadline passed */
        ERR_DENIED,      /* permission */
        ERR_LIMIT,       /* a limit of ours or of the peer was reached */
        ERR_PROTOCOL,    /* the peer's bytes make no sense */
        ERR_UNSUPPORTED, /* known, and not offered */
        ERR_SYSTEM,      /* a system call or library failed; sys_errno says how */
        ERR_INTERNAL,    /* our own invariant broke */
        _ERR_MAX,
};

enum {
        ERR_MESSAGE_BYTES = 512,
        ERR_CONTEXT_MAX = 200, /* characters of it that err_wrap() puts before the cause */
};

struct err {
        enum err_code code;
        int sys_errno; /* positive errno of the cause, or 0 */
        char msg[ERR_MESSAGE_BYTES];
};

/* Sets the error at its origin. Returns -code, so that `return err_set(...)` is the whole failure path. */
int err_set(struct err *err, enum err_code code, const char *format, ...) _printf_(3, 4);

/*
 * As err_set(), from an errno (positive): appends ": " and the errno's text, and derives the code (ENOENT ->
 * ERR_NOT_FOUND, EEXIST -> ERR_EXISTS, EACCES and EPERM -> ERR_DENIED, EAGAIN -> ERR_AGAIN, ETIMEDOUT -> ERR_TIMEOUT,
 * EBUSY -> ERR_BUSY, else ERR_SYSTEM).
 */
int err_set_errno(struct err *err, int sys_errno, const char *format, ...) _printf_(3, 4);

/*
 * Puts "context: " before the text of an error that is set; of a long one the first ERR_CONTEXT_MAX characters. Returns -err->code, the code it already holds; with err
 * NULL it cannot know and returns -ERR_INTERNAL, so keep the callee's return value where err may be NULL.
 */
int err_wrap(struct err *err, const char *format, ...) _printf_(2, 3);

/*
 * None of the three ever returns 0 or more. The compiler and clang's analyzer see one file at a time and must be informed, or
 * they take a result that a failed call left untouched for a used one (-Wmaybe-uninitialized).
 */
static inline int err_is_negative(int r)
{
        if (r >= 0)
                __builtin_unreachable();
        return r;
}
#define err_set(...)       err_is_negative(err_set(__VA_ARGS__))
#define err_set_errno(...) err_is_negative(err_set_errno(__VA_ARGS__))
#define err_wrap(...)      err_is_negative(err_wrap(__VA_ARGS__))

/* The code's name in lower case ("not-found"), for logs and JSON. */
const char *err_code_to_string(enum err_code code);

#endif
