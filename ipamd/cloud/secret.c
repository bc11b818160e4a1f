// SPDX-License-Identifier: Apache-2.0
#include "cloud/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
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

struct text secret_text_new(size_t max_bytes)
{
        return (struct text){.text = xcalloc(max_bytes + 1, 1), .capacity = max_bytes + 1};
}

void secret_text_done(struct text *text)
{
        if (text->text)
                explicit_bzero(text->text, text->capacity);
        text_done(text);
}

int secret_read_file(const char *path, size_t max_bytes, struct text *ret, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n;

        *ret = secret_text_new(max_bytes + 1); /* one more, to see that there is more */
        if (fd < 0)
                return err_set_errno(err, errno, "open %s", path);
        while ((n = read(fd, ret->text + ret->bytes, max_bytes + 1 - ret->bytes)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set_errno(err, errno, "read %s", path);
                ret->bytes += (size_t)n;
        }
        if (ret->bytes > max_bytes)
                return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", path, max_bytes);
        if (strlen(ret->text) != ret->bytes)
                return err_set(err, ERR_INVALID, "%s has a NUL byte in it", path);
        return 0;
}
