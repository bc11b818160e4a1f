// SPDX-License-Identifier: Apache-2.0
/* The sender: one Event after the other, as notices.c says, with what the API server answered decided by a table. */
#include "kube/kube.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>

#include "kube/event.h"
#include "kube/request.h"

#define EVENTS_PATH "/api/v1/namespaces/" EVENT_NAMESPACE "/events"

enum { STATUS_OK_FIRST = 200, STATUS_OK_LAST = 299 };

struct kube {
        char *node_name, *events_url, *token_file;
        struct notices notices;
        struct http_loop *client;
        uv_timer_t timer;       /* the next time that something is due, or may be tried again */
        struct notice *sending; /* NULL: none */
        enum notice_type type;
        struct event_attempt {
                bool patch;
                unsigned count;
                unsigned changed; /* POST and PATCH took turns */
        } attempt;
        unsigned failures; /* in a row */
        int64_t not_before_ms;
        bool left_out_reported;
};

static void send_next(struct kube *kube);

static void on_timer(uv_timer_t *timer)
{
        send_next(timer->data);
}

static void sleep_until_due(struct kube *kube, int64_t wait_ms)
{
        if (wait_ms >= 0)
                uv_timer_start(&kube->timer, on_timer, (uint64_t)wait_ms, 0);
        else
                uv_timer_stop(&kube->timer);
}

/* ---- a request ---- */

static const struct notice_event *event_of(const struct kube *kube)
{
        return &kube->sending->events[kube->type];
}

static struct event make_event(struct kube *kube)
{
        static const char *const types[_NOTICE_TYPE_MAX] = {
                [NOTICE_WARNING] = "Warning", [NOTICE_NORMAL] = "Normal"};
        const struct notice *notice = kube->sending;
        const struct notice_event *known = event_of(kube);
        bool over = kube->type == NOTICE_NORMAL, adopted = known->made && known->count == 0;
        unsigned more = !over && notice->begun > 1 ? notice->begun : 1;
        int64_t now_ms = clock_wall_ms();

        kube->attempt.count = adopted ? 0 : known->count + more;
        return (struct event){.node = kube->node_name,
                              .type = types[kube->type],
                              .reason = over ? notice->over_reason : notice->reason,
                              .subject = notice->subject,
                              .message = over ? notice->over_message : notice->message,
                              .count = kube->attempt.count,
                              .first_wall_ms = known->first_wall_ms ?: now_ms,
                              .last_wall_ms = now_ms};
}

static int start_request(struct kube *kube, struct err *err)
{
        struct event event = make_event(kube);
        bool patch = event_of(kube)->made;
        char name[EVENT_NAME_BYTES];
        _cleanup_free_ char *body = patch ? event_patch_body(&event) : event_create_body(&event);
        _cleanup_free_ char *patched = xasprintf("%s/%s", kube->events_url, event_name(&event, name));

        kube->attempt.patch = patch;
        return request_start(kube->client, kube->token_file,
                             &(const struct request){.method = patch ? "PATCH" : "POST",
                                                     .url = patch ? patched : kube->events_url,
                                                     .content_type = patch ? "application/merge-patch+json"
                                                                           : "application/json",
                                                     .body = body},
                             err);
}

/* ---- what became of it ---- */

/* Between half and the whole, so that a cluster's nodes do not come back together. */
static int64_t retry_delay_ms(unsigned failures)
{
        int64_t delay_ms = KUBE_RETRY_FIRST_MS;
        uint32_t random = 0;

        for (unsigned i = 1; i < failures && delay_ms < KUBE_RETRY_MAX_MS; i++)
                delay_ms *= 2;
        if (delay_ms > KUBE_RETRY_MAX_MS)
                delay_ms = KUBE_RETRY_MAX_MS;
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
                random = (uint32_t)clock_boottime_ms();
        return delay_ms / 2 + (int64_t)(random % (uint32_t)(delay_ms / 2));
}

/* Told when it begins, and in full at debug level. */
static void retry_later(struct kube *kube, int64_t at_least_ms, const char *why)
{
        int64_t delay_ms = retry_delay_ms(++kube->failures);

        if (at_least_ms > KUBE_RETRY_AFTER_MAX_MS)
                at_least_ms = KUBE_RETRY_AFTER_MAX_MS;
        if (delay_ms < at_least_ms)
                delay_ms = at_least_ms;
        if (kube->failures == 1)
                log_warn("event not delivered to Kubernetes; kept", LOG_STR("reason", why),
                         LOG_INT("retry_in_ms", delay_ms));
        else
                log_debug("event not delivered to Kubernetes", LOG_STR("reason", why),
                          LOG_INT("retry_in_ms", delay_ms));
        kube->sending->sending = false;
        kube->sending = NULL;
        kube->not_before_ms = clock_boottime_ms() + delay_ms;
        http_loop_rest(kube->client);
        sleep_until_due(kube, delay_ms);
}

static void reported(struct kube *kube)
{
        struct notice *notice = TAKE_PTR(kube->sending);

        notice->sending = false;
        notices_reported(&kube->notices, notice, kube->type, clock_boottime_ms());
        if (kube->failures)
                log_info("Kubernetes accepts events again", LOG_INT("failures", kube->failures));
        kube->failures = 0;
        send_next(kube);
}

static void taken(struct kube *kube, const struct http_reply *reply)
{
        struct notice_event *known = &kube->sending->events[kube->type];
        unsigned count = event_reply_count(reply->body, reply->body_bytes);

        known->made = true;
        known->count = count ?: kube->attempt.count;
        if (!known->first_wall_ms)
                known->first_wall_ms = clock_wall_ms();
        reported(kube);
}

/* It is there although we have not made it in this life, or not there any more: the other method. */
static void other_method(struct kube *kube, const struct http_reply *reply)
{
        struct err err;

        if (++kube->attempt.changed > 1 || kube->attempt.patch != (reply->status == 404)) {
                retry_later(kube, 0, reply->status == 404 ? "404 Not Found" : "409 Conflict");
                return;
        }
        kube->sending->events[kube->type] = (struct notice_event){.made = !kube->attempt.patch};
        if (start_request(kube, &err) < 0)
                retry_later(kube, 0, err.msg);
}

static const char *reply_message(struct arena *arena, const struct http_reply *reply)
{
        _cleanup_json_ json_t *status = NULL;
        const char *message = NULL;

        if (jsonx_parse(reply->body, reply->body_bytes, &status, NULL) == 0)
                message = json_string_value(json_object_get(status, "message"));
        return arena_printf(arena, "%ld %.200s", reply->status, message ?: "");
}

static void refused(struct kube *kube, const struct http_reply *reply)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();

        retry_later(kube, reply->retry_after_ms, reply_message(arena, reply));
}

/* It would be refused for ever. */
static void wrong(struct kube *kube, const struct http_reply *reply)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();

        log_error("event rejected by Kubernetes; dropped", LOG_STR("reason", kube->sending->reason),
                  LOG_STR("reason", reply_message(arena, reply)));
        reported(kube);
}

static const struct {
        long status;
        void (*act)(struct kube *kube, const struct http_reply *reply);
} answers[] = {
        {400, wrong}, {422, wrong}, {404, other_method}, {409, other_method}, {413, wrong}, {415, wrong},
};

static void on_done(void *data, const struct http_reply *reply, const struct err *err)
{
        struct kube *kube = data;

        if (!reply) {
                retry_later(kube, 0, err->msg);
                return;
        }
        if (reply->status >= STATUS_OK_FIRST && reply->status <= STATUS_OK_LAST) {
                taken(kube, reply);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                if (answers[i].status == reply->status) {
                        answers[i].act(kube, reply);
                        return;
                }
        }
        refused(kube, reply);
}

static void send_next(struct kube *kube)
{
        int64_t now_ms = clock_boottime_ms(), wait_ms = -1;
        struct err err;

        if (kube->sending)
                return;
        if (kube->not_before_ms > now_ms) {
                sleep_until_due(kube, kube->not_before_ms - now_ms);
                return;
        }
        kube->sending = notices_next(&kube->notices, now_ms, &kube->type, &wait_ms);
        if (!kube->sending) {
                http_loop_rest(kube->client);
                sleep_until_due(kube, wait_ms);
                return;
        }
        kube->sending->sending = true;
        kube->attempt = (struct event_attempt){0};
        if (start_request(kube, &err) < 0)
                retry_later(kube, 0, err.msg);
}

void kube_tell(struct kube *kube, const struct kube_notice *notices, size_t n, bool *ret_any_lasts)
{
        size_t left_out = notices_set(&kube->notices, notices, n, ret_any_lasts);

        if (left_out && !kube->left_out_reported)
                log_warn("too many events for Kubernetes; some are dropped", LOG_INT("left_out", left_out));
        kube->left_out_reported = left_out > 0;
        send_next(kube);
}

/* ---- life ---- */

static char *make_url(const struct kube_options *options)
{
        bool bare_ipv6 = options->service_host && strchr(options->service_host, ':');

        if (options->endpoint) {
                size_t n = strlen(options->endpoint);

                while (n && options->endpoint[n - 1] == '/')
                        n--;
                return xasprintf("%.*s%s", (int)n, options->endpoint, EVENTS_PATH);
        }
        return xasprintf(bare_ipv6 ? "https://[%s]:%u%s" : "https://%s:%u%s", options->service_host,
                         options->service_port, EVENTS_PATH);
}

static int check(const struct kube_options *options, const char *token_file, struct err *err)
{
        if (!options->node_name)
                return err_set(err, ERR_UNSUPPORTED, "MY_NODE_NAME is not set");
        if (!options->endpoint && !options->service_host)
                return err_set(err, ERR_UNSUPPORTED,
                               "neither CLUSTER_ENDPOINT nor KUBERNETES_SERVICE_HOST is set");
        if (access(token_file, F_OK) < 0)
                return err_set(err, ERR_UNSUPPORTED, "there is no %s", token_file);
        return 0;
}

int kube_new(uv_loop_t *loop, const struct kube_options *options, struct kube **ret, struct err *err)
{
        _cleanup_free_ char *token_file = xasprintf("%s/token", options->account_folder);
        _cleanup_free_ char *ca_file = xasprintf("%s/ca.crt", options->account_folder);
        struct kube *kube;

        if (check(options, token_file, err) < 0)
                return -(int)err->code;
        kube = XNEW(struct kube);
        kube->node_name = xstrdup(options->node_name);
        kube->events_url = make_url(options);
        kube->token_file = TAKE_PTR(token_file);
        kube->client =
                http_loop_new(loop, &(const struct http_loop_options){
                                            .http = request_options(ca_file), .done = on_done, .data = kube});
        uv_timer_init(loop, &kube->timer);
        kube->timer.data = kube;
        *ret = kube;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct kube *kube = handle->data;

        notices_done(&kube->notices);
        free(kube->node_name);
        free(kube->events_url);
        free(kube->token_file);
        free(kube);
}

struct kube *kube_free(struct kube *kube)
{
        if (!kube)
                return NULL;
        kube->client = http_loop_free(kube->client);
        uv_close((uv_handle_t *)&kube->timer, on_closed);
        return NULL;
}
