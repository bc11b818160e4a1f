// SPDX-License-Identifier: Apache-2.0
/* Replies from typed values: what handlers, parked ADDs and streams send. */
#ifndef IPAMD_RPC_REPLY_H
#define IPAMD_RPC_REPLY_H

#include "rpc/state.h"

void reply_answer(struct connection *connection, enum ipam_method_id id, const void *value, bool continues);
void reply_refuse(struct connection *connection, const struct ipam_error *error);
/* An error of org.varlink.service with one text parameter, or none (key NULL). */
void reply_refuse_service(struct connection *connection, const char *error, const char *key,
                          const char *value);

#endif
