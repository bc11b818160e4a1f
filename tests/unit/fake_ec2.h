// SPDX-License-Identifier: Apache-2.0
/*
 * EC2 as a list of answers, behind the table that the reconciler calls: no HTTP, no clock, no XML. The n-th call gets the n-th
 * answer, and all after the last one get that one again. Each call is remembered as a line of text.
 */
#ifndef FAKE_EC2_H
#define FAKE_EC2_H

#include "cloud/ec2.h"

enum { FAKE_EC2_CALLS_MAX = 64 };

/* What is asked for is given where the call has it; zero is a success that shows nothing. */
struct fake_answer {
        struct ec2_result result;
        const char *message;        /* of a failure */
        const struct ec2_eni *enis; /* what a Describe shows, the first of them what Create made */
        size_t n_enis;
        const struct ip *addresses; /* what Assign gave */
        size_t n_addresses;
        const char *attachment_id;
};

struct fake_ec2 {
        struct ec2 ec2; /* first */
        struct arena *arena;
        const struct fake_answer *answers;
        size_t n_answers, next;
        /* What was sent: "AttachNetworkInterface eni-1 i-1 1", behind it " follow-up", " dry-run". */
        const char *calls[FAKE_EC2_CALLS_MAX];
        size_t n_calls;
        ec2_observe_fn *observe; /* as in ec2_options */
        void *observe_data;
};

/* The answers are copied. Freed by ec2_free(). */
struct fake_ec2 *fake_ec2_new(const struct fake_answer *answers, size_t n);

/* EC2's refusal with this code, in the class that it has; status 0: the answer is lost. */
struct fake_answer fake_refusal(long status, const char *code, const char *message);
/* The call is not sent: the node keeps its pace. */
struct fake_answer fake_pause(int64_t wait_ms);

#endif
