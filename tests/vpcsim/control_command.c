// SPDX-License-Identifier: Apache-2.0
/* See control_command.h. */
#include <string.h>

#include <vpcwire/jsonx.h>

#include "control_command.h"
#include "fabric.h"
#include "world_cruel.h"

static const char command_key[] = "command";

/* args: the request without "command". A function puts its results into reply. Called under world_lock(). */
typedef int command_fn(struct control_target *target, json_t *args, json_t *reply, struct err *err);

struct command {
        const char *name;
        const char *arguments; /* space-separated names; NULL: the world checks them */
        bool needs_fabric;
        command_fn *run;
        const char *help;
};

static int require_string(json_t *args, const char *key, const char **ret, struct err *err)
{
        const char *value = json_string_value(json_object_get(args, key));

        if (!value || !*value)
                return err_set(err, ERR_INVALID, "'%s' must be a string that is not empty", key);
        *ret = value;
        return 0;
}

static int run_status(struct control_target *target, json_t *args _unused_, json_t *reply,
                      struct err *err _unused_)
{
        _cleanup_json_ json_t *dump = world_dump(target->world);

        json_object_update(reply, dump);
        return 0;
}

static int run_add_node(struct control_target *target, json_t *args, json_t *reply, struct err *err)
{
        _cleanup_json_ json_t *node = NULL;
        int r = world_add_node(target->world, args, &node, err);

        if (r < 0)
                return r;
        json_object_update(reply, node);
        return 0;
}

static int run_remove_node(struct control_target *target, json_t *args, json_t *reply _unused_,
                           struct err *err)
{
        const char *name;
        int r = require_string(args, "name", &name, err);

        return r < 0 ? r : world_remove_node(target->world, name, err);
}

static int run_add_vpc_cidr(struct control_target *target, json_t *args, json_t *reply _unused_,
                            struct err *err)
{
        const char *cidr;
        int r = require_string(args, "cidr", &cidr, err);

        return r < 0 ? r : world_add_vpc_cidr(target->world, cidr, err);
}

static int run_add_subnet(struct control_target *target, json_t *args, json_t *reply _unused_,
                          struct err *err)
{
        return world_add_subnet(target->world, args, err);
}

static int run_set_delays(struct control_target *target, json_t *args, json_t *reply _unused_,
                          struct err *err)
{
        return world_set_delays(target->world, args, err);
}

static int run_set_throttle(struct control_target *target, json_t *args, json_t *reply _unused_,
                            struct err *err)
{
        return world_set_throttle(target->world, args, err);
}

static int run_set_denied(struct control_target *target, json_t *args, json_t *reply _unused_,
                          struct err *err)
{
        return world_set_denied(target->world, json_object_get(args, "actions"), err);
}

static int run_set_stuck(struct control_target *target, json_t *args, json_t *reply _unused_, struct err *err)
{
        return world_set_stuck(target->world, args, err);
}

static int run_set_stale(struct control_target *target, json_t *args, json_t *reply _unused_, struct err *err)
{
        return world_set_stale(target->world, args, err);
}

static int run_set_faults(struct control_target *target, json_t *args, json_t *reply _unused_,
                          struct err *err)
{
        return world_set_faults(target->world, json_object_get(args, "rules"), err);
}

static int run_set_roles(struct control_target *target, json_t *args, json_t *reply _unused_, struct err *err)
{
        return world_set_sts_roles(target->world, json_object_get(args, "roles"), err);
}

static int run_set_taken(struct control_target *target, json_t *args, json_t *reply _unused_, struct err *err)
{
        return world_set_taken(target->world, args, err);
}

static int run_faults(struct control_target *target, json_t *args _unused_, json_t *reply,
                      struct err *err _unused_)
{
        json_object_set_new(reply, "rules", world_faults_to_json(target->world));
        json_object_set_new(reply, "throttle", world_throttle_to_json(target->world));
        return 0;
}

static int run_forget_tokens(struct control_target *target, json_t *args _unused_, json_t *reply _unused_,
                             struct err *err)
{
        return world_imds_forget_tokens(target->world, err);
}

static int run_calls(struct control_target *target, json_t *args _unused_, json_t *reply,
                     struct err *err _unused_)
{
        _cleanup_json_ json_t *calls = world_calls(target->world);

        json_object_update(reply, calls);
        return 0;
}

static int run_calls_reset(struct control_target *target, json_t *args _unused_, json_t *reply _unused_,
                           struct err *err _unused_)
{
        world_calls_reset(target->world);
        return 0;
}

static int run_counters(struct control_target *target, json_t *args _unused_, json_t *reply, struct err *err)
{
        struct fabric_counters counters;
        int r = fabric_read_counters(target->fabric, &counters, err);

        if (r < 0)
                return r;
        json_object_set_new(reply, "wrong_source_packets",
                            json_integer((json_int_t)counters.wrong_source_packets));
        json_object_set_new(reply, "no_public_packets", json_integer((json_int_t)counters.no_public_packets));
        json_object_set_new(reply, "forwarded_packets", json_integer((json_int_t)counters.forwarded_packets));
        return 0;
}

static int run_offenders(struct control_target *target, json_t *args _unused_, json_t *reply, struct err *err)
{
        struct fabric_offender *offenders;
        json_t *list;
        size_t n;
        int r = fabric_read_offenders(target->fabric, &offenders, &n, err);

        if (r < 0)
                return r;
        list = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "eni", offenders[i].eni_id,
                                                      "source", IP_TEXT(offenders[i].source), "destination",
                                                      IP_TEXT(offenders[i].destination), "packets",
                                                      (json_int_t)offenders[i].packets));
        fabric_offenders_free(offenders, n);
        json_object_set_new(reply, "offenders", list);
        return 0;
}

static int run_check(struct control_target *target, json_t *args _unused_, json_t *reply,
                     struct err *err _unused_)
{
        json_object_set_new(reply, "violations", world_check(target->world));
        return 0;
}

static int run_internet_address(struct control_target *target, json_t *args, json_t *reply _unused_,
                                struct err *err)
{
        const char *text;
        struct ip address;
        int r = require_string(args, "address", &text, err);

        if (r == 0)
                r = ip_parse(text, &address, err);
        return r < 0 ? r : fabric_add_internet_address(target->fabric, address, err);
}

static int run_stop(struct control_target *target, json_t *args _unused_, json_t *reply _unused_,
                    struct err *err _unused_)
{
        target->stop = true;
        return 0;
}

static command_fn run_help;

static const struct command commands[] = {
        {"status", "", false, run_status, "the whole state of the world"},
        {"dump", "", false, run_status, "as status"},
        {"add-node", NULL, false, run_add_node,
         "start an instance: name, instance_type, subnet, public, ..."},
        {"remove-node", "name", false, run_remove_node, "terminate an instance"},
        {"add-vpc-cidr", "cidr", false, run_add_vpc_cidr, "give the VPC another CIDR"},
        {"add-subnet", NULL, false, run_add_subnet, "make a subnet: id, name, cidr, zone, tags"},
        {"set-delays", NULL, false, run_set_delays, "attach_ms, detach_ms, imds_lag_ms, ..."},
        {"set-throttle", NULL, false, run_set_throttle, "account, actions: how fast calls are let through"},
        {"set-denied", "actions", false, run_set_denied, "actions that IAM refuses"},
        {"set-stuck", NULL, false, run_set_stuck, "attaching, detaching: what does not get on"},
        {"set-stale", NULL, false, run_set_stale, "describe, imds: show what was there when it was set"},
        {"set-taken", NULL, false, run_set_taken,
         "subnet: addresses that others hold, or free blocks to leave"},
        {"set-faults", "rules", false, run_set_faults, "the script of faults"},
        {"set-roles", "roles", false, run_set_roles, "roles that STS gives sessions of"},
        {"faults", "", false, run_faults, "what rules and rates did so far"},
        {"forget-imds-tokens", "", false, run_forget_tokens, "IMDS refuses all tokens given so far"},
        {"calls", "", false, run_calls, "EC2 calls so far, by action, with a log"},
        {"calls-reset", "", false, run_calls_reset, "forget the calls so far"},
        {"counters", "", true, run_counters, "packets forwarded, and dropped for which reason"},
        {"offenders", "", true, run_offenders, "who sent from addresses that are not theirs"},
        {"check", "", false, run_check, "broken invariants of the world"},
        {"internet-address", "address", true, run_internet_address,
         "put a host of 198.51.100.0/24 on the internet"},
        {"stop", "", false, run_stop, "end the run"},
        {"help", "", false, run_help, "this list"},
};

static int run_help(struct control_target *target _unused_, json_t *args _unused_, json_t *reply,
                    struct err *err _unused_)
{
        json_t *list = json_object();

        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                json_object_set_new(list, commands[i].name, json_string(commands[i].help));
        json_object_set_new(reply, "commands", list);
        return 0;
}

void control_command_print_help(FILE *out)
{
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                fprintf(out, "  %-18s %s\n", commands[i].name, commands[i].help);
}

static bool word_in(const char *words, const char *word)
{
        size_t n = strlen(word);

        for (const char *at = words; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
                if (strcspn(at, " ") == n && memcmp(at, word, n) == 0)
                        return true;
        }
        return false;
}

static int check_arguments(const struct command *command, json_t *args, struct err *err)
{
        const char *key;
        json_t *value;

        if (!command->arguments)
                return 0;
        json_object_foreach(args, key, value) if (!word_in(command->arguments, key)) return err_set(
                err, ERR_INVALID, "'%s' is not an argument of %s; it takes: %s", key, command->name,
                *command->arguments ? command->arguments : "none");
        return 0;
}

static int run_request(struct control_target *target, json_t *request, json_t *reply, struct err *err)
{
        const char *name;
        int r = require_string(request, command_key, &name, err);

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(commands); i++) {
                _cleanup_json_ json_t *args = NULL;

                if (strcmp(commands[i].name, name) != 0)
                        continue;
                if (commands[i].needs_fabric && !target->fabric)
                        return err_set(err, ERR_UNSUPPORTED, "%s needs the fabric; this run is without",
                                       name);
                args = json_copy(request);
                json_object_del(args, command_key);
                r = check_arguments(&commands[i], args, err);
                if (r < 0)
                        return r;
                world_lock(target->world);
                r = commands[i].run(target, args, reply, err);
                world_unlock(target->world);
                return r;
        }
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no command '%s'; see help", name);
}

json_t *control_command_run(struct control_target *target, const char *line, size_t n)
{
        _cleanup_json_ json_t *request = NULL;
        struct err err;
        json_t *reply = json_pack("{s:b}", "ok", true);
        int r = jsonx_parse(line, n, &request, &err);

        if (r == 0)
                r = run_request(target, request, reply, &err);
        if (r < 0) {
                json_object_clear(reply);
                json_object_set_new(reply, "ok", json_false());
                json_object_set_new(reply, "error",
                                    json_string(err.msg) ?: json_string("error text is not UTF-8"));
                json_object_set_new(reply, "code", json_string(err_code_to_string(err.code)));
        }
        return reply;
}
