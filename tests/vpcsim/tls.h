// SPDX-License-Identifier: Apache-2.0
/* A private certificate authority, made for one run, and the server's certificate from it. */
#ifndef VPCSIM_TLS_H
#define VPCSIM_TLS_H

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum tls_kind {
        TLS_GOOD,
        TLS_EXPIRED,    /* it was good until yesterday */
        TLS_OTHER_HOST, /* it is somebody else's */
        _TLS_KIND_MAX,
};

/* "good", "expired", "other-host". ERR_INVALID names what is allowed. */
int tls_kind_parse(const char *text, enum tls_kind *ret, struct err *err);

/* PEM texts. */
struct tls {
        char *ca, *certificate, *key;
};

/* The certificate is for the given addresses and names, NULL-terminated ("198.51.100.1", "localhost"). */
int tls_make(enum tls_kind kind, const char *const *hosts, struct tls *ret, struct err *err);
void tls_done(struct tls *tls);

#endif
