// SPDX-License-Identifier: Apache-2.0
/* aws-vpc-cni's checkpoint: what is read of it, and what is refused. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "migrate/checkpoint.h"

struct fixture {
        char folder[64], path[96];
        struct arena *arena;
        struct err err;
};

static int setup(void **state)
{
        struct fixture *f = XNEW(struct fixture);

        snprintf(f->folder, sizeof(f->folder), "/tmp/vw-takeover-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof(f->path), "%s/ipam.json", f->folder);
        f->arena = arena_new();
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        char card[112];

        unlink(f->path);
        for (int i = 1; i < CHECKPOINT_CARDS_MAX; i++) {
                snprintf(card, sizeof(card), "%s/ipam-nic-%d.json", f->folder, i);
                unlink(card);
        }
        rmdir(f->folder);
        arena_free(f->arena);
        free(f);
        return 0;
}

static void write_file(struct fixture *f, const char *path, const char *text)
{
        assert_ok(file_replace(path, text, strlen(text), 0600, &f->err), &f->err);
}

#define FILE_OF(rows) "{\"version\":\"vpc-cni-ipam/1\",\"allocations\":[" rows "]}\n"
#define ROW(id, ip)                                                                                          \
        "{\"networkName\":\"aws-cni\",\"containerID\":\"" id "\",\"ifName\":\"eth0\",\"ipv4\":\"" ip "\","   \
        "\"allocationTimestamp\":1718000000123456789,\"metadata\":{\"k8sPodNamespace\":\"default\","         \
        "\"k8sPodName\":\"web-0\",\"interfacesCount\":1}}"

static void test_no_file_is_no_pods(void **state)
{
        struct fixture *f = *state;
        struct import *imports;
        size_t n = 7;

        assert_ok(checkpoint_read(f->path, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 0);
}

static void test_rows_of_all_cards(void **state)
{
        struct fixture *f = *state;
        struct import *imports;
        char card[112];
        size_t n;

        write_file(f, f->path, FILE_OF(ROW("a", "10.0.1.5") "," ROW("b", "10.0.1.6")));
        snprintf(card, sizeof(card), "%s/ipam-nic-2.json", f->folder);
        write_file(f, card, FILE_OF(ROW("a", "10.0.2.5")));
        assert_ok(checkpoint_read(f->path, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 3);
        assert_string_equal(imports[0].key.network, "aws-cni");
        assert_string_equal(imports[0].key.container_id, "a");
        assert_string_equal(imports[0].key.ifname, "eth0");
        assert_string_equal(imports[0].pod_namespace, "default");
        assert_string_equal(imports[0].pod_name, "web-0");
        assert_int_equal(imports[0].since_wall_ms, 1718000000123);
        assert_string_equal(IP_TEXT(imports[2].address), "10.0.2.5");
}

static void test_what_may_be_absent(void **state)
{
        struct fixture *f = *state;
        struct import *imports;
        size_t n;

        write_file(f, f->path,
                   FILE_OF("{\"containerID\":\"a\",\"ipv4\":\"10.0.1.5\","
                           "\"allocationTimestamp\":-6795364578871345152,\"more\":[1]}"));
        assert_ok(checkpoint_read(f->path, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_string_equal(imports[0].pod_name, "");
        assert_int_equal(imports[0].since_wall_ms, 0);
}

static void test_what_is_refused(void **state)
{
        static const struct {
                const char *text, *says;
        } cases[] = {
                {"", "pods of aws-vpc-cni in"},
                {"{", "pods of aws-vpc-cni in"},
                {"[]", "pods of aws-vpc-cni in"},
                {"{\"version\":\"vpc-cni-ipam/2\",\"allocations\":[]}", "version is 'vpc-cni-ipam/2'"},
                {"{\"allocations\":[]}", "version is ''"},
                {"{\"version\":\"vpc-cni-ipam/1\"}", "allocations is no list"},
                {FILE_OF("7"), "allocation 1: "},
                {FILE_OF(ROW("a", "10.0.1.5") "," ROW("b", "10.0.1.256")), "allocation 2: container 'b'"},
                {FILE_OF(ROW("", "10.0.1.5")), "10.0.1.5 has no containerID"},
                {FILE_OF("{\"containerID\":\"a\",\"ipv6\":\"2001:db8::1\"}"), "has no ipv4 address"},
        };
        struct fixture *f = *state;
        struct import *imports;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_file(f, f->path, cases[i].text);
                assert_true(checkpoint_read(f->path, f->arena, &imports, &n, &f->err) < 0);
                if (!strstr(f->err.msg, cases[i].says) || !strstr(f->err.msg, f->path))
                        fail_msg("%s: '%s' is not in '%s'", cases[i].text, cases[i].says, f->err.msg);
        }
}

static void test_one_checkpoint_is_reported_from_another(void **state _unused_)
{
        struct ip one = {.family = AF_INET, .bytes = {10, 0, 1, 5}},
                  two = {.family = AF_INET, .bytes = {10, 0, 1, 6}};
        struct import rows[] = {{.address = one, .key.container_id = "a"},
                                {.address = two, .key.container_id = "b"}};
        char all[CHECKPOINT_PRINT_BYTES], again[CHECKPOINT_PRINT_BYTES], first[CHECKPOINT_PRINT_BYTES],
                other[CHECKPOINT_PRINT_BYTES], none[CHECKPOINT_PRINT_BYTES];

        checkpoint_print(rows, 2, all);
        checkpoint_print(rows, 2, again);
        checkpoint_print(rows, 1, first);
        checkpoint_print(NULL, 0, none);
        rows[1].key.container_id = "c"; /* the same address, somebody else's */
        checkpoint_print(rows, 2, other);
        assert_string_equal(all, again);
        assert_string_not_equal(all, first);
        assert_string_not_equal(all, other);
        assert_string_equal(none, "0 rows, cbf29ce484222325");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_no_file_is_no_pods, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rows_of_all_cards, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_may_be_absent, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_is_refused, setup, teardown),
                cmocka_unit_test(test_one_checkpoint_is_reported_from_another),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
