// SPDX-License-Identifier: Apache-2.0
/* What the kernel counts of packets that it threw away for their TTL, as /proc/net/netstat has it. */
#include "test.h"

#include <stdlib.h>

#include <vpcwire/mem.h>

#include "client/ttl_drops.h"

static int parse(const char *text, uint64_t *ret, struct err *err)
{
        _cleanup_free_ char *copy = xstrdup(text);

        return ttl_drops_parse(copy, ret, err);
}

static void test_it_is_found(void **state _unused_)
{
        static const char *const texts[] = {
                "TcpExt: TCPMinTTLDrop\nTcpExt: 7\n",
                "TcpExt: SyncookiesSent TCPMinTTLDrop TCPDeferAcceptDrop\nTcpExt: 1 7 3\n",
                "IpExt: TCPMinTTLDrop\nIpExt: 6\nTcpExt: A TCPMinTTLDrop\nTcpExt: -1 7\nMPTcpExt: X\n",
        };
        uint64_t n;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                n = 0;
                assert_ok(parse(texts[i], &n, &err), &err);
                assert_int_equal(n, 7);
        }
}

static void test_it_is_not_there(void **state _unused_)
{
        static const char *const texts[] = {
                "",
                "TcpExt: TCPMinTTLDrop\n",
                "TcpExt: A TCPMinTTLDrop\nTcpExt: 1\n",
                "TcpExt: A B\nTcpExt: 1 2\n",
                "TcpExt: TCPMinTTLDrop\nTcpExt: x\n",
                "TcpExt: TCPMinTTLDrop\nTcpExt: \n",
                "IpExt: TCPMinTTLDrop\nIpExt: 7\n",
        };
        uint64_t n;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                assert_fails(parse(texts[i], &n, &err), ERR_NOT_FOUND);
}

static void test_this_kernel_counts_them(void **state _unused_)
{
        uint64_t n;
        struct err err;

        assert_ok(ttl_drops_read(&n, &err), &err);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_is_found),
                cmocka_unit_test(test_it_is_not_there),
                cmocka_unit_test(test_this_kernel_counts_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
