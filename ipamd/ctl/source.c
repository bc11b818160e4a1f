// SPDX-License-Identifier: Apache-2.0
#include "ctl/source.h"

#include <vpcwire/clock.h>

#include "ctl/show.h"
#include "rpc/stored.h"

/* The last write is all that a dead daemon leaves of its time. */
static void tell_offline(const struct ctl *ctl, const struct err *why)
{
        bool down = ctl->offline.daemon == CTL_DAEMON_DOWN;
        int64_t written_ms = ctl->offline.written_ms;

        fprintf(ctl->err,
                "ipamctl: ipamd %s: %s\n"
                "ipamctl: %s since %s (%s ago) or later: its database was last written then. This is "
                "what the database says; next: " CTL_NEXT "\n",
                down ? "is down" : "does not answer", why->msg, down ? "down" : "silent",
                clock_wall_format(written_ms, (char[CLOCK_TEXT_BYTES]){0}),
                show_age(clock_wall_ms() - written_ms, (char[SHOW_AGE_BYTES]){0}));
}

/* why: of the daemon's silence; where there is no database either, with that. */
static int open_database(struct source *source, enum ctl_daemon daemon, struct err *why)
{
        const struct err daemon_err = *why;
        struct ctl *ctl = source->ctl;
        struct err err;
        int r;

        if (!ctl->db_path)
                return -(int)why->code;
        r = store_open_read_only(ctl->db_path, &source->store, &ctl->offline.written_ms, &err);
        if (r < 0) {
                fprintf(ctl->err, "ipamctl: %s\n", daemon_err.msg);
                *why = err;
                why->code = daemon_err.code;
                err_wrap(why, "its database cannot be read either");
                return r;
        }
        source->arena = arena_new();
        ctl->offline.daemon = daemon;
        tell_offline(ctl, why);
        return 0;
}

/* Whether a call failed because nothing answers, and the database is open in the daemon's place. */
static bool falls_back(struct source *source, int r, struct err *err)
{
        if (r == 0 || ipam_client_error(source->client)->id != IPAM_ERROR_NONE ||
            (r != -ERR_TIMEOUT && r != -ERR_AGAIN))
                return false;
        if (open_database(source, CTL_DAEMON_SILENT, err) < 0)
                return false;
        source->client = ipam_client_free(source->client);
        return true;
}

int source_open(struct ctl *ctl, struct source *ret)
{
        struct err err;
        int r;

        *ret = (struct source){.ctl = ctl};
        if (ctl->offline.daemon ==
            CTL_DAEMON_SILENT) { /* of the command before, in a bundle: once is enough */
                err_set(&err, ERR_TIMEOUT, "it did not answer a moment ago");
                r = open_database(ret, CTL_DAEMON_SILENT, &err);
                if (r < 0)
                        ctl_fail_next(ctl, &err);
                return r;
        }
        r = ctl_try_connect(ctl, &ret->client, &err);
        if (r == 0)
                ctl->offline.daemon = CTL_DAEMON_ANSWERS; /* the command before may have found none */
        if (r < 0 && r != -ERR_DENIED &&
            open_database(ret, r == -ERR_TIMEOUT ? CTL_DAEMON_SILENT : CTL_DAEMON_DOWN, &err) == 0)
                return 0;
        if (r < 0)
                ctl_fail_next(ctl, &err);
        return r;
}

void source_done(struct source *source)
{
        ipam_client_free(source->client);
        store_free(source->store);
        arena_free(source->arena);
}

enum ctl_exit source_code(const struct source *source)
{
        return source->store ? CTL_NO : CTL_OK;
}

int source_status(struct source *source, struct ipam_status_reply *ret, struct err *err)
{
        if (source->client) {
                int r = ipam_status(source->client, ret, err);

                if (!falls_back(source, r, err))
                        return r;
        }
        return stored_status(source->store, clock_boottime_ms(), source->arena, ret, err);
}

int source_list(struct source *source, struct ipam_list_reply *ret, struct err *err)
{
        if (source->client) {
                int r = ipam_list(source->client, ret, err);

                if (!falls_back(source, r, err))
                        return r;
        }
        *ret = (struct ipam_list_reply){0};
        return stored_list(source->store, &(struct stored_node){0}, clock_boottime_ms(), source->arena, ret,
                           err);
}

int source_events(struct source *source, const struct ipam_events_request *request,
                  struct ipam_events_reply *ret, struct err *err)
{
        if (source->client) {
                int r = ipam_events(source->client, request, ret, err);

                if (!falls_back(source, r, err))
                        return r;
        }
        return stored_events(source->store, request, source->arena, ret, err);
}

int source_address(struct source *source, const struct ipam_address_request *request,
                   struct ipam_address_reply *ret, struct err *err)
{
        if (source->client) {
                int r = ipam_address(source->client, request, ret, err);

                if (!falls_back(source, r, err))
                        return r;
        }
        *ret = (struct ipam_address_reply){0};
        return stored_address(source->store, request, clock_boottime_ms(), source->arena, ret, err);
}
