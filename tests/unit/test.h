// SPDX-License-Identifier: Apache-2.0
/* What every unit test includes first: cmocka with the headers it wants, and a few checks of our own. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vpcwire/err.h>

/* A deadline is there to end a hang, not to measure: every wait for what must come has this one. */
enum { TEST_PATIENCE_MS = 120 * 1000 };

/* It jumps back to cmocka's runner; cmocka.h does not say so, and compilers and clang-tidy would follow the code behind. */
void _fail(const char *file, int line) __attribute__((noreturn));

/* A call that must succeed; on failure the error's text is shown. */
#define assert_ok(call, err_)                                                                                \
        do {                                                                                                 \
                int _r = (call);                                                                             \
                if (_r < 0)                                                                                  \
                        fail_msg("%s: %s", #call, (err_)->msg);                                              \
        } while (0)

/* A call that must fail with this code. */
#define assert_fails(call, code_) assert_int_equal((call), -(int)(code_))

/* A command of the shell, in the thread's own namespaces: for what nobody but a test does to a network. A format as printf's. */
#define assert_runs(...)                                                                                     \
        do {                                                                                                 \
                char _command[512];                                                                          \
                snprintf(_command, sizeof(_command), __VA_ARGS__);                                           \
                if (system(_command) != 0) /* NOLINT(cert-env33-c): the commands stand in tests */           \
                        fail_msg("%s", _command);                                                            \
        } while (0)

#define assert_contains(text, part)                                                                          \
        do {                                                                                                 \
                if (!strstr((text), (part)))                                                                 \
                        fail_msg("'%s' is not in '%s'", (part), (text));                                     \
        } while (0)

#endif
