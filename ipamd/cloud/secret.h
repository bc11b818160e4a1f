// SPDX-License-Identifier: Apache-2.0
/* Memory for one set of credentials: locked, out of core dumps, wiped when it is freed. */
#ifndef IPAMD_CLOUD_SECRET_H
#define IPAMD_CLOUD_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum {
        SECRET_MAX_KEY_ID_BYTES = 256,
        SECRET_MAX_KEY_BYTES = 512,
        SECRET_MAX_TOKEN_BYTES = 16 * 1024, /* AWS names no limit; seen: 2 KiB */
};

struct secret {
        char access_key_id[SECRET_MAX_KEY_ID_BYTES], secret_access_key[SECRET_MAX_KEY_BYTES];
        char session_token[SECRET_MAX_TOKEN_BYTES]; /* "": none */
        int64_t expires_wall_ms;                    /* 0: never */
};

/* Zeroed. Locked as far as RLIMIT_MEMLOCK allows. Cannot fail. */
struct secret *secret_new(void);
struct secret *secret_free(struct secret *secret);
DEFINE_CLEANUP(struct secret *, secret_free)

/*
 * Copies one value into a field of a secret. ERR_PROTOCOL names the key, never the value, when it is missing, too long
 * or not printable.
 */
int secret_set(char *field, size_t field_bytes, const char *key, const char *value, struct err *err);

/*
 * Text that holds secrets: room for all of it is made once, so that nothing grows and leaves old copies in freed memory;
 * secret_text_done() wipes it.
 */
struct text secret_text_new(size_t max_bytes);
void secret_text_done(struct text *text); /* for _cleanup_(secret_text_done) */

/*
 * Reads a whole file of at most max_bytes into a secret_text. *ret is set in any case. ERR_NOT_FOUND, ERR_DENIED,
 * ERR_LIMIT, ERR_SYSTEM, ERR_INVALID for a NUL byte; they name the path. A FIFO is never waited for.
 */
int secret_read_file(const char *path, size_t max_bytes, struct text *ret, struct err *err);

#endif
