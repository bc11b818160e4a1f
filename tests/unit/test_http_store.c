// SPDX-License-Identifier: Apache-2.0
/* Whom the client trusts, on a system that trusts others: in a mount namespace with a certificate store of its own. */
#include "test.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/pem.h>

#include <vpcwire/file.h>

#include "client/http.h"
#include "httpd.h"

/* The name under which OpenSSL looks for an issuer in a folder of certificates. */
static char *store_name(const char *folder, const char *certificate)
{
        BIO *bio = BIO_new_mem_buf(certificate, -1);
        X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        char *name = xasprintf("%s/%08lx.0", folder, X509_subject_name_hash(x));

        X509_free(x);
        BIO_free(bio);
        return name;
}

/* A system store of one authority, seen by this process alone; libcurl wants its file of all authorities there, too. */
static int enter_store(const char *store)
{
        const char *folder = curl_version_info(CURLVERSION_NOW)->capath;

        if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
            mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return -1;
        return mount(store, folder, NULL, MS_BIND, NULL);
}

enum { NO_STORE = 99 };

struct certificate {
        char *key, *pem;
};

static int ask(const struct certificate *server, const char *ca_file)
{
        static const struct httpd_reply script[] = {{.body = "secret"}};
        const struct http_options options = {.max_body_bytes = 1000,
                                             .timeout_ms = 60 * 1000,
                                             .connect_timeout_ms = 60 * 1000,
                                             .no_proxy = true,
                                             .ca_file = ca_file};
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start_tls(script, 1, server->key, server->pem);
        const struct http_request request = {.method = "GET", .url = httpd_url(httpd)};
        _cleanup_(http_freep) struct http *http = NULL;
        struct http_reply reply;
        struct err err;

        return http_new(&options, &http, &err) < 0 ? -ERR_INTERNAL
                                                   : http_exchange(http, &request, &reply, &err);
}

/* In a process of its own, forked while there is one thread: what asking the server comes to, or NO_STORE. */
static int ask_with_store(const char *store, const char *ca_file, const struct certificate *server)
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(enter_store(store) < 0 ? NO_STORE : -ask(server, ca_file));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void put_file(const char *path, const char *text)
{
        struct err err;

        assert_ok(file_replace(path, text, strlen(text), 0644, &err), &err);
}

/* AWS_CA_BUNDLE is instead of the system's authorities, not beside them: that is what it is set for. */
static void test_a_ca_file_replaces_the_system_store(void **state _unused_)
{
        char folder[] = "/tmp/vw-test-store-XXXXXX";
        struct certificate server, other;
        int found, replaced, named;

        assert_non_null(mkdtemp(folder));
        httpd_make_certificate("IP:127.0.0.1", &server.key, &server.pem);
        httpd_make_certificate("IP:127.0.0.2", &other.key, &other.pem);
        _cleanup_free_ char *in_store = store_name(folder, server.pem),
                            *all = xasprintf("%s/ca-certificates.crt", folder);
        put_file(in_store, server.pem);
        put_file(all, other.pem);
        found = ask_with_store(folder, NULL, &server);
        replaced = ask_with_store(folder, all, &server);
        named = ask_with_store(folder, in_store, &server);
        unlink(in_store);
        unlink(all);
        rmdir(folder);
        free(server.key);
        free(server.pem);
        free(other.key);
        free(other.pem);
        if (found == NO_STORE)
                skip();
        assert_int_equal(found, ERR_NONE); /* it is a store */
        assert_int_equal(replaced, ERR_DENIED);
        assert_int_equal(named, ERR_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_ca_file_replaces_the_system_store)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
