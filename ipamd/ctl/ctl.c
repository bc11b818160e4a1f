// SPDX-License-Identifier: Apache-2.0
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>

#include "ctl/ctl.h"
#include "ctl/show.h"

static const struct command {
        const char *name, *help, *details;
        enum ctl_exit (*run)(struct ctl *ctl);
        const char *argument; /* what may follow the name, for people; NULL: nothing */
} commands[] = {
        {"status", "the node, its pool, and what stands in the way",
         "Exit code 0 when the node can serve new pods, 1 when it cannot.\n", ctl_status},
        {"pods", "who has which address", "One line per lease, by address.\n", ctl_pods},
        {"enis", "the network interfaces and how full they are",
         "DEV is the device index, with the network card before it (card/index) on cards other than 0.\n",
         ctl_enis},
        {"imports", "the pods that ran before the database began, and what became of them",
         "Pods of aws-vpc-cni, or ours when the database was lost. "
         "pending: its link or its ENI is not seen yet; taken: it is ours; skipped: it has no lease, and "
         "WHY.\n",
         ctl_imports},
        {"explain", "the history of a pod or an address",
         "A pod is NAMESPACE/NAME, or NAME in any namespace. Its leases, ended ones too, how they ended, and "
         "what it "
         "waited for;\n"
         "of an address, who had it when, and on which ENI. As far back as events are kept.\n",
         ctl_explain, "POD|ADDRESS"},
        {"events", "what happened",
         "The newest 100 events, or as --last and --since say. With --json, one object per line.\n",
         ctl_events},
        {"watch", "what happens, as it happens", "Runs until it is interrupted or the daemon stops.\n",
         ctl_watch},
        {"health", "whether the daemon is well, for probes",
         "ready (what is asked without an argument): the daemon can serve, whether or not an address is "
         "free; "
         "live: it\n"
         "answers; startup: the node's network has been set up. Exit code 0 when it is so, 1 when it is not "
         "or "
         "nobody\n"
         "answers in time.\n",
         ctl_health, "[live|ready|startup]"},
        {"doctor", "what is off on this node, what that breaks, and the remedy",
         "To be run by root in the host's network; the daemon may be down. What cannot be looked at from "
         "where it runs is\n"
         "unchecked. Exit code 0 when all that was looked at is well, 1 when something should be looked at, "
         "2 when something\n"
         "is broken.\n",
         ctl_doctor},
        {"export", "the running pods as another daemon reads them: for going back to aws-vpc-cni",
         "Prints aws-vpc-cni's checkpoint. With --output it is written there, and aws-vpc-cni's routes and "
         "rules "
         "are\n"
         "put beside ours, so that it can be started in the place of ipamd; then `ipamd uninstall "
         "--handover`.\n"
         "From then on no new pod is served here: aws-vpc-cni would not know of it and give its address "
         "away. "
         "--cancel ends\n"
         "that.\n",
         ctl_export, "aws-vpc-cni"},
        {"log-level", "from which level on the daemon logs, or switches it",
         "Until it is restarted or reads its settings again (SIGHUP).\n", ctl_log_level,
         "[debug|info|warn|error]"},
        {"bundle", "what a bug report needs, in one file (.tar.gz)",
         "Writes FILE, or vpcwire-HOST-TIME.tar.gz here; never over another. Secrets are left out; read it "
         "all the same "
         "before\n"
         "you give it away. To be run by root in the host's network; the daemon may be down.\n",
         ctl_bundle, "[FILE]"},
        {"version", "versions of ipamctl and of the daemon", "", ctl_version},
};

enum { OPTION_EVENTS = 1000, OPTION_ROOT, OPTION_LAST, OPTION_SINCE, OPTION_OUTPUT, OPTION_CANCEL };

static const struct option_help {
        struct option option;
        const char *value, *help;
} options[] = {
        {{"socket", required_argument, NULL, 's'}, "PATH", "the daemon's socket"},
        {{"json", no_argument, NULL, 'j'}, "", "the answer as JSON"},
        {{"events", required_argument, NULL, OPTION_EVENTS}, "N", "watch: end after N events"},
        {{"last", required_argument, NULL, OPTION_LAST}, "N", "events: the newest N"},
        {{"since", required_argument, NULL, OPTION_SINCE},
         "AGE",
         "events: not older than AGE (90s, 10m, 2h, 3d)"},
        {{"root", required_argument, NULL, OPTION_ROOT},
         "PATH",
         "doctor, bundle: where the host's files are, in a container"},
        {{"output", required_argument, NULL, OPTION_OUTPUT},
         "FILE",
         "export: where to, and not to standard output"},
        {{"cancel", no_argument, NULL, OPTION_CANCEL},
         "",
         "export: this node is not handed over after all; new pods are served again"},
        {{"help", no_argument, NULL, 'h'}, "", "this text; with a command, that command's"},
};

static void print_help(FILE *out, const struct ctl *ctl, const struct command *about)
{
        fprintf(out, "usage: ipamctl [OPTIONS] %s%s%s\n", about ? about->name : "COMMAND",
                about && about->argument ? " " : "", about && about->argument ? about->argument : "");
        if (about)
                fprintf(out, "Shows %s.\n%s", about->help, about->details);
        else
                fprintf(out, "Shows what ipamd, the address daemon of this node, knows.\n\ncommands:\n");
        for (size_t i = 0; !about && i < ARRAY_SIZE(commands); i++)
                fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
        fprintf(out, "\noptions:\n");
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                fprintf(out, "  --%-6s %-5s %s\n", options[i].option.name, options[i].value, options[i].help);
        fprintf(out, "\nsocket: %s (--socket, or the environment's %s)\n", ctl->socket_path, IPAM_SOCKET_ENV);
}

static enum ctl_exit fail_usage(struct ctl *ctl, const char *what, const char *about)
{
        fprintf(ctl->err, "ipamctl: %s%s; see ipamctl --help\n", what, about);
        return CTL_USAGE;
}

static const struct command *find_command(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

static int parse_events(const char *text, long *ret)
{
        char *end;
        long n = strtol(text, &end, 10);

        if (end == text || *end || n < 1)
                return -1;
        *ret = n;
        return 0;
}

/* Options into *ctl; optind is then at the command. */
static enum ctl_exit parse_options(struct ctl *ctl, int argc, char **argv, bool *ret_help)
{
        struct option table[ARRAY_SIZE(options) + 1] = {0};
        int64_t age_ms;
        int option;

        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                table[i] = options[i].option;
        optind = 0; /* GNU: start afresh */
        opterr = 0;
        while ((option = getopt_long(argc, argv, ":s:jh", table, NULL)) >= 0) {
                switch (option) {
                case 's': ctl->socket_path = optarg; break;
                case 'j': ctl->json = true; break;
                case 'h': *ret_help = true; break;
                case OPTION_EVENTS:
                        if (parse_events(optarg, &ctl->events_max) < 0)
                                return fail_usage(ctl, "--events wants a number from 1, not ", optarg);
                        break;
                case OPTION_LAST:
                        if (parse_events(optarg, &ctl->last) < 0)
                                return fail_usage(ctl, "--last wants a number from 1, not ", optarg);
                        break;
                case OPTION_SINCE:
                        if (show_parse_age(optarg, &age_ms) < 0)
                                return fail_usage(ctl, "--since wants the likes of 90s, 10m, 2h, 3d, not ",
                                                  optarg);
                        ctl->since_ms = clock_wall_ms() - age_ms;
                        break;
                case OPTION_ROOT: ctl->root = optarg; break;
                case OPTION_OUTPUT: ctl->output = optarg; break;
                case OPTION_CANCEL: ctl->cancel = true; break;
                case ':': return fail_usage(ctl, "a value is missing after ", argv[optind - 1]);
                default: return fail_usage(ctl, "unknown option ", argv[optind - 1]);
                }
        }
        return CTL_OK;
}

enum ctl_exit ctl_run(struct ctl *ctl, int argc, char **argv)
{
        const struct command *command = NULL;
        bool help = false;

        if (parse_options(ctl, argc, argv, &help) != CTL_OK)
                return CTL_USAGE;
        if (optind < argc) {
                command = find_command(argv[optind]);
                if (!command)
                        return fail_usage(ctl, "unknown command ", argv[optind]);
                if (command->argument && optind + 1 < argc)
                        ctl->argument = argv[++optind];
                if (optind + 1 < argc)
                        return fail_usage(ctl, "too many arguments: ", argv[optind + 1]);
        }
        if (help) {
                print_help(ctl->out, ctl, command);
                return CTL_OK;
        }
        if (!command) {
                print_help(ctl->err, ctl, NULL);
                return CTL_USAGE;
        }
        return command->run(ctl);
}

int ctl_connect(struct ctl *ctl, struct ipam_client **ret)
{
        struct err err;
        int r = ipam_client_connect(ctl->socket_path, CTL_TIMEOUT_MS, ret, &err);

        if (r == -ERR_NOT_FOUND)
                fprintf(ctl->err, "ipamctl: no ipamd at %s: there is no such socket; is it running?\n",
                        ctl->socket_path);
        else if (r == -ERR_AGAIN)
                fprintf(ctl->err, "ipamctl: no ipamd at %s: %s; is it running?\n", ctl->socket_path, err.msg);
        else if (r == -ERR_DENIED)
                fprintf(ctl->err, "ipamctl: %s; ipamd talks to root only\n", err.msg);
        else if (r < 0)
                ctl_fail(ctl, &err);
        return r;
}

enum ctl_exit ctl_fail(struct ctl *ctl, const struct err *err)
{
        fprintf(ctl->err, "ipamctl: %s\n", err->msg);
        return CTL_NO;
}

void ctl_print_json(struct ctl *ctl, enum ipam_method_id id, const void *reply, bool one_line)
{
        _cleanup_json_ json_t *json = jsonx_encode(ipam_method(id)->reply, reply);

        json_dumpf(json, ctl->out, one_line ? JSON_COMPACT : JSON_INDENT(2));
        fputc('\n', ctl->out);
        fflush(ctl->out);
}
