// SPDX-License-Identifier: Apache-2.0
/* What goes into a bundle: secrets do not; and the archive is one that others can read. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/bundle/bundle.h"

#define SECRET  "Tr0ub4dor-and-3-more"
#define NO_JSON "(not shown: it begins as JSON, and is none)\n"

/* More than the 100 bytes of ustar's name. */
#define LOG_OF_A_POD                                                                                         \
        "logs/var/log/pods/kube-system_aws-node-x7k2p_0b5c1c0e-6d2b-4a6c-9a55-2f0f4f6d7e11/"                 \
        "aws-vpc-cni-init/0.log"

enum { HANGS_S = 300 };

static char *allowed(enum allow how, const char *text)
{
        struct text got = {0};
        size_t n = strlen(text);
        /* Its end is the end of the memory: a read too far is seen. */
        char *exact = xcalloc(1, n ?: 1);

        for (size_t i = 0; i < n; i++)
                exact[i] = text[i];
        allow(how, exact, n, &got);
        free(exact);
        return got.text ?: xstrdup("");
}

static void test_allow(void **state _unused_)
{
        static const struct {
                enum allow how;
                const char *text, *expect;
        } cases[] = {
                {ALLOW_PROSE, "", ""},
                {ALLOW_PROSE, "12:00 error credentials: the role is not there",
                 "12:00 error credentials: the role is not there"},
                {ALLOW_PROSE,
                 "eni-0123456789abcdef0 /var/log/pods/kube-system_aws-node-Ab1cdefghijklmnopqrstu/x",
                 "eni-0123456789abcdef0 /var/log/pods/kube-system_aws-node-Ab1cdefghijklmnopqrstu/x"},
                {ALLOW_PROSE, "key AKIAIOSFODNN7EXAMPLE of ASIAIOSFODNN7EXAMPLE.",
                 "key (not shown) of (not shown)."},
                {ALLOW_PROSE, "AKIAIOSFODNN7EXAMPLES is longer", "AKIAIOSFODNN7EXAMPLES is longer"},
                {ALLOW_PROSE, "https://me:" SECRET "@host/x", "https://(not shown)@host/x"},
                {ALLOW_PROSE, "https://me:" SECRET "@more@host/x", "https://(not shown)@host/x"},
                {ALLOW_PROSE, "https://host/x@y", "https://host/x@y"},
                {ALLOW_PROSE, "Bearer wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY, then",
                 "Bearer (not shown), then"},
                {ALLOW_PROSE, "0123456789abcdef0123456789abcdef0123456789abcdef",
                 "0123456789abcdef0123456789abcdef0123456789abcdef"},
                {ALLOW_PROSE, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_ACCESS_KEY_ID=(not shown)"},
                {ALLOW_PROSE, "key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY==", "key=(not shown)=="},
                {ALLOW_PROSE, "key /JalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "key (not shown)"},
                {ALLOW_PROSE, "key /var/JalrXUtnFEMI+K7MDENG/bPxRfiCYEXAMPLE", "key (not shown)"},

                {ALLOW_SETTINGS, "MAX_ENI=3\nAWS_SECRET_ACCESS_KEY=" SECRET "\n",
                 "MAX_ENI=3\nAWS_SECRET_ACCESS_KEY=(not shown)\n"},
                {ALLOW_SETTINGS, "# " SECRET "\n\n WARM_IP_TARGET = 2\nMAX_ENI_X=" SECRET,
                 " WARM_IP_TARGET = 2\nMAX_ENI_X=(not shown)\n"},
                {ALLOW_SETTINGS, SECRET "\n", "(not shown)\n"},

                {ALLOW_LOG,
                 "{\"time\":\"t\",\"level\":\"info\",\"msg\":\"m\",\"token\":\"" SECRET "\",\"n\":1}\n",
                 "{\"time\":\"t\",\"level\":\"info\",\"msg\":\"m\",\"token\":\"(not shown)\",\"n\":1}\n"},
                {ALLOW_LOG,
                 "2026-11-30T11:54:55.5Z stderr F "
                 "{\"time\":\"t\",\"level\":\"warn\",\"msg\":\"http://a:" SECRET "@b\"}",
                 "2026-11-30T11:54:55.5Z stderr F "
                 "{\"time\":\"t\",\"level\":\"warn\",\"msg\":\"http://(not shown)@b\"}\n"},
                /* Of other programs, by their form. */
                {ALLOW_LOG, "{\"level\":\"info\",\"ts\":\"t\",\"msg\":\"" SECRET "\"}\n", "(not shown)\n"},
                {ALLOW_LOG, "{\"level\":\"info\",\"msg\":\"" SECRET "\",\"time\":\"t\"}\n", "(not shown)\n"},
                {ALLOW_LOG, "{\"time\":\"t\",\"level\":\"fatal\",\"msg\":\"" SECRET "\"}\n", "(not shown)\n"},
                {ALLOW_LOG, "{\"time\":\"t\",\"level\":\"info\",\"err\":\"" SECRET "\"}\n", "(not shown)\n"},
                {ALLOW_LOG, "2026-11-30T11:54:55.5Z stderr F " SECRET "\n" SECRET " {\"msg\":1}\n{\"msg\":\n",
                 "(not shown)\n(not shown)\n(not shown)\n"},
                {ALLOW_LOG, "12:00:00.123 info  the text eni=eni-1 token=" SECRET "\n",
                 "12:00:00.123 info  the text eni=eni-1 token=(not shown)\n"},
                {ALLOW_LOG, "12:00:00.123 info  x secret=\"a \\\" " SECRET " b\" err=\"two words\" n=1\n",
                 "12:00:00.123 info  x secret=(not shown) err=\"two words\" n=1\n"},
                {ALLOW_LOG, "12:00:00.123 info  x secret=\"a " SECRET "\n",
                 "12:00:00.123 info  x secret=(not shown)\n"},
                {ALLOW_LOG, "ipamd: x.c:1: f: Assertion `0' failed.\n",
                 "ipamd: x.c:1: f: Assertion `0' failed.\n"},

                {ALLOW_CNI,
                 "{\"name\":\"n\",\"plugins\":[{\"type\":\"vpcwire\",\"apiToken\":\"" SECRET
                 "\",\"snat\":true}]}",
                 "{\n  \"name\": \"n\",\n  \"plugins\": [\n    {\n      \"type\": \"vpcwire\",\n      "
                 "\"apiToken\": "
                 "\"(not shown)\",\n      \"snat\": true\n    }\n  ]\n}\n"},
                {ALLOW_KUBELET,
                 "maxPods: 29\nclusterDNS:\n- 10.0.0.2\nstaticPodURLHeader:\n  x:\n  - " SECRET "\n",
                 "maxPods: 29\nclusterDNS:\n- 10.0.0.2\nstaticPodURLHeader:\n  x:\n(not shown)\n"},
                {ALLOW_KUBELET, "{\"maxPods\":29,\"staticPodURL\":\"" SECRET "\"}",
                 "{\n  \"maxPods\": 29,\n  \"staticPodURL\": \"(not shown)\"\n}\n"},
                /* What begins as JSON, and is none. */
                {ALLOW_CNI, "{\"name\": \"x\", \"token\": \"" SECRET "\",}", NO_JSON},
                {ALLOW_CNI, "\n {\n\"name\": \"x\", \"token\": \"" SECRET "\"\n", NO_JSON},
                {ALLOW_KUBELET, "[{\"name\": \"x\", \"token\": \"" SECRET "\"}", NO_JSON},
                {ALLOW_CONTAINERD, "{\"root\": \"x\", \"token\": \"" SECRET "\"", NO_JSON},
                /* A second key of a line. */
                {ALLOW_CNI, "x\n\"name\": \"x\", \"token\": \"" SECRET "\"\n",
                 "(not shown)\n\"name\": (not shown)\n"},
                {ALLOW_KUBELET,
                 "port: 1\nkind: {token: " SECRET "}\n- " SECRET "\nmode: it's, token: " SECRET "\n",
                 "port: 1\nkind: (not shown)\n(not shown)\nmode: (not shown)\n"},
                {ALLOW_KUBELET,
                 "[\"--token\", \"" SECRET "\"]x\nproviderID: aws:///us-east-1a/i-1\naddress: [a, b]\n",
                 NO_JSON},
                {ALLOW_KUBELET,
                 "x:\n  [\"" SECRET "\"]\nproviderID: aws:///us-east-1a/i-1\naddress: [a, b]\n",
                 "x:\n(not shown)\nproviderID: aws:///us-east-1a/i-1\naddress: [a, b]\n"},
                {ALLOW_CONTAINERD, "root = {a = \"b\", token = \"" SECRET "\"}\nstate = \"/run: a=b\"\n",
                 "root = (not shown)\nstate = \"/run: a=b\"\n"},
                {ALLOW_KUBELET, "kind: |\n  " SECRET "\n", "kind: |\n(not shown)\n"},
                {ALLOW_CONTAINERD,
                 "[plugins.\"a\".registry.configs.\"b\".auth]\n  password = \"" SECRET
                 "\"\n  conf_dir = \"/etc\" # x\n",
                 "[plugins.\"a\".registry.configs.\"b\".auth]\n  password = (not shown)\n  conf_dir = "
                 "\"/etc\" # x\n"},
                {ALLOW_CONTAINERD, "imports = [\n  \"" SECRET "\",\n]\n",
                 "imports = [\n(not shown)\n(not shown)\n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *got = allowed(cases[i].how, cases[i].text);

                assert_string_equal(got, cases[i].expect);
                assert_null(strstr(got, SECRET));
        }
}

/* A NUL hides nothing of what comes after it, and no key that stands there is missed. */
static void test_allow_nul(void **state _unused_)
{
        static const char settings[] = "MAX_ENI=3\0\nTOKEN=" SECRET "\nWARM_IP_TARGET=2\n";
        _cleanup_(text_done) struct text got = {0};

        allow(ALLOW_SETTINGS, settings, sizeof(settings) - 1, &got);
        assert_string_equal(got.text, "MAX_ENI=3?\nTOKEN=(not shown)\nWARM_IP_TARGET=2\n");
}

static void test_keep_end(void **state _unused_)
{
        static const struct {
                const char *text;
                size_t bytes_max;
                const char *expect;
        } cases[] = {
                {"", 0, ""},       {"a\nb\n", 4, "a\nb\n"}, {"a\nb\n", 3, "b\n"}, {"a\nb\n", 2, "b\n"},
                {"a\nb\n", 1, ""}, {"a\nb", 1, "b"},        {"abc", 2, ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_done) struct text text = {0};

                text_add(&text, "%s", cases[i].text);
                bundle_keep_end(&text, cases[i].bytes_max);
                assert_string_equal(text.text, cases[i].expect);
                assert_int_equal(text.bytes, strlen(cases[i].expect));
        }
}

/* Any bytes, and every place to cut them: it ends, and reads nothing behind the end. */
static void test_allow_random(void **state _unused_)
{
        static const char *const parts[] = {"maxPods", "=",  ":",  "\"",   "\\",   "://", "@",
                                            " ",       "\n", "- ", "eyJ",  "AKIA", "[x]", "{",
                                            "}",       "#",  "x9", "\xff", "msg",  ","};
        const char *given = getenv("VPCWIRE_TEST_SEED");
        unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();

        print_message("VPCWIRE_TEST_SEED=%u\n", seed);
        srandom(seed);
        for (int turn = 0; turn < 3000; turn++) {
                _cleanup_(text_done) struct text text = {0};

                for (long i = random() % 12; i >= 0; i--)
                        text_add(&text, "%s", parts[(size_t)random() % ARRAY_SIZE(parts)]);
                for (enum allow how = 0; how < _ALLOW_MAX; how++)
                        free(allowed(how, text.text ?: ""));
        }
}

/* Each byte is looked at a few times, and not once for each before it: this ends in a second, or not in an hour. */
static void test_allow_of_much(void **state _unused_)
{
        enum { BYTES = 2 * 1024 * 1024 };
        static const char *const parts[] = {"a.",
                                            "a",
                                            "://",
                                            "://a",
                                            "://a@",
                                            "- ",
                                            "x=",
                                            "x:",
                                            "{",
                                            "{\"a\":",
                                            "[",
                                            "\"",
                                            "\\",
                                            " ",
                                            "\n",
                                            "#",
                                            "- a\n",
                                            "a=b ",
                                            "12:00:00.123 a="};
        _cleanup_free_ char *text = xcalloc(1, BYTES + 1);
        /* Of its own time: what others take of the machine's is no sign of a hang. */
        const struct itimerval hangs = {.it_value.tv_sec = HANGS_S}, off = {0};

        assert_int_equal(setitimer(ITIMER_VIRTUAL, &hangs, NULL), 0);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                for (size_t at = 0, n = strlen(parts[i]); at + n <= BYTES; at += n)
                        memcpy(text + at, parts[i], n);
                for (enum allow how = 0; how < _ALLOW_MAX; how++)
                        free(allowed(how, text));
        }
        assert_int_equal(setitimer(ITIMER_VIRTUAL, &off, NULL), 0);
}

/* Sends a byte now and then, and never ends, until it is killed. */
static _Noreturn void drip(int listener)
{
        enum { PAUSE_US = 100 * 1000 };
        int fd = accept(listener, NULL, NULL);

        while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
                usleep(PAUSE_US);
        _exit(0);
}

/* A server that is slow for ever: the time is for all of its answer. */
static void test_get_ends(void **state _unused_)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t length = sizeof(address);
        char where[32], *text;
        struct err err;
        size_t n;
        pid_t pid;

        assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
        pid = fork();
        if (pid == 0)
                drip(listener);
        close(listener);
        snprintf(where, sizeof(where), "127.0.0.1:%d", ntohs(address.sin_port));
        alarm(HANGS_S);
        assert_fails(bundle_get(where, "/x", &text, &n, &err), ERR_TIMEOUT);
        alarm(0);
        assert_non_null(strstr(err.msg, "/x: no whole answer within 5 s"));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static void run(const char *command)
{
        /* NOLINTNEXTLINE(cert-env33-c): a test's own command */
        assert_int_equal(system(command), 0);
}

static void test_tar(void **state _unused_)
{
        char folder[] = "/tmp/vw-bundle-XXXXXX", path[64], command[256];
        struct tar *tar;
        struct stat st;
        struct err err;
        char *big = xcalloc(1, 5000), name[200];

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/b.tar.gz", folder);
        memset(big, 'x', 5000);
        memset(name, 'n', sizeof(name));
        memcpy(name + 150, "/end", 5);
        assert_ok(tar_create(path, 1440938160, &tar, &err), &err);
        assert_ok(tar_add(tar, "a/empty", "", 0, &err), &err);
        assert_ok(tar_add(tar, "a/big", big, 5000, &err), &err);
        assert_ok(tar_add(tar, "a/block", big, 512, &err), &err);
        assert_ok(tar_add(tar, name, "x", 1, &err), &err);
        assert_ok(tar_add(tar, LOG_OF_A_POD, "x", 1, &err), &err);
        assert_ok(tar_finish(tar, &err), &err);
        tar_free(tar);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        /* As GNU tar reads it, which checks the sums. */
        snprintf(command, sizeof(command),
                 "cd %s && tar xzf b.tar.gz && test ! -s a/empty && test -f n*/end && test -f %s", folder,
                 LOG_OF_A_POD);
        run(command);
        snprintf(command, sizeof(command),
                 "test $(wc -c < %s/a/big) = 5000 && test $(wc -c < %s/a/block) = 512", folder, folder);
        run(command);
        /* Never over another, not even through a link; and what is not finished does not stay. */
        assert_fails(tar_create(path, 0, &tar, &err), ERR_EXISTS);
        snprintf(path, sizeof(path), "%s/link", folder);
        assert_int_equal(symlink("nowhere", path), 0);
        assert_fails(tar_create(path, 0, &tar, &err), ERR_EXISTS);
        snprintf(path, sizeof(path), "%s/half", folder);
        assert_ok(tar_create(path, 0, &tar, &err), &err);
        assert_ok(tar_add(tar, "a", big, 5000, &err), &err);
        tar_free(tar);
        assert_int_equal(access(path, F_OK), -1);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        run(command);
        free(big);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_allow),         cmocka_unit_test(test_allow_nul),
                cmocka_unit_test(test_keep_end),      cmocka_unit_test(test_allow_random),
                cmocka_unit_test(test_allow_of_much), cmocka_unit_test(test_get_ends),
                cmocka_unit_test(test_tar),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
