// SPDX-License-Identifier: Apache-2.0
/*
 * What makes the simulated EC2 as unkind as the real one: rates, refused permissions, late and stale views, attachments
 * that stay stuck, faults by script, roles for STS. All of it is off until the world file or a command turns it on; a
 * setter takes all of its JSON (README.md) or nothing of it, and ERR_INVALID names what is wrong.
 *
 * All calls under world_lock().
 */
#ifndef VPCSIM_WORLD_CRUEL_H
#define VPCSIM_WORLD_CRUEL_H

#include "world_imds.h"

/* Whether an action, path or node is meant by a pattern: '*' and '?' are wildcards. */
bool world_pattern_matches(const char *pattern, const char *name);

/* ---- rates (world_throttle.c): {"account": {"rate", "burst"}, "actions": {"Describe*": {"rate", "burst"}}} ---- */

int world_set_throttle(struct world *world, const json_t *throttle, struct err *err);
/* Takes one token from the account's bucket and from each one whose pattern means the action, or refuses and takes none. */
int world_take_token(struct world *world, const char *action, struct err *err);
/* The buckets with what they let through and refused. */
json_t *world_throttle_to_json(const struct world *world);

/* ---- permissions (world_deny.c): an array of patterns ---- */

int world_set_denied(struct world *world, const json_t *patterns, struct err *err);
/* caller_arn: of a session of STS, whose role may be denied more; NULL: somebody else. */
bool world_is_denied(struct world *world, const char *action, const char *caller_arn);

/* ---- late and stale views (world_view.c) ---- */

enum world_view {
        WORLD_VIEW_DESCRIBE,
        WORLD_VIEW_IMDS,
        _WORLD_VIEW_MAX,
};

/*
 * {"describe": true, "imds": false}: from now on that face shows what is there at this moment, until it is set to false.
 * How late a face is otherwise are the settings describe_lag_ms and imds_lag_ms.
 */
int world_set_stale(struct world *world, const json_t *stale, struct err *err);
/* Between these two the world is read as the face shows it; nothing may be written. node: must be in the view, else
 * the world is read as it is (NULL: whatever the view). Not nested. */
void world_view_enter(struct world *world, enum world_view view, const char *node);
void world_view_leave(struct world *world);

/* ---- stuck attachments (world_deny.c): {"attaching": true | [ENI ids] | false, "detaching": ...} ---- */

int world_set_stuck(struct world *world, const json_t *stuck, struct err *err);

/* ---- faults by script (world_fault.c) ---- */

enum world_service {
        WORLD_SERVICE_EC2,
        WORLD_SERVICE_STS,
        WORLD_SERVICE_IMDS,
        _WORLD_SERVICE_MAX,
};

enum world_effect {
        WORLD_EFFECT_ERROR,        /* `status` and `code` with `message` */
        WORLD_EFFECT_DROP,         /* the connection is closed without a byte */
        WORLD_EFFECT_HANG,         /* nothing comes, until the client goes */
        WORLD_EFFECT_DELAY,        /* the reply comes late by `delay_ms` */
        WORLD_EFFECT_SLOW,         /* the body comes with `bytes_per_s` */
        WORLD_EFFECT_TRUNCATED,    /* half of the body, with a Content-Length that fits it */
        WORLD_EFFECT_WRONG_LENGTH, /* Content-Length says more than comes */
        WORLD_EFFECT_EMPTY,        /* status 200 and no body */
        WORLD_EFFECT_BOMB,         /* XML with entities that grow to gigabytes */
        WORLD_EFFECT_HTML,         /* a page of a proxy */
        WORLD_EFFECT_HUGE,         /* well-formed XML of 10 MB */
        WORLD_EFFECT_FEWER,        /* an assign call gives one address fewer than asked, and at least one */
        WORLD_EFFECT_BODY,         /* `status` and `body` instead of what it was */
        _WORLD_EFFECT_MAX,
};

struct world_fault {
        char *action; /* pattern; of IMDS the path */
        char *node;   /* pattern; NULL: whoever asks */
        char *code, *message, *body;
        enum world_service service;
        enum world_effect effect;
        bool commit;                /* what was asked for happens all the same */
        unsigned nth, every, times; /* 0: not set */
        double probability;         /* 1: always */
        uint64_t seed;
        unsigned status, delay_ms, bytes_per_s;
        unsigned seen, hits; /* calls that were meant, and those that it took effect on */
};

/* An array of rules, in place of all that were there; counters start from 0. */
int world_set_faults(struct world *world, const json_t *rules, struct err *err);
/* The rules with "seen" and "hits". */
json_t *world_faults_to_json(const struct world *world);
/* The first rule that takes effect on this call, NULL for none. All rules that mean the call count it. node may be NULL. */
const struct world_fault *world_match_fault(struct world *world, enum world_service service,
                                            const char *action, const char *node);

/* ---- addresses that others hold (world_space.c): {SUBNET: ["10.0.1.20", "10.0.1.64/26"] | free blocks left} ---- */

/* All of them, in place of those that were there. They are free for nobody, and no ENI's. ERR_INVALID names what is wrong. */
int world_set_taken(struct world *world, const json_t *taken, struct err *err);

/* ---- roles for STS (world_role.c): [{"role_arn", "web_identity_token", "denied": [patterns]}] ---- */

int world_set_sts_roles(struct world *world, const json_t *roles, struct err *err);

struct world_assume {
        const char *role_arn, *session_name;
        const char *web_identity_token; /* NULL: AssumeRole by somebody whose signature was checked */
        unsigned duration_s;            /* 0: an hour; never longer than credentials_ttl_s */
};

struct world_session {
        struct world_role_credentials keys;
        const char *arn, *role_id;
};

int world_assume_role(struct world *world, const struct world_assume *request, struct arena *arena,
                      struct world_session *ret, struct err *err);

#endif
