// SPDX-License-Identifier: Apache-2.0
/*
 * A condition in words: what is wrong, and what to do about it. The one place where they are made for status, the page, the
 * error of an ADD and Kubernetes' Events alike, so that a person meets one sentence everywhere. Pure.
 */
#ifndef IPAMD_MODEL_WORDS_H
#define IPAMD_MODEL_WORDS_H

#include <vpcwire/mem.h>

#include "model/condition.h"

struct condition_words {
        const char *what;
        const char *remedy; /* NULL: it passes without anybody's doing */
        const char *detail; /* what EC2 said itself; NULL: it was not EC2, or `what` has it */
};

/* In the arena, or the condition's own, or of static storage. */
struct condition_words condition_words(const struct condition *condition, struct arena *arena);

/* The same of an EC2 action ("AssignPrivateIpAddresses") that the node's role may not call. */
struct condition_words words_of_denied(const char *action, struct arena *arena);

/* "what; fix: remedy", where a text is all that there is. */
const char *words_joined(const struct condition_words *words, struct arena *arena);

#endif
