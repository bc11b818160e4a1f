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

#include "config/config.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"
#include "daemon/signals.h"
#include "node/kernel.h"

enum { EXIT_USAGE = 2 };

static int usage(FILE *to)
{
        fprintf(to,
                "usage: ipamd [--help | --version | install | uninstall [--force | --handover] | "
                "settings | kernel]\n\n"
                "Gives the pods of this EC2 node addresses of its VPC: keeps network interfaces and "
                "addresses\n"
                "ready for new pods, serves the CNI plugin on a unix socket, and keeps the host's "
                "routing correct.\n\n"
                "  install     copies the CNI plugin into HOST_CNI_BIN_PATH\n"
                "  uninstall   removes the plugin, the network configuration and our part of the host's "
                "network,\n"
                "              and restores the files that they replaced; --force: even while pods run;\n"
                "              --handover: another daemon has the pods now, and the plugin stays for them\n"
                "  settings    prints the table below as Markdown\n"
                "  kernel      prints what is asked of the kernel as Markdown\n\n"
                "Settings come from the environment, then from the file that VPCWIRE_CONF names\n"
                "(default " CONFIG_PATH_DEFAULT "; KEY=value lines, read again on SIGHUP):\n\n");
        config_print_help(to);
        return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int run_daemon(struct config *config, const char *conf_path, struct err *err)
{
        return daemon_run(config, conf_path, err);
}

static int run_install(struct config *config, const char *conf_path _unused_, struct err *err)
{
        return command_install(config, err);
}

static int run_uninstall(struct config *config, const char *conf_path _unused_, struct err *err)
{
        return command_uninstall(config, UNINSTALL_PLAIN, err);
}

static int run_uninstall_force(struct config *config, const char *conf_path _unused_, struct err *err)
{
        return command_uninstall(config, UNINSTALL_FORCE, err);
}

static int run_uninstall_handover(struct config *config, const char *conf_path _unused_, struct err *err)
{
        return command_uninstall(config, UNINSTALL_HANDOVER, err);
}

/* What needs the settings. */
static const struct command {
        const char *name, *option;
        int (*run)(struct config *config, const char *conf_path, struct err *err);
} commands[] = {
        {NULL, NULL, run_daemon},
        {"install", NULL, run_install},
        {"uninstall", NULL, run_uninstall},
        {"uninstall", "--force", run_uninstall_force},
        {"uninstall", "--handover", run_uninstall_handover},
};

/* What is the same on every node. */
static const struct {
        const char *name;
        void (*print)(FILE *to);
} pages[] = {
        {"settings", config_print_markdown},
        {"kernel", kernel_print_markdown},
};

static bool is_equal(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static const struct command *find_command(int argc, char **argv)
{
        const char *name = argc > 1 ? argv[1] : NULL, *option = argc > 2 ? argv[2] : NULL;

        for (size_t i = 0; i < ARRAY_SIZE(commands) && argc <= 3; i++) {
                if (is_equal(commands[i].name, name) && is_equal(commands[i].option, option))
                        return &commands[i];
        }
        return NULL;
}

int main(int argc, char **argv)
{
        const char *conf_path = getenv("VPCWIRE_CONF") ?: CONFIG_PATH_DEFAULT;
        _cleanup_(config_freep) struct config *config = NULL;
        const struct command *command = find_command(argc, argv);
        struct err err;

        signals_hold();
        if (command && command->name)
                signals_release();
        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(stdout);
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return puts("ipamd " VPCWIRE_VERSION) < 0;
        for (size_t i = 0; i < ARRAY_SIZE(pages) && argc == 2; i++) {
                if (strcmp(argv[1], pages[i].name) == 0) {
                        pages[i].print(stdout);
                        return EXIT_SUCCESS;
                }
        }
        if (!command) {
                fprintf(stderr, "ipamd: unknown argument '%s'\n", argv[argc > 2 ? 2 : 1]);
                return usage(stderr);
        }
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        if (config_load(conf_path, &config, &err) < 0) {
                log_error("invalid settings", LOG_ERR(&err));
                return EXIT_USAGE;
        }
        log_init(STDERR_FILENO, config->log_format, config->log_level);
        sysctl_set_folder(config->sysctl_folder);
        config_log_warnings(config);
        if (command->run(config, conf_path, &err) < 0) {
                log_error(command->name ? "command failed" : "ipamd stops: it cannot continue",
                          LOG_ERR(&err));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
