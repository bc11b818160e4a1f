// SPDX-License-Identifier: Apache-2.0
/* Faults by script: rules read from JSON, and which of them takes effect on a call. */
#include <string.h>

#include "world_cruel_private.h"

enum {
        MAX_RULES = 100,
        MAX_DELAY_MS = 3600 * 1000,
        MAX_BYTES_PER_S = 1000,
        STATUS_FIRST = 200,
        STATUS_LAST = 599,
        STATUS_INTERNAL = 500,
        MAX_COUNT = 1000000,
};

struct faults {
        struct world_fault rules[MAX_RULES];
        size_t n;
};

static const char *const service_names[_WORLD_SERVICE_MAX] = {
        [WORLD_SERVICE_EC2] = "ec2", [WORLD_SERVICE_STS] = "sts", [WORLD_SERVICE_IMDS] = "imds"};

/* commit: whether what was asked for happens, where the rule does not say. */
static const struct {
        const char *name;
        bool commit;
} effects[_WORLD_EFFECT_MAX] = {
        [WORLD_EFFECT_ERROR] = {"error", false},
        [WORLD_EFFECT_DROP] = {"drop", false},
        [WORLD_EFFECT_HANG] = {"hang", false},
        [WORLD_EFFECT_DELAY] = {"delay", true},
        [WORLD_EFFECT_SLOW] = {"slow", true},
        [WORLD_EFFECT_TRUNCATED] = {"truncated", true},
        [WORLD_EFFECT_WRONG_LENGTH] = {"wrong-length", true},
        [WORLD_EFFECT_EMPTY] = {"empty", true},
        [WORLD_EFFECT_BOMB] = {"bomb", false},
        [WORLD_EFFECT_HTML] = {"html", false},
        [WORLD_EFFECT_HUGE] = {"huge", false},
        [WORLD_EFFECT_FEWER] = {"fewer", true},
        [WORLD_EFFECT_BODY] = {"body", false},
};

struct faults *world_faults_free(struct faults *faults)
{
        if (!faults)
                return NULL;
        for (size_t i = 0; i < faults->n; i++) {
                free(faults->rules[i].action);
                free(faults->rules[i].node);
                free(faults->rules[i].code);
                free(faults->rules[i].message);
                free(faults->rules[i].body);
        }
        free(faults);
        return NULL;
}

static int read_text(const json_t *object, const char *name, const char *otherwise, char **ret,
                     struct err *err)
{
        const json_t *value = json_object_get(object, name);

        if (value && !json_is_string(value))
                return err_set(err, ERR_INVALID, "%s: want a text", name);
        if (value || otherwise)
                *ret = xstrdup(value ? json_string_value(value) : otherwise);
        return 0;
}

static int read_name(const json_t *object, const char *member, const char *otherwise,
                     const char *(*name_of)(unsigned), unsigned n, unsigned *ret, struct err *err)
{
        const json_t *value = json_object_get(object, member);
        const char *text = value ? json_string_value(value) : otherwise;

        for (unsigned i = 0; text && i < n; i++) {
                if (strcmp(text, name_of(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return err_set(err, ERR_INVALID, "%s: '%.64s' is none", member, text ?: "(no text)");
}

static const char *service_name(unsigned i)
{
        return service_names[i];
}

static const char *effect_name(unsigned i)
{
        return effects[i].name;
}

static int read_numbers(const json_t *object, struct world_fault *rule, struct err *err)
{
        const struct {
                const char *name;
                unsigned *place, from, to;
        } numbers[] = {
                {"nth", &rule->nth, 1, MAX_COUNT},
                {"every", &rule->every, 1, MAX_COUNT},
                {"times", &rule->times, 1, MAX_COUNT},
                {"status", &rule->status, STATUS_FIRST, STATUS_LAST},
                {"delay_ms", &rule->delay_ms, 1, MAX_DELAY_MS},
                {"bytes_per_s", &rule->bytes_per_s, 1, MAX_BYTES_PER_S},
        };
        const json_t *value = json_object_get(object, "probability");

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                const json_t *number = json_object_get(object, numbers[i].name);

                if (!number)
                        continue;
                if (!json_is_integer(number) || json_integer_value(number) < numbers[i].from ||
                    json_integer_value(number) > numbers[i].to)
                        return err_set(err, ERR_INVALID, "%s: want a whole number from %u to %u",
                                       numbers[i].name, numbers[i].from, numbers[i].to);
                *numbers[i].place = (unsigned)json_integer_value(number);
        }
        rule->probability = value ? json_number_value(value) : 1;
        rule->seed = (uint64_t)json_integer_value(json_object_get(object, "seed"));
        if (!(rule->probability > 0 && rule->probability <= 1))
                return err_set(err, ERR_INVALID, "probability: want a number above 0 and up to 1");
        if ((rule->nth > 0) + (rule->every > 0) + (value != NULL) > 1)
                return err_set(err, ERR_INVALID, "want one of nth, every and probability");
        return 0;
}

static int check_needs(const struct world_fault *rule, struct err *err)
{
        if (rule->effect == WORLD_EFFECT_ERROR && rule->service != WORLD_SERVICE_IMDS && !rule->code)
                return err_set(err, ERR_INVALID, "error: want a code");
        if (rule->effect == WORLD_EFFECT_DELAY && !rule->delay_ms)
                return err_set(err, ERR_INVALID, "delay: want delay_ms");
        if (rule->effect == WORLD_EFFECT_SLOW && !rule->bytes_per_s)
                return err_set(err, ERR_INVALID, "slow: want bytes_per_s");
        return 0;
}

static int read_rule(const json_t *object, struct world_fault *rule, struct err *err)
{
        static const char *const known[] = {"action",      "node",  "service", "effect",      "commit",
                                            "nth",         "every", "times",   "probability", "seed",
                                            "status",      "code",  "message", "body",        "delay_ms",
                                            "bytes_per_s", NULL};
        const json_t *commit = json_object_get(object, "commit");
        unsigned service = 0, effect = 0;
        int r;

        if ((r = world_refuse_unknown(object, known, "rule", err)) < 0 ||
            (r = read_text(object, "action", "*", &rule->action, err)) < 0 ||
            (r = read_text(object, "node", NULL, &rule->node, err)) < 0 ||
            (r = read_text(object, "code", NULL, &rule->code, err)) < 0 ||
            (r = read_text(object, "message", "A fault of the script.", &rule->message, err)) < 0 ||
            (r = read_text(object, "body", "", &rule->body, err)) < 0 ||
            (r = read_name(object, "service", "ec2", service_name, _WORLD_SERVICE_MAX, &service, err)) < 0 ||
            (r = read_name(object, "effect", NULL, effect_name, _WORLD_EFFECT_MAX, &effect, err)) < 0 ||
            (r = read_numbers(object, rule, err)) < 0)
                return r;
        if (commit && !json_is_boolean(commit))
                return err_set(err, ERR_INVALID, "commit: want true or false");
        rule->service = service;
        rule->effect = effect;
        rule->commit = commit ? json_is_true(commit) : effects[effect].commit;
        if (rule->effect == WORLD_EFFECT_ERROR && !rule->status)
                rule->status = STATUS_INTERNAL;
        return check_needs(rule, err);
}

int world_set_faults(struct world *world, const json_t *rules, struct err *err)
{
        _cleanup_(world_faults_freep) struct faults *faults = XNEW(struct faults);
        const json_t *item;
        size_t i;
        int r;

        if (!json_is_array(rules) || json_array_size(rules) > MAX_RULES)
                return err_set(err, ERR_INVALID, "faults: want an array of at most %d rules", MAX_RULES);
        json_array_foreach((json_t *)(uintptr_t)rules, i, item)
        {
                r = read_rule(item, &faults->rules[faults->n++], err);
                if (r < 0)
                        return err_wrap(err, "faults[%zu]", i);
        }
        world_faults_free(world->faults);
        world->faults = TAKE_PTR(faults);
        return 0;
}

json_t *world_faults_to_json(const struct world *world)
{
        json_t *array = json_array();

        for (size_t i = 0; world->faults && i < world->faults->n; i++) {
                const struct world_fault *rule = &world->faults->rules[i];

                json_array_append_new(array,
                                      json_pack("{s:s, s:s, s:s, s:s?, s:i, s:i}", "service",
                                                service_names[rule->service], "action", rule->action,
                                                "effect", effects[rule->effect].name, "code", rule->code,
                                                "seen", (int)rule->seen, "hits", (int)rule->hits));
        }
        return array;
}

/* splitmix64: the same seed throws the same dice. */
static double throw_dice(uint64_t *state)
{
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool takes_effect(struct world_fault *rule)
{
        bool lucky = rule->probability >= 1 || throw_dice(&rule->seed) < rule->probability;

        rule->seen++;
        if (rule->times && rule->hits >= rule->times)
                return false;
        if (rule->nth)
                return rule->seen == rule->nth;
        if (rule->every)
                return rule->seen % rule->every == 0;
        return lucky;
}

const struct world_fault *world_match_fault(struct world *world, enum world_service service,
                                            const char *action, const char *node)
{
        struct world_fault *match = NULL;

        for (size_t i = 0; world->faults && i < world->faults->n; i++) {
                struct world_fault *rule = &world->faults->rules[i];

                if (rule->service != service || !world_pattern_matches(rule->action, action) ||
                    (rule->node && (!node || !world_pattern_matches(rule->node, node))))
                        continue;
                if (takes_effect(rule) && !match)
                        match = rule;
        }
        if (match)
                match->hits++;
        return match;
}
