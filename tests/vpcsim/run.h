// SPDX-License-Identifier: Apache-2.0
/* vpcsim run: the world, the fabric and their three faces, until a signal or the command "stop" ends them. */
#ifndef VPCSIM_RUN_H
#define VPCSIM_RUN_H

#include <stdbool.h>

#include <vpcwire/err.h>

#include "tls.h"

enum { RUN_NO_PORT = -1, RUN_WORLD_BYTES_MAX = 4 * 1024 * 1024 };

struct run_options {
        const char *world_file; /* "-": standard input */
        const char *prefix;     /* NULL without a fabric */
        const char *control_path;
        bool no_fabric;
        const char *tls_ca_path; /* EC2 speaks TLS, and its CA is written here; NULL: plain HTTP */
        enum tls_kind tls_kind;
        int ec2_port; /* on the caller's loopback; 0: a free one; RUN_NO_PORT: none */
};

/* Returns 0 after a clean end. Prints the ready line on standard output. Takes SIGTERM and SIGINT over. */
int run_simulation(const struct run_options *options, struct err *err);

#endif
