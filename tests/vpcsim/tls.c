// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <vpcwire/addr.h>
#include <vpcwire/cleanup.h>

#include "tls.h"

enum { DAY_S = 24 * 3600, CA_SERIAL = 1, SERVER_SERIAL = 2, X509_VERSION = 2 /* which means v3 */ };

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

static const char *const kind_names[_TLS_KIND_MAX] = {
        [TLS_GOOD] = "good", [TLS_EXPIRED] = "expired", [TLS_OTHER_HOST] = "other-host"};

int tls_kind_parse(const char *text, enum tls_kind *ret, struct err *err)
{
        for (unsigned i = 0; i < _TLS_KIND_MAX; i++) {
                if (strcmp(kind_names[i], text) == 0) {
                        *ret = (enum tls_kind)i;
                        return 0;
                }
        }
        return err_set(err, ERR_INVALID, "certificate '%.32s': good, expired or other-host are allowed",
                       text);
}

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        X509_EXTENSION *extension;
        X509V3_CTX context;
        int added;

        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        added = extension && X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
        return added;
}

/* A certificate without extensions, not signed yet; NULL where OpenSSL fails. */
static X509 *new_certificate(EVP_PKEY *key, const char *name, long serial, long from_s, long to_s)
{
        X509 *certificate = X509_new();
        X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;

        if (certificate && X509_set_version(certificate, X509_VERSION) &&
            ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) &&
            X509_gmtime_adj(X509_getm_notBefore(certificate), from_s) &&
            X509_gmtime_adj(X509_getm_notAfter(certificate), to_s) && X509_set_pubkey(certificate, key) &&
            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0))
                return certificate;
        X509_free(certificate);
        return NULL;
}

static X509 *new_ca(EVP_PKEY *key)
{
        X509 *ca = new_certificate(key, "vpcsim CA", CA_SERIAL, -2L * DAY_S, 2L * DAY_S);

        if (ca && X509_set_issuer_name(ca, X509_get_subject_name(ca)) &&
            add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") &&
            add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
            add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, key, EVP_sha256()))
                return ca;
        X509_free(ca);
        return NULL;
}

static X509 *new_server(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *names, enum tls_kind kind)
{
        long to_s = kind == TLS_EXPIRED ? -1L * DAY_S : 1L * DAY_S;
        X509 *server = new_certificate(key, "vpcsim", SERVER_SERIAL, -2L * DAY_S, to_s);

        if (server && X509_set_issuer_name(server, X509_get_subject_name(ca)) &&
            add_extension(server, ca, NID_basic_constraints, "critical,CA:FALSE") &&
            add_extension(server, ca, NID_ext_key_usage, "serverAuth") &&
            add_extension(server, ca, NID_subject_alt_name, names) && X509_sign(server, ca_key, EVP_sha256()))
                return server;
        X509_free(server);
        return NULL;
}

static char *to_pem(X509 *certificate, EVP_PKEY *key)
{
        BIO *memory = BIO_new(BIO_s_mem());
        char *bytes, *text = NULL;
        long n;

        if (memory && (certificate ? PEM_write_bio_X509(memory, certificate)
                                   : PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL))) {
                n = BIO_get_mem_data(memory, &bytes);
                text = xstrndup(bytes, (size_t)n);
        }
        BIO_free(memory);
        return text;
}

/* "IP:198.51.100.1,DNS:localhost" */
static void list_names(struct text *names, const char *const *hosts)
{
        for (size_t i = 0; hosts[i]; i++) {
                struct ip ip;

                text_add(names, "%s%s:%s", i ? "," : "", ip_parse(hosts[i], &ip, NULL) == 0 ? "IP" : "DNS",
                         hosts[i]);
        }
}

int tls_make(enum tls_kind kind, const char *const *hosts, struct tls *ret, struct err *err)
{
        static const char *const others[] = {"other.example.com", NULL};
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
        _cleanup_(X509_freep) X509 *ca = NULL, *server = NULL;
        _cleanup_(text_done) struct text names = {0};
        struct tls tls = {0};

        list_names(&names, kind == TLS_OTHER_HOST ? others : hosts);
        if (ca_key && key)
                ca = new_ca(ca_key);
        if (ca)
                server = new_server(key, ca, ca_key, names.text, kind);
        if (server)
                tls = (struct tls){to_pem(ca, NULL), to_pem(server, NULL), to_pem(NULL, key)};
        if (!tls.ca || !tls.certificate || !tls.key) {
                tls_done(&tls);
                return err_set(err, ERR_SYSTEM, "make certificates with OpenSSL");
        }
        *ret = tls;
        return 0;
}

void tls_done(struct tls *tls)
{
        free(tls->ca);
        free(tls->certificate);
        free(tls->key);
        *tls = (struct tls){0};
}
