// SPDX-License-Identifier: Apache-2.0
/* What EC2 is asked for when an ENI is to be made: its tags among it, by which it is known for ours. */
#ifndef IPAMD_RECONCILE_CREATE_REQUEST_H
#define IPAMD_RECONCILE_CREATE_REQUEST_H

#include "reconcile/context.h"

/*
 * "vw-<wall seconds>-<96 random bits>". The time is in the token so that a repeat, which EC2 compares parameter by
 * parameter with the first call, carries the same createdAt tag.
 */
int create_request_token(char ret[static EC2_TOKEN_BYTES], struct err *err);

/* What a create call asks for, but for addresses beside the primary one; texts are in the arena, the token is borrowed. */
void create_request_make(struct context *ctx, struct arena *arena, const char *subnet_id, const char *token,
                         struct ec2_create_eni *ret);

#endif
