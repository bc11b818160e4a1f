// SPDX-License-Identifier: Apache-2.0
/*
 * ipamd: the command line, the settings, and the daemon. Exit codes: 0 done or stopped on request, 1 failed, 2 usage or
 * settings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/log.h>
#include <vpcwire/sysctl.h>

#include "commands.h"
#include "config.h"
#include "daemon.h"

enum { EXIT_USAGE = 2 };

static int usage(FILE *to)
{
        fprintf(to, "usage: ipamd [--help | --version | install | uninstall [--force] | settings]\n\n"
                    "Gives the pods of this EC2 node addresses of its VPC: keeps network interfaces and "
                    "addresses\n"
                    "ahead of need, serves the CNI plugin on a unix socket, and keeps the host's routing "
                    "right.\n\n"
                    "  install     puts the CNI plugin into HOST_CNI_BIN_PATH\n"
                    "  uninstall   takes plugin and network configuration away again; --force: although pods "
                    "run\n"
                    "  settings    prints the table below as Markdown\n\n"
                    "Settings come from the environment, then from the file that VPCWIRE_CONF names\n"
                    "(default " CONFIG_PATH_DEFAULT "; KEY=value lines, read again on SIGHUP):\n\n");
        config_print_help(to);
        return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

enum command { COMMAND_DAEMON, COMMAND_INSTALL, COMMAND_UNINSTALL, COMMAND_UNINSTALL_FORCE };

/* One of enum command, or -1: it is none that needs the settings. */
static int find_command(int argc, char **argv)
{
        if (argc == 1)
                return COMMAND_DAEMON;
        if (argc == 2 && strcmp(argv[1], "install") == 0)
                return COMMAND_INSTALL;
        if (argc == 2 && strcmp(argv[1], "uninstall") == 0)
                return COMMAND_UNINSTALL;
        if (argc == 3 && strcmp(argv[1], "uninstall") == 0 && strcmp(argv[2], "--force") == 0)
                return COMMAND_UNINSTALL_FORCE;
        return -1;
}

static int run(enum command command, struct config *config, const char *conf_path, struct err *err)
{
        switch (command) {
        case COMMAND_DAEMON: return daemon_run(config, conf_path, err);
        case COMMAND_INSTALL: return command_install(config, err);
        case COMMAND_UNINSTALL: return command_uninstall(config, false, err);
        case COMMAND_UNINSTALL_FORCE: return command_uninstall(config, true, err);
        }
        return err_set(err, ERR_INTERNAL, "command %d", command);
}

int main(int argc, char **argv)
{
        const char *conf_path = getenv("VPCWIRE_CONF") ?: CONFIG_PATH_DEFAULT;
        _cleanup_(config_freep) struct config *config = NULL;
        int command = find_command(argc, argv);
        struct err err;

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(stdout);
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return puts("ipamd " VPCWIRE_VERSION) < 0;
        if (argc == 2 && strcmp(argv[1], "settings") == 0) {
                config_print_markdown(stdout);
                return EXIT_SUCCESS;
        }
        if (command < 0) {
                fprintf(stderr, "ipamd: unknown argument '%s'\n", argv[argc > 2 ? 2 : 1]);
                return usage(stderr);
        }
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        if (config_load(conf_path, &config, &err) < 0) {
                log_error("settings are wrong", LOG_ERR(&err));
                return EXIT_USAGE;
        }
        log_init(STDERR_FILENO, config->log_format, config->log_level);
        sysctl_set_folder(config->sysctl_folder);
        for (size_t i = 0; i < config->n_warnings; i++)
                log_warn("setting", LOG_STR("text", config->warnings[i]));
        if (run((enum command)command, config, conf_path, &err) < 0) {
                log_error(command == COMMAND_DAEMON ? "ipamd cannot go on" : "not done", LOG_ERR(&err));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
