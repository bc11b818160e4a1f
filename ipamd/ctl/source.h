// SPDX-License-Identifier: Apache-2.0
/*
 * Where an answer comes from: ipamd, or, where it is down or silent, its database, which is only read. That it is the
 * database's is said first, on standard error; it is in each JSON object ("offline"), and in the exit code.
 */
#ifndef IPAMD_CTL_SOURCE_H
#define IPAMD_CTL_SOURCE_H

#include "ctl/ctl.h"

struct store;

struct source {
        struct ctl *ctl;
        struct ipam_client *client; /* NULL: the database is read */
        struct store *store;
        struct arena *arena; /* of the database's answers */
};

/* Fails where neither is to be had, which is said then. */
int source_open(struct ctl *ctl, struct source *ret);
void source_done(struct source *source);
/* CTL_NO where the daemon did not answer. */
enum ctl_exit source_code(const struct source *source);

/* As the daemon's; an answer lives until the next call. The database knows less: see rpc/stored.h. */
int source_status(struct source *source, struct ipam_status_reply *ret, struct err *err);
int source_list(struct source *source, struct ipam_list_reply *ret, struct err *err);
int source_events(struct source *source, const struct ipam_events_request *request,
                  struct ipam_events_reply *ret, struct err *err);
int source_address(struct source *source, const struct ipam_address_request *request,
                   struct ipam_address_reply *ret, struct err *err);

#endif
