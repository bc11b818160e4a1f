// SPDX-License-Identifier: Apache-2.0
/*
 * Scope-bound cleanup: what a function acquires is released at the end of its scope, whichever way it is left.
 *
 *         _cleanup_(file_closep) FILE *f = fopen(...);
 *         _cleanup_close_ int fd = open(...);
 *         ...
 *         *ret_fd = TAKE_FD(fd);      // hand over: the scope no longer owns it
 */
#ifndef VPCWIRE_CLEANUP_H
#define VPCWIRE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn)          __attribute__((cleanup(fn)))
#define _printf_(text_, args_) __attribute__((format(printf, text_, args_)))
#define _unused_               __attribute__((unused))
#define _must_check_           __attribute__((warn_unused_result))

static inline void cleanup_freep(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_closep(const int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

#define _cleanup_free_  _cleanup_(cleanup_freep)
#define _cleanup_close_ _cleanup_(cleanup_closep)

/* DEFINE_CLEANUP(struct store *, store_free) makes store_freep() for _cleanup_(store_freep). */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses. */
#define DEFINE_CLEANUP(type, fn)                                                                             \
        static inline void fn##p(type *p)                                                                    \
        {                                                                                                    \
                if (*p)                                                                                      \
                        fn(*p);                                                                              \
        }
/* NOLINTEND(bugprone-macro-parentheses) */

#define TAKE_PTR(p)                                                                                          \
        ({                                                                                                   \
                __auto_type _taken = (p);                                                                    \
                (p) = NULL;                                                                                  \
                _taken;                                                                                      \
        })

#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int _taken = (fd);                                                                           \
                (fd) = -1;                                                                                   \
                _taken;                                                                                      \
        })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
