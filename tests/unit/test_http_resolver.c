// SPDX-License-Identifier: Apache-2.0
/* A name server that says nothing: an exchange ends in its time, and so does the daemon's thread that waits for it. */
#include "test.h"

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <time.h>

#include <vpcwire/clock.h>

#include "client/http.h"

#define SILENT_NAME "ec2.silent.test"

enum { TIMEOUT_MS = 1000, SILENCE_S = 60 };

static sem_t asked, over;

/* In libcurl's eyes the C library's: it waits for as long as several name servers and tries take. */
__attribute__((visibility("default"))) int getaddrinfo(const char *restrict name,
                                                       const char *restrict service,
                                                       const struct addrinfo *restrict hints,
                                                       struct addrinfo **restrict ret)
{
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        struct timespec end;

        if (!name || strcmp(name, SILENT_NAME) != 0) {
                *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
                return real(name, service, hints, ret);
        }
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += SILENCE_S;
        sem_post(&asked);
        (void)!sem_timedwait(&over, &end);
        return EAI_AGAIN;
}

static void test_a_resolver_that_hangs(void **state _unused_)
{
        const struct http_options options = {.max_body_bytes = 100,
                                             .timeout_ms = TIMEOUT_MS,
                                             .connect_timeout_ms = TIMEOUT_MS,
                                             .no_proxy = true};
        const struct http_request request = {.method = "GET", .url = "http://" SILENT_NAME ":1/"};
        int64_t start_ms = clock_boottime_ms(), took_ms;
        struct timespec end;
        struct http_reply reply;
        struct http *http;
        struct err err;

        sem_init(&asked, 0, 0);
        sem_init(&over, 0, 0);
        assert_ok(http_new(&options, &http, &err), &err);
        assert_fails(http_exchange(http, &request, &reply, &err), ERR_TIMEOUT);
        http_free(http);
        took_ms = clock_boottime_ms() - start_ms;
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += TEST_PATIENCE_MS / 1000;
        /* curl's thread may come to it later than we give up */
        assert_int_equal(sem_timedwait(&asked, &end), 0);
        assert_true(took_ms < SILENCE_S * 1000 / 2);
        sem_post(&over);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_resolver_that_hangs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
