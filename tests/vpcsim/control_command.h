// SPDX-License-Identifier: Apache-2.0
/* The commands of the control socket: JSON request in, JSON reply out. No sockets here. */
#ifndef VPCSIM_CONTROL_COMMAND_H
#define VPCSIM_CONTROL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct world;
struct fabric;

/* What the commands work on; all borrowed. */
struct control_target {
        struct world *world;
        struct fabric *fabric; /* NULL: no packets; commands about them are ERR_UNSUPPORTED */
        bool stop;             /* set by the command "stop" */
};

/* Carries out one request line of n bytes. Always returns a reply object, of the caller: {"ok": true, ...} or
 * {"ok": false, "error": "...", "code": "..."}. */
json_t *control_command_run(struct control_target *target, const char *line, size_t n);

/* The table of commands, for --help. */
void control_command_print_help(FILE *out);

#endif
