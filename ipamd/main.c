// SPDX-License-Identifier: Apache-2.0
/* ipamd: the command line, the settings, and the daemon. Exit codes: 0 stopped on request, 1 failed, 2 usage or settings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/log.h>

#include "config.h"
#include "daemon.h"

enum { EXIT_USAGE = 2 };

static int usage(FILE *to)
{
        fprintf(to,
                "usage: ipamd [--help | --version]\n\n"
                "Gives the pods of this EC2 node addresses of its VPC: keeps network interfaces and "
                "addresses\n"
                "ahead of need, serves the CNI plugin on a unix socket, and keeps the host's routing right.\n"
                "Settings come from the environment, then from the file that VPCWIRE_CONF names\n"
                "(default " CONFIG_PATH_DEFAULT "; KEY=value lines, read again on SIGHUP):\n\n");
        config_print_help(to);
        return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

int main(int argc, char **argv)
{
        const char *conf_path = getenv("VPCWIRE_CONF") ?: CONFIG_PATH_DEFAULT;
        _cleanup_(config_freep) struct config *config = NULL;
        struct err err;

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(stdout);
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return puts("ipamd " VPCWIRE_VERSION) < 0;
        if (argc > 1) {
                fprintf(stderr, "ipamd: unknown argument '%s'\n", argv[1]);
                return usage(stderr);
        }
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        if (config_load(conf_path, &config, &err) < 0) {
                log_error("settings are wrong", LOG_ERR(&err));
                return EXIT_USAGE;
        }
        log_init(STDERR_FILENO, config->log_format, config->log_level);
        for (size_t i = 0; i < config->n_warnings; i++)
                log_warn("setting", LOG_STR("text", config->warnings[i]));
        if (daemon_run(config, conf_path, &err) < 0) {
                log_error("ipamd cannot go on", LOG_ERR(&err));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
