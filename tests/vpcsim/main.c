// SPDX-License-Identifier: Apache-2.0
/* vpcsim's command line. See README.md. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "control_client.h"
#include "control_command.h"
#include "fabric.h"
#include "run.h"

enum { EXIT_USAGE = 2, CALL_TIMEOUT_MS = 60 * 1000 };

static int usage_error(const char *format, ...) _printf_(1, 2);

static int usage_error(const char *format, ...)
{
        va_list args;

        fputs("vpcsim: ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputs("; see vpcsim --help\n", stderr);
        return EXIT_USAGE;
}

static int report(const struct err *err)
{
        fprintf(stderr, "vpcsim: %s\n", err->msg);
        return EXIT_FAILURE;
}

static int parse_port(const char *text, int *ret)
{
        char *end;
        long port;

        errno = 0;
        port = strtol(text, &end, 10);
        if (errno || end == text || *end || port < 0 || port > UINT16_MAX)
                return -1;
        *ret = (int)port;
        return 0;
}

/* The options of `run` and `clean`. Returns 0, or the exit code after telling what is wrong. */
static int parse_options(int argc, char **argv, struct run_options *options)
{
        static const struct option table[] = {
                {"world", required_argument, NULL, 'w'},       {"prefix", required_argument, NULL, 'p'},
                {"control", required_argument, NULL, 'c'},     {"no-fabric", no_argument, NULL, 'n'},
                {"ec2-port", required_argument, NULL, 'e'},    {"tls", required_argument, NULL, 't'},
                {"certificate", required_argument, NULL, 'k'}, {0},
        };
        struct err err;
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
                switch (option) {
                case 'w': options->world_file = optarg; break;
                case 'p': options->prefix = optarg; break;
                case 'c': options->control_path = optarg; break;
                case 'n': options->no_fabric = true; break;
                case 'e':
                        if (parse_port(optarg, &options->ec2_port) < 0)
                                return usage_error("--ec2-port '%s': 0..65535 are allowed", optarg);
                        break;
                case 't': options->tls_ca_path = optarg; break;
                case 'k':
                        if (tls_kind_parse(optarg, &options->tls_kind, &err) < 0)
                                return report(&err);
                        break;
                case '?': return usage_error("'%s' is not an option, or lacks its value", argv[optind - 1]);
                }
        }
        if (optind < argc)
                return usage_error("'%s' is too much", argv[optind]);
        return 0;
}

static int main_run(int argc, char **argv)
{
        struct run_options options = {.ec2_port = RUN_NO_PORT};
        struct err err;
        int r = parse_options(argc, argv, &options);

        if (r)
                return r;
        if (!options.world_file || !options.control_path || (!options.prefix && !options.no_fabric))
                return usage_error("run needs --world, --control, and --prefix or --no-fabric");
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        return run_simulation(&options, &err) < 0 ? report(&err) : EXIT_SUCCESS;
}

static int main_clean(int argc, char **argv)
{
        struct run_options options = {.ec2_port = RUN_NO_PORT};
        unsigned removed;
        struct err err;
        int r = parse_options(argc, argv, &options);

        if (r)
                return r;
        if (!options.prefix || options.world_file || options.control_path || options.no_fabric ||
            options.tls_ca_path)
                return usage_error("clean takes --prefix");
        if (fabric_clean(options.prefix, &removed, &err) < 0)
                return report(&err);
        printf("%u namespaces removed\n", removed);
        return EXIT_SUCCESS;
}

/* Adds "key=value", or all of a JSON object, to the request. */
static int add_argument(json_t *request, const char *argument)
{
        _cleanup_json_ json_t *value = NULL;
        _cleanup_free_ char *key = NULL;
        const char *equals = strchr(argument, '=');

        if (*argument == '{') {
                value = json_loads(argument, JSON_REJECT_DUPLICATES, NULL);
                return json_is_object(value) ? json_object_update(request, value) : -1;
        }
        if (!equals || equals == argument)
                return -1;
        key = xstrndup(argument, (size_t)(equals - argument));
        value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
                        ?: json_string(equals + 1);
        return value ? json_object_set(request, key, value) : -1;
}

static int main_ctl(int argc, char **argv)
{
        _cleanup_json_ json_t *request = json_object(), *reply = NULL;
        _cleanup_free_ char *line = NULL, *reply_line = NULL;
        struct err err;

        if (argc < 3)
                return usage_error("ctl needs SOCKET and COMMAND");
        for (int i = 3; i < argc; i++) {
                if (add_argument(request, argv[i]) < 0)
                        return usage_error("'%s' is neither key=value nor a JSON object", argv[i]);
        }
        json_object_set_new(request, "command", json_string(argv[2]));
        line = json_dumps(request, JSON_COMPACT);
        if (!line)
                return usage_error("the command is not UTF-8");
        if (control_call(argv[1], line, CALL_TIMEOUT_MS, &reply_line, &err) < 0)
                return report(&err);
        reply = json_loads(reply_line, 0, NULL);
        if (!reply || printf("%s\n", reply_line) < 0 || fflush(stdout) != 0)
                return usage_error("the reply '%.200s' cannot be read or printed", reply_line);
        return json_is_true(json_object_get(reply, "ok")) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int main_help(int argc _unused_, char **argv _unused_)
{
        puts("vpcsim: a VPC on one machine: EC2's API, IMDS, and packets between network namespaces\n"
             "\n"
             "  vpcsim run --world FILE --prefix P --control SOCKET [--no-fabric] [--ec2-port N]\n"
             "             [--tls CA_FILE [--certificate good|expired|other-host]]\n"
             "  vpcsim ctl SOCKET COMMAND [key=value ... | JSON]\n"
             "  vpcsim clean --prefix P       remove what a crashed run left\n"
             "  vpcsim --help | --version\n"
             "\n"
             "Commands:");
        control_command_print_help(stdout);
        return EXIT_SUCCESS;
}

static int main_version(int argc _unused_, char **argv _unused_)
{
        puts("vpcsim " VPCWIRE_VERSION);
        return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        static const struct {
                const char *name;
                int (*run)(int argc, char **argv);
        } verbs[] = {
                {"run", main_run},     {"ctl", main_ctl},           {"clean", main_clean},
                {"--help", main_help}, {"--version", main_version},
        };

        for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
                if (strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
        }
        return argc > 1 ? usage_error("'%s' is not a command", argv[1]) : usage_error("run, ctl or clean?");
}
