// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/err.h>

static const char *const code_names[_ERR_MAX] = {
        [ERR_NONE] = "none",
        [ERR_INVALID] = "invalid",
        [ERR_NOT_FOUND] = "not-found",
        [ERR_EXISTS] = "exists",
        [ERR_BUSY] = "busy",
        [ERR_AGAIN] = "again",
        [ERR_TIMEOUT] = "timeout",
        [ERR_DENIED] = "denied",
        [ERR_LIMIT] = "limit",
        [ERR_PROTOCOL] = "protocol",
        [ERR_UNSUPPORTED] = "unsupported",
        [ERR_SYSTEM] = "system",
        [ERR_INTERNAL] = "internal",
};

static const struct {
        int sys_errno;
        enum err_code code;
} errno_codes[] = {
        {ENOENT, ERR_NOT_FOUND},    {ENODEV, ERR_NOT_FOUND}, {ENXIO, ERR_NOT_FOUND}, {ESRCH, ERR_NOT_FOUND},
        {EEXIST, ERR_EXISTS},       {EACCES, ERR_DENIED},    {EPERM, ERR_DENIED},    {EAGAIN, ERR_AGAIN},
        {ETIMEDOUT, ERR_TIMEOUT},   {EBUSY, ERR_BUSY},       {EINVAL, ERR_INVALID},  {ERANGE, ERR_INVALID},
        {ENOTSUP, ERR_UNSUPPORTED},
};

const char *err_code_to_string(enum err_code code)
{
        return (unsigned)code < _ERR_MAX ? code_names[code] : "unknown";
}

int(err_set)(struct err *err, enum err_code code, const char *format, ...)
{
        va_list args;

        if (err) {
                *err = (struct err){.code = code};
                va_start(args, format);
                vsnprintf(err->msg, sizeof(err->msg), format, args);
                va_end(args);
        }
        return -(int)code;
}

static enum err_code code_from_errno(int sys_errno)
{
        for (size_t i = 0; i < ARRAY_SIZE(errno_codes); i++) {
                if (errno_codes[i].sys_errno == sys_errno)
                        return errno_codes[i].code;
        }
        return ERR_SYSTEM;
}

int(err_set_errno)(struct err *err, int sys_errno, const char *format, ...)
{
        enum err_code code = code_from_errno(sys_errno);
        va_list args;
        size_t used;

        if (err) {
                *err = (struct err){.code = code, .sys_errno = sys_errno};
                va_start(args, format);
                vsnprintf(err->msg, sizeof(err->msg), format, args);
                va_end(args);
                used = strlen(err->msg);
                snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", strerrordesc_np(sys_errno));
        }
        return -(int)code;
}

int(err_wrap)(struct err *err, const char *format, ...)
{
        char context[ERR_MESSAGE_BYTES], inner[ERR_MESSAGE_BYTES];
        va_list args;

        if (!err)
                return -ERR_INTERNAL;
        memcpy(inner, err->msg, sizeof(inner));
        va_start(args, format);
        vsnprintf(context, sizeof(context), format, args);
        va_end(args);
        /* Truncation drops the cause's tail, never the terminating NUL: precision keeps both parts in bounds. */
        snprintf(err->msg, sizeof(err->msg), "%.*s: %.*s", ERR_CONTEXT_MAX, context,
                 ERR_MESSAGE_BYTES - ERR_CONTEXT_MAX - 4, inner);
        return err->code ? -(int)err->code : -ERR_INTERNAL;
}
