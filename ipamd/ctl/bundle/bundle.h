// SPDX-License-Identifier: Apache-2.0
/*
 * ipamctl bundle: what a bug report needs, from the daemon where it answers and from the host. A text is a row of a table;
 * what cannot be had is said in its place, and the rest goes on. All that goes into the archive passes bundle_put(),
 * which shows of it what allow.h lets through and bounds it. index.txt has what is there, and what was not found.
 */
#ifndef IPAMD_CTL_BUNDLE_H
#define IPAMD_CTL_BUNDLE_H

#include <vpcwire/mem.h>

#include "ctl/bundle/allow.h"
#include "ctl/bundle/tar.h"
#include "ctl/ctl.h"

enum {
        BUNDLE_TEXT_BYTES_MAX = 4 * 1024 * 1024,
        BUNDLE_BYTES_MAX = 32 * 1024 * 1024, /* of all texts together */
        BUNDLE_LOG_BYTES_MAX = 512 * 1024,   /* of the end of each log */
        BUNDLE_FILES_MAX = 16,               /* of one pattern */
};

struct bundle {
        struct ctl *ctl;
        const char *root; /* "" is / */
        struct tar *tar;
        size_t bytes;
        struct text index;
        struct err err; /* of the archive; its first stays */
        bool failed;
};

/* One text of the archive. */
void bundle_put(struct bundle *bundle, enum allow how, const char *name, const char *text, size_t n);
/* What should be there and could not be had. */
void bundle_miss(struct bundle *bundle, const char *what, const char *why);
/* Of a text that may grow without end, its end: at most so many bytes, from the beginning of a line on. */
void bundle_keep_end(struct text *text, size_t bytes_max);
/* One exchange with a server of this host, in CTL_TIMEOUT_MS, where a setting says that it listens. The caller owns *ret, the body. */
int bundle_get(const char *bind, const char *path, char **ret, size_t *ret_n, struct err *err);

/* The parts: the daemon, its settings and pages (daemon.c), the host's network (network.c), files and logs (files.c). */
void bundle_daemon(struct bundle *bundle);
void bundle_network(struct bundle *bundle);
void bundle_files(struct bundle *bundle);
void bundle_logs(struct bundle *bundle);

#endif
