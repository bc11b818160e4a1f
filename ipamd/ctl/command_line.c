// SPDX-License-Identifier: Apache-2.0
/* The command line: which commands there are, what each takes, and its help, which man pages and completion are made from. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/nearest.h>

#include "ctl/ctl.h"
#include "ctl/show.h"

enum option_id {
        OPTION_SOCKET,
        OPTION_JSON,
        OPTION_EVENTS,
        OPTION_LAST,
        OPTION_SINCE,
        OPTION_ALL,
        OPTION_ROOT,
        OPTION_OUTPUT,
        OPTION_CANCEL,
        OPTION_VERSION,
        OPTION_HELP,
        _OPTION_MAX,
};

#define TAKES(id)  (1u << (id))
#define TAKES_MOST (TAKES(OPTION_SOCKET) | TAKES(OPTION_JSON) | TAKES(OPTION_HELP))

static const struct option_help {
        const char *name, *value, *help;
        char letter; /* '\0': none */
} options[_OPTION_MAX] = {
        [OPTION_SOCKET] = {"socket", "PATH", "the daemon's socket", 's'},
        [OPTION_JSON] = {"json", "", "the answer as JSON", 'j'},
        [OPTION_EVENTS] = {"events", "N", "stop after N events"},
        [OPTION_LAST] = {"last", "N", "only the newest N"},
        [OPTION_SINCE] = {"since", "AGE", "only those not older than AGE (90s, 10m, 2h, 3d)"},
        [OPTION_ALL] = {"all", "",
                        "every check, also those that are OK and those that fail because of another"},
        [OPTION_ROOT] = {"root", "PATH", "where the host's root file system is mounted, in a container"},
        [OPTION_OUTPUT] = {"output", "FILE", "write there, and not to standard output"},
        [OPTION_CANCEL] = {"cancel", "", "cancel the handover: ipamd gives addresses to new pods again"},
        [OPTION_VERSION] = {"version", "", "the version of ipamctl"},
        [OPTION_HELP] = {"help", "", "this text; with a command, that command's", 'h'},
};

static enum ctl_exit run_help(struct ctl *ctl);

static const struct command {
        const char *name, *help, *details;
        enum ctl_exit (*run)(struct ctl *ctl);
        unsigned takes;       /* TAKES() of its options */
        const char *argument; /* what may follow the name, for people; NULL: nothing */
} commands[] = {
        {"status", "the node, its pool, and what prevents it from working",
         "Exit code 0 when the node can serve new pods, 1 when it cannot.\n", ctl_status, TAKES_MOST},
        {"pods", "which pod has which address, and which pods wait for one",
         "One line per lease, by address; then the pods that wait, in the order in which they get an "
         "address.\n",
         ctl_pods, TAKES_MOST},
        {"enis", "the network interfaces and how full they are",
         "DEV is the device index, with the network card before it (card/index) on cards other than 0.\n",
         ctl_enis, TAKES_MOST},
        {"imports", "the pods that ran before ipamd's database was created, and what became of them",
         "Pods of aws-vpc-cni, or our own where the database was lost. pending: its link or its ENI is not "
         "seen yet;\n"
         "taken: adopted, it has a lease; skipped: it has no lease, and WHY says why.\n",
         ctl_imports, TAKES_MOST},
        {"explain", "the history of a pod or an address",
         "A pod is NAMESPACE/NAME, or NAME in any namespace. Shows its leases, also past ones, how they "
         "ended, and "
         "what it waited for;\n"
         "of an address, who had it when, and on which ENI. As far back as events are kept.\n",
         ctl_explain, TAKES_MOST, "POD|ADDRESS"},
        {"events", "what happened",
         "The newest 100 events, or as --last and --since say. With --json, one object per line.\n",
         ctl_events, TAKES_MOST | TAKES(OPTION_LAST) | TAKES(OPTION_SINCE)},
        {"watch", "what happens, as it happens", "Runs until it is interrupted or the daemon stops.\n",
         ctl_watch, TAKES_MOST | TAKES(OPTION_EVENTS)},
        {"health", "whether the daemon is healthy, for probes",
         "ready (the default): the daemon can serve, whether or not an address is free; live: it answers;\n"
         "startup: the node's network has been set up. Exit code 0 when it is so, 1 when it is not or "
         "nothing answers in time.\n",
         ctl_health, TAKES_MOST, "[live|ready|startup]"},
        {"doctor", "what is wrong on this node, what that breaks, and how to fix it",
         "Run it as root in the host's network namespace; the daemon may be down. Shows what is wrong, the "
         "worst first; checks\n"
         "that fail only because of another one are counted below it, and --all shows them. unchecked: could "
         "not be checked from\n"
         "here, may be OK or not. Exit code 0 when nothing is wrong, 1 when the node could not be checked "
         "(not root, another\n"
         "network namespace), 3 when something should be checked, 4 when something is broken.\n",
         ctl_doctor, TAKES_MOST | TAKES(OPTION_ALL) | TAKES(OPTION_ROOT)},
        {"export", "the running pods in aws-vpc-cni's format, for going back to it",
         "Prints aws-vpc-cni's checkpoint. With --output it is written to that file, and aws-vpc-cni's "
         "routes and rules are added\n"
         "beside ours, so that aws-vpc-cni can be started in place of ipamd; then run `ipamd uninstall "
         "--handover`. From then on\n"
         "new pods wait on this node: aws-vpc-cni would not know of them, and would give their addresses to "
         "others. --cancel\n"
         "ends that.\n",
         ctl_export, TAKES_MOST | TAKES(OPTION_OUTPUT) | TAKES(OPTION_CANCEL), "aws-vpc-cni"},
        {"log-level", "the daemon's log level, or sets it",
         "Until it is restarted or reads its settings again (SIGHUP).\n", ctl_log_level, TAKES_MOST,
         "[debug|info|warn|error]"},
        {"bundle", "what a bug report needs, in one file (.tar.gz)",
         "Writes FILE, or vpcwire-HOST-TIME.tar.gz here; never over another; - is standard output. Only what "
         "is "
         "known to be\n"
         "harmless is in it: values of other keys and lines of other programs are not shown. index.txt has "
         "what "
         "was not found.\n"
         "To be run by root in the host's network; the daemon may be down.\n",
         ctl_bundle, TAKES_MOST | TAKES(OPTION_ROOT) | TAKES(OPTION_OUTPUT), "[FILE]"},
        {"version", "versions of ipamctl and of the daemon", "", ctl_version, TAKES_MOST},
        {"help", "help for ipamctl, or for one command", "", run_help, TAKES(OPTION_HELP), "[COMMAND]"},
};

/* ---- help ---- */

/* "events, watch: " before what an option is; nothing where most commands take it. */
static void print_takers(FILE *out, enum option_id id)
{
        const char *before = "";

        if (TAKES(id) & (TAKES_MOST | TAKES(OPTION_VERSION)))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                if (commands[i].takes & TAKES(id)) {
                        fprintf(out, "%s%s", before, commands[i].name);
                        before = ", ";
                }
        }
        fputs(": ", out);
}

/* about: NULL for the program. */
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
        for (enum option_id id = 0; id < _OPTION_MAX; id++) {
                if (about && !(about->takes & TAKES(id)))
                        continue;
                fprintf(out, "  --%-7s %-5s ", options[id].name, options[id].value);
                if (!about)
                        print_takers(out, id);
                fprintf(out, "%s\n", options[id].help);
        }
        fprintf(out, "\nsocket: %s (--socket, or the environment's %s)\n", ctl->socket_path, IPAM_SOCKET_ENV);
}

/* ---- what is wrong with a command line ---- */

static enum ctl_exit fail_usage(struct ctl *ctl, const char *what, const char *about)
{
        fprintf(ctl->err, "ipamctl: %s%s; see ipamctl --help\n", what, about);
        return CTL_USAGE;
}

static const char *command_name(size_t i)
{
        return i < ARRAY_SIZE(commands) ? commands[i].name : NULL;
}

static const char *option_name(size_t i)
{
        return i < _OPTION_MAX ? options[i].name : NULL;
}

/* What was meant by an unknown word, if it is like one of the names. */
static enum ctl_exit fail_unknown(struct ctl *ctl, const char *what, const char *dashes, const char *word,
                                  const char *(*name_of)(size_t i))
{
        const char *nearest = NULL;
        unsigned least = (unsigned)strlen(word) / 2 + 1; /* half of it may be wrong */

        for (size_t i = 0; name_of(i); i++) {
                unsigned distance = nearest_distance(word, name_of(i));

                if (distance < least) {
                        least = distance;
                        nearest = name_of(i);
                }
        }
        fprintf(ctl->err, "ipamctl: unknown %s %s%s; ", what, dashes, word);
        if (nearest)
                fprintf(ctl->err, "did you mean %s%s? See ipamctl --help\n", dashes, nearest);
        else
                fputs("see ipamctl --help\n", ctl->err);
        return CTL_USAGE;
}

static enum ctl_exit fail_option(struct ctl *ctl, const struct command *command, enum option_id id)
{
        fprintf(ctl->err, "ipamctl: %s does not take --%s; it takes", command->name, options[id].name);
        for (enum option_id k = 0; k < _OPTION_MAX; k++) {
                if (command->takes & TAKES(k))
                        fprintf(ctl->err, " --%s", options[k].name);
        }
        fputc('\n', ctl->err);
        return CTL_USAGE;
}

/* ---- reading it ---- */

static const struct command *find_command(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

static enum ctl_exit run_help(struct ctl *ctl)
{
        const struct command *about = ctl->argument ? find_command(ctl->argument) : NULL;

        if (ctl->argument && !about)
                return fail_unknown(ctl, "command", "", ctl->argument, command_name);
        print_help(ctl->out, ctl, about);
        return CTL_OK;
}

static int parse_count(const char *text, long *ret)
{
        char *end;
        long n = strtol(text, &end, 10);

        if (end == text || *end || n < 1)
                return -1;
        *ret = n;
        return 0;
}

static enum ctl_exit take_option(struct ctl *ctl, enum option_id id, const char *value)
{
        int64_t age_ms;

        switch (id) {
        case OPTION_SOCKET: ctl->socket_path = value; break;
        case OPTION_JSON: ctl->json = true; break;
        case OPTION_EVENTS:
                if (parse_count(value, &ctl->events_max) < 0)
                        return fail_usage(ctl, "--events expects a number from 1, not ", value);
                break;
        case OPTION_LAST:
                if (parse_count(value, &ctl->last) < 0)
                        return fail_usage(ctl, "--last expects a number from 1, not ", value);
                break;
        case OPTION_SINCE:
                if (show_parse_age(value, &age_ms) < 0)
                        return fail_usage(ctl, "--since expects e.g. 90s, 10m, 2h or 3d, not ", value);
                ctl->since_ms = clock_wall_ms() - age_ms;
                break;
        case OPTION_ALL: ctl->all = true; break;
        case OPTION_ROOT: ctl->root = value; break;
        case OPTION_OUTPUT: ctl->output = value; break;
        case OPTION_CANCEL: ctl->cancel = true; break;
        case OPTION_VERSION:
        case OPTION_HELP:
        case _OPTION_MAX: break;
        }
        return CTL_OK;
}

/* "--socke" of "--socke=x"; "x" of the letter of "-x". */
static enum ctl_exit fail_unknown_option(struct ctl *ctl, const char *word)
{
        char name[NEAREST_BYTES_MAX + 1] = {(char)optopt};

        if (strncmp(word, "--", 2) != 0)
                return fail_unknown(ctl, "option", "-", name, option_name);
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
        return fail_unknown(ctl, "option", "--", name, option_name);
}

/* Options into *ctl, and which there were; optind is then at the command. */
static enum ctl_exit parse_options(struct ctl *ctl, int argc, char **argv, unsigned *ret_given)
{
        struct option table[_OPTION_MAX + 1] = {0};
        int found, id;

        for (id = 0; id < _OPTION_MAX; id++)
                table[id] = (struct option){options[id].name,
                                            *options[id].value ? required_argument : no_argument, NULL,
                                            options[id].letter ?: _OPTION_MAX + id};
        optind = 0; /* GNU: start afresh */
        opterr = 0;
        while ((found = getopt_long(argc, argv, ":s:jh", table, NULL)) >= 0) {
                if (found == ':')
                        return fail_usage(ctl, "a value is missing after ", argv[optind - 1]);
                for (id = 0; id < _OPTION_MAX && table[id].val != found; id++)
                        ;
                if (id == _OPTION_MAX)
                        return fail_unknown_option(ctl, argv[optind - 1]);
                if (take_option(ctl, (enum option_id)id, optarg) != CTL_OK)
                        return CTL_USAGE;
                *ret_given |= TAKES(id);
        }
        return CTL_OK;
}

/* The command and what follows it. NULL: there is none; what is wrong is said and *ret is CTL_USAGE. */
static const struct command *parse_command(struct ctl *ctl, int argc, char **argv, unsigned given,
                                           enum ctl_exit *ret)
{
        const struct command *command = optind < argc ? find_command(argv[optind]) : NULL;

        if (optind < argc && !command)
                *ret = fail_unknown(ctl, "command", "", argv[optind], command_name);
        if (!command)
                return NULL;
        if (command->argument && optind + 1 < argc)
                ctl->argument = argv[++optind];
        if (optind + 1 < argc)
                *ret = fail_usage(ctl, "too many arguments: ", argv[optind + 1]);
        for (enum option_id id = 0; id < _OPTION_MAX && *ret == CTL_OK; id++) {
                if (given & ~command->takes & TAKES(id))
                        *ret = fail_option(ctl, command, id);
        }
        return command;
}

enum ctl_exit ctl_run(struct ctl *ctl, int argc, char **argv)
{
        const struct command *command;
        enum ctl_exit code = CTL_OK;
        unsigned given = 0;

        if (parse_options(ctl, argc, argv, &given) != CTL_OK)
                return CTL_USAGE;
        command = parse_command(ctl, argc, argv, given, &code);
        if (code != CTL_OK)
                return code;
        if (given & TAKES(OPTION_HELP)) {
                print_help(ctl->out, ctl, command);
                return CTL_OK;
        }
        if (given & TAKES(OPTION_VERSION)) {
                fprintf(ctl->out, "ipamctl %s\n", VPCWIRE_VERSION);
                return CTL_OK;
        }
        if (!command) {
                print_help(ctl->err, ctl, NULL);
                return CTL_USAGE;
        }
        return command->run(ctl);
}
