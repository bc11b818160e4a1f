// SPDX-License-Identifier: Apache-2.0
#include "cloud/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct secret *secret_new(void)
{
        struct secret *secret =
                mmap(NULL, sizeof(*secret), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (secret == MAP_FAILED)
                abort(); /* out of memory, see mem.h */
        /* Both are best effort: a container with a low RLIMIT_MEMLOCK still needs its credentials. */
        (void)mlock(secret, sizeof(*secret));
        (void)madvise(secret, sizeof(*secret), MADV_DONTDUMP);
        return secret;
}

struct secret *secret_free(struct secret *secret)
{
        if (!secret)
                return NULL;
        explicit_bzero(secret, sizeof(*secret));
        munmap(secret, sizeof(*secret));
        return NULL;
}

int secret_set(char *field, size_t field_bytes, const char *key, const char *value, struct err *err)
{
        size_t n = value ? strlen(value) : 0;

        if (n == 0)
                return err_set(err, ERR_PROTOCOL, "%s is missing or empty", key);
        if (n >= field_bytes)
                return err_set(err, ERR_PROTOCOL, "%s has %zu characters (at most %zu)", key, n,
                               field_bytes - 1);
        for (size_t i = 0; i < n; i++)
                if (!isgraph((unsigned char)value[i]))
                        return err_set(err, ERR_PROTOCOL, "%s has a space or unprintable character", key);
        memcpy(field, value, n + 1);
        return 0;
}
