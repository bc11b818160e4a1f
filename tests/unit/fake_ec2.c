// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <vpcwire/mem.h>

#include "cloud/ec2_errors.h"
#include "cloud/ec2_retry.h"
#include "fake_ec2.h"

struct fake_answer fake_refusal(long status, const char *code, const char *message)
{
        struct fake_answer answer = {.result = {.class = status ? ec2_error_classify(status, code, message)
                                                                : EC2_FAILURE_TRANSPORT,
                                                .http_status = status,
                                                .request_id = "r-1"},
                                     .message = message};

        snprintf(answer.result.code, sizeof(answer.result.code), "%s", code);
        return answer;
}

struct fake_answer fake_pause(int64_t wait_ms)
{
        return (struct fake_answer){
                .result = {.class = EC2_FAILURE_THROTTLED, .paced = true, .wait_ms = wait_ms},
                .message = "not sent: delayed by the local rate limit"};
}

/* What the next call gets. `what` is of the call, in the fake's arena. */
static int call(struct ec2 *ec2, const struct ec2_call_options *options, enum ec2_action action,
                const char *what, const struct fake_answer **ret, struct ec2_result *result, struct err *err)
{
        struct fake_ec2 *fake = (struct fake_ec2 *)ec2;
        const struct fake_answer *answer = &fake->answers[fake->next];
        const char *name = ec2_action_to_string(action);

        fake->next += fake->next + 1 < fake->n_answers;
        *ret = answer;
        *result = answer->result;
        result->dry_run = options && options->dry_run;
        if (!result->paced) {
                assert_true(fake->n_calls < FAKE_EC2_CALLS_MAX);
                fake->calls[fake->n_calls++] =
                        arena_printf(fake->arena, "%s%s%s%s%s", name, *what == ' ' ? "" : " ", what,
                                     options && options->follow_up ? " follow-up" : "",
                                     options && options->dry_run ? " dry-run" : "");
                if (fake->observe)
                        fake->observe(fake->observe_data, action, result, answer->message ?: "");
        }
        if (result->class == EC2_FAILURE_NONE)
                return 0;
        return err_set(err, ec2_failure_class_to_err_code(result->class), "%s: %s", name, answer->message);
}

static struct arena *arena_of(struct ec2 *ec2)
{
        return ((struct fake_ec2 *)ec2)->arena;
}

static const char *list(struct arena *arena, const char *text, const char *name, const char *const *values,
                        size_t n)
{
        for (size_t i = 0; i < n; i++)
                text = arena_printf(arena, "%s %s=%s", text, name, values[i]);
        return text;
}

static const char *describe(struct arena *arena, const struct ec2_selection *which)
{
        const char *text = list(arena, "", "id", which->ids, which->n_ids);

        for (size_t i = 0; i < which->n_filters; i++)
                text = arena_printf(arena, "%s %s=%s", text, which->filters[i].name, which->filters[i].value);
        return text;
}

/* A copy in the caller's arena, as the real one makes it. */
static void *copy(struct arena *arena, const void *from, size_t n, size_t bytes)
{
        void *to = arena_alloc(arena, n, bytes);

        if (n)
                memcpy(to, from, n * bytes);
        return to;
}

static int describe_enis(struct ec2 *ec2, const struct ec2_call_options *options,
                         const struct ec2_selection *which, struct arena *arena, struct ec2_eni_list *ret,
                         struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;
        int r = call(ec2, options, EC2_ACTION_DESCRIBE_ENIS, describe(arena_of(ec2), which), &answer, result,
                     err);

        if (r == 0)
                *ret = (struct ec2_eni_list){
                        .enis = copy(arena, answer->enis, answer->n_enis, sizeof(*answer->enis)),
                        .n = answer->n_enis};
        return r;
}

static int describe_subnets(struct ec2 *ec2, const struct ec2_call_options *options,
                            const struct ec2_selection *which, struct arena *arena _unused_,
                            struct ec2_subnet_list *ret, struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;

        *ret = (struct ec2_subnet_list){0};
        return call(ec2, options, EC2_ACTION_DESCRIBE_SUBNETS, describe(arena_of(ec2), which), &answer,
                    result, err);
}

static int describe_instance_type(struct ec2 *ec2, const struct ec2_call_options *options,
                                  const char *instance_type, struct arena *arena _unused_,
                                  struct ec2_instance_type *ret, struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;

        *ret = (struct ec2_instance_type){.name = instance_type};
        return call(ec2, options, EC2_ACTION_DESCRIBE_INSTANCE_TYPE, instance_type, &answer, result, err);
}

static int create_eni(struct ec2 *ec2, const struct ec2_call_options *options,
                      const struct ec2_create_eni *request, struct arena *arena _unused_, struct ec2_eni *ret,
                      struct ec2_result *result, struct err *err)
{
        const char *what =
                arena_printf(arena_of(ec2), "%s '%s' token=%s addresses=%u", request->subnet_id,
                             request->description, request->client_token, request->secondary_addresses);
        const struct fake_answer *answer;
        int r;

        what = list(arena_of(ec2), what, "group", request->groups, request->n_groups);
        for (size_t i = 0; i < request->n_tags; i++)
                what = arena_printf(arena_of(ec2), "%s %s=%s", what, request->tags[i].key,
                                    request->tags[i].value);
        r = call(ec2, options, EC2_ACTION_CREATE_ENI, what, &answer, result, err);
        if (r == 0) {
                assert_int_equal(answer->n_enis, 1);
                *ret = *answer->enis;
        }
        return r;
}

static int attach_eni(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                      const char *instance_id, unsigned device_index, struct arena *arena,
                      const char **ret_attachment_id, struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;
        int r = call(ec2, options, EC2_ACTION_ATTACH_ENI,
                     arena_printf(arena_of(ec2), "%s %s %u", eni_id, instance_id, device_index), &answer,
                     result, err);

        if (r == 0)
                *ret_attachment_id = arena_strdup(arena, answer->attachment_id);
        return r;
}

static int set_delete_on_termination(struct ec2 *ec2, const struct ec2_call_options *options,
                                     const char *eni_id, const char *attachment_id, struct ec2_result *result,
                                     struct err *err)
{
        const struct fake_answer *answer;

        return call(ec2, options, EC2_ACTION_MODIFY_ENI,
                    arena_printf(arena_of(ec2), "%s %s delete-on-termination", eni_id, attachment_id),
                    &answer, result, err);
}

static int set_groups(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                      const char *const *groups, size_t n, struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;

        return call(ec2, options, EC2_ACTION_MODIFY_ENI, list(arena_of(ec2), eni_id, "group", groups, n),
                    &answer, result, err);
}

static int assign_addresses(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                            unsigned count, struct arena *arena, struct ip **ret_addresses, size_t *ret_n,
                            struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;
        int r = call(ec2, options, EC2_ACTION_ASSIGN_ADDRESSES,
                     arena_printf(arena_of(ec2), "%s %u", eni_id, count), &answer, result, err);

        if (r < 0)
                return r;
        *ret_addresses = copy(arena, answer->addresses, answer->n_addresses, sizeof(*answer->addresses));
        *ret_n = answer->n_addresses;
        return 0;
}

static int unassign_addresses(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                              const struct ip *addresses, size_t n, struct ec2_result *result,
                              struct err *err)
{
        const struct fake_answer *answer;
        const char *what = eni_id;

        for (size_t i = 0; i < n; i++)
                what = arena_printf(arena_of(ec2), "%s %s", what, IP_TEXT(addresses[i]));
        return call(ec2, options, EC2_ACTION_UNASSIGN_ADDRESSES, what, &answer, result, err);
}

static int detach_eni(struct ec2 *ec2, const struct ec2_call_options *options, const char *attachment_id,
                      struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;

        return call(ec2, options, EC2_ACTION_DETACH_ENI, attachment_id, &answer, result, err);
}

static int delete_eni(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                      struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;

        return call(ec2, options, EC2_ACTION_DELETE_ENI, eni_id, &answer, result, err);
}

static int create_tags(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                       const struct ec2_tag *tags, size_t n, struct ec2_result *result, struct err *err)
{
        const struct fake_answer *answer;
        const char *what = eni_id;

        for (size_t i = 0; i < n; i++)
                what = arena_printf(arena_of(ec2), "%s %s=%s", what, tags[i].key, tags[i].value);
        return call(ec2, options, EC2_ACTION_CREATE_TAGS, what, &answer, result, err);
}

static int64_t pace_rate(const struct ec2 *ec2 _unused_, enum pace_class class _unused_)
{
        return 0;
}

static bool is_throttled(const struct ec2 *ec2 _unused_)
{
        return false;
}

static struct ec2 *fake_free(struct ec2 *ec2)
{
        arena_free(arena_of(ec2));
        free(ec2);
        return NULL;
}

struct fake_ec2 *fake_ec2_new(const struct fake_answer *answers, size_t n)
{
        static const struct ec2_ops ops = {
                .describe_enis = describe_enis,
                .describe_subnets = describe_subnets,
                .describe_instance_type = describe_instance_type,
                .create_eni = create_eni,
                .attach_eni = attach_eni,
                .set_delete_on_termination = set_delete_on_termination,
                .set_groups = set_groups,
                .assign_addresses = assign_addresses,
                .unassign_addresses = unassign_addresses,
                .detach_eni = detach_eni,
                .delete_eni = delete_eni,
                .create_tags = create_tags,
                .pace_rate = pace_rate,
                .is_throttled = is_throttled,
                .free = fake_free,
        };
        struct fake_ec2 *fake = XNEW(struct fake_ec2);

        *fake = (struct fake_ec2){.ec2 = {&ops}, .arena = arena_new(), .n_answers = n};
        fake->answers = copy(fake->arena, answers, n, sizeof(*answers));
        return fake;
}
