// SPDX-License-Identifier: Apache-2.0
/* The table of what is asked of the kernel: this kernel has it all, trying changes nothing, and a lack is seen as one. */
#include "test.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <linux/seccomp.h>
#include <netlink/msg.h>

#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>
#include <vpcwire/rule.h>

#include "node/kernel.h"

enum { SKIP = 77 };

static const char *release;       /* what the kernel calls itself; NULL: the truth */
static bool no_namespaces;        /* as in the daemon's container */
static int seccomp_errno;         /* 0: the kernel's own answer */
static int veth_errno;            /* 0: the kernel's own answer */
static struct rule_info *no_keep; /* rules of a kernel that stores no protocol; NULL: the kernel's own */

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_uname(struct utsname *name);
int __wrap_uname(struct utsname *name);
int __wrap_uname(struct utsname *name)
{
        int r = __real_uname(name);

        if (release)
                snprintf(name->release, sizeof(name->release), "%s", release);
        return r;
}

int __real_unshare(int flags);
int __wrap_unshare(int flags);
int __wrap_unshare(int flags)
{
        if (!no_namespaces)
                return __real_unshare(flags);
        errno = EPERM;
        return -1;
}

int __wrap_prctl(int option, unsigned long mode, void *filter);
int __wrap_prctl(int option, unsigned long mode, void *filter)
{
        assert_true(option == PR_SET_SECCOMP && mode == SECCOMP_MODE_FILTER && !filter);
        errno = seccomp_errno;
        return -1;
}

int __real_netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
        _printf_(4, 5);
int __wrap_netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
        _printf_(4, 5);
int __wrap_netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
{
        if (!veth_errno)
                return __real_netlink_request(nl, msg, err, "%s", format);
        nlmsg_free(msg);
        return err_set_errno(err, veth_errno, "create a link");
}

int __real_rule_dump(struct netlink *nl, struct arena *arena, int family, struct rule_info **ret,
                     size_t *ret_n, struct err *err);
int __wrap_rule_dump(struct netlink *nl, struct arena *arena, int family, struct rule_info **ret,
                     size_t *ret_n, struct err *err);
int __wrap_rule_dump(struct netlink *nl, struct arena *arena, int family, struct rule_info **ret,
                     size_t *ret_n, struct err *err)
{
        if (!no_keep)
                return __real_rule_dump(nl, arena, family, ret, ret_n, err);
        *ret = no_keep;
        *ret_n = 1;
        return 0;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static const struct kernel_feature *feature(const char *name)
{
        for (size_t i = 0; i < n_kernel_features; i++) {
                if (strcmp(kernel_features[i].name, name) == 0)
                        return &kernel_features[i];
        }
        fail_msg("no feature is called %s", name);
        return NULL;
}

static int set_up(void **state _unused_)
{
        release = NULL;
        no_namespaces = false;
        seccomp_errno = EFAULT;
        veth_errno = 0;
        no_keep = NULL;
        return 0;
}

static ino_t netns_number(void)
{
        struct stat st;

        assert_int_equal(stat("/proc/thread-self/ns/net", &st), 0);
        return st.st_ino;
}

static void assert_all_here(void)
{
        ino_t before = netns_number();
        struct err err;

        for (size_t i = 0; i < n_kernel_features; i++) {
                if (kernel_try(&kernel_features[i], &err) < 0)
                        fail_msg("%s: %s", kernel_features[i].name, err.msg);
                assert_int_equal(netns_number(), before);
        }
        /* What an `ip link` or `nft list ruleset` of the new namespace of main() would show is what it showed at first. */
        assert_runs("test \"$(ip -o link | grep -c try)$(nft list ruleset)\" = 0");
}

static void test_this_kernel_has_all_and_nothing_is_changed(void **state _unused_)
{
        assert_all_here();
}

static void test_without_namespaces_of_its_own(void **state _unused_)
{
        no_namespaces = true;
        assert_all_here();
}

/* A type of chain that its family does not have: the kernel's answer is that of one whose module is missing. */
static void test_a_lack_in_nftables(void **state _unused_)
{
        static const struct kernel_feature lacking = {
                .name = "nat of ARP",
                .nft = "add table arp vpcwire_try; "
                       "add chain arp vpcwire_try c { type nat hook input priority filter; }"};
        struct err err;

        assert_fails(kernel_try(&lacking, &err), ERR_SYSTEM);
        no_namespaces = true;
        assert_fails(kernel_try(&lacking, &err), ERR_SYSTEM);
        assert_runs("test -z \"$(nft list ruleset)\"");
}

static void test_a_lack_elsewhere(void **state _unused_)
{
        static struct rule_info rule = {.family = AF_INET};
        struct err err;

        seccomp_errno = EINVAL;
        assert_fails(kernel_try(feature("seccomp"), &err), ERR_INVALID);
        veth_errno = EOPNOTSUPP;
        assert_fails(kernel_try(feature("veth"), &err), ERR_UNSUPPORTED);
        no_keep = &rule;
        assert_fails(kernel_try(feature("policy rules"), &err), ERR_UNSUPPORTED);
}

/* Who may not ask does not learn that something is missing. */
static void test_no_right_to_ask(void **state _unused_)
{
        struct err err;

        veth_errno = EPERM;
        assert_fails(kernel_try(feature("veth"), &err), ERR_DENIED);
        seccomp_errno = EPERM;
        assert_fails(kernel_try(feature("seccomp"), &err), ERR_DENIED);
}

static void test_versions(void **state _unused_)
{
        static const struct {
                const char *release;
                struct kernel_version version;
                int to_minimum, to_oldest_run;
        } cases[] = {
                {"2.6.78-generic", {2, 6}, -1, -1},
                {"4.14.355-275.582.amzn2.x86_64", {4, 14}, -1, -1},
                {"5.6.19", {5, 6}, -1, -1},
                {"5.7.0", {5, 7}, 0, -1},
                {"5.10.0-33-cloud-amd64", {5, 10}, 1, 0},
                {"5.15-rc1", {5, 15}, 1, 1},
                {"6.1.0-44-amd64", {6, 1}, 1, 1},
                {"10.0.1", {10, 0}, 1, 1},
        };
        static const char *const unreadable[] = {"", "six", "6", "6.x", "6-1"};
        char text[KERNEL_RELEASE_BYTES];
        struct kernel_version version;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                release = cases[i].release;
                assert_ok(kernel_running(&version, text, &err), &err);
                assert_string_equal(text, release);
                assert_int_equal(kernel_version_compare(version, cases[i].version), 0);
                assert_int_equal(kernel_version_compare(version, kernel_minimum), cases[i].to_minimum);
                assert_int_equal(kernel_version_compare(version, kernel_oldest_run), cases[i].to_oldest_run);
        }
        for (size_t i = 0; i < ARRAY_SIZE(unreadable); i++) {
                release = unreadable[i];
                assert_fails(kernel_running(&version, text, &err), ERR_INVALID);
        }
}

static void test_the_table(void **state _unused_)
{
        for (size_t i = 0; i < n_kernel_features; i++) {
                const struct kernel_feature *row = &kernel_features[i];

                assert_ptr_equal(feature(row->name), row); /* no two have one name */
                assert_true(*row->use && !row->nft == !!row->probe);
                assert_true(kernel_version_compare(row->since, kernel_minimum) <= 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_this_kernel_has_all_and_nothing_is_changed, set_up),
                cmocka_unit_test_setup(test_without_namespaces_of_its_own, set_up),
                cmocka_unit_test_setup(test_a_lack_in_nftables, set_up),
                cmocka_unit_test_setup(test_a_lack_elsewhere, set_up),
                cmocka_unit_test_setup(test_no_right_to_ask, set_up),
                cmocka_unit_test_setup(test_versions, set_up),
                cmocka_unit_test_setup(test_the_table, set_up),
        };

        if (__real_unshare(CLONE_NEWNET) < 0 && errno == EPERM) {
                puts("needs CAP_SYS_ADMIN and CAP_NET_ADMIN for namespaces of its own: skipped");
                return SKIP;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
