// SPDX-License-Identifier: Apache-2.0
/*
 * The server's inside, shared by the files of rpc/ and nobody else: the server, its connections, and the ADDs that
 * wait. Everything lives on the loop's thread.
 */
#ifndef IPAMD_RPC_STATE_H
#define IPAMD_RPC_STATE_H

#include <sys/types.h>

#include <uv.h>

#include <vpcwire/mem.h>
#include <vpcwire/varlink.h>

#include "metrics/metrics.h"
#include "rpc/latency.h"
#include "rpc/options.h"
#include "store/store.h"

enum {
        RPC_BACKLOG = 128,
        /* A peer with more bytes than this unsent gets no further call processed and no further event. */
        RPC_UNSENT_BYTES_MAX = 256 * 1024,
        RPC_EVENTS_PER_READ = 128,
        /* Of one peer in one turn of the loop; then the others have theirs. */
        RPC_CALLS_PER_TURN = 8,
        /* Watchers see what other processes' threads wrote at the latest after this. */
        RPC_WATCH_MS = 500,
};

/* An ADD that waits for an address. Linked in the order of arrival. */
struct parked {
        struct rpc *rpc;
        struct connection *connection; /* its peer; has this in ->parked */
        struct parked *previous, *next;
        struct arena *arena; /* of the request's strings */
        struct ipam_add_request request;
        bool oneway;
        int64_t since_ms, deadline_ms; /* CLOCK_BOOTTIME */
        int64_t since_us;
};

struct connection {
        struct rpc *rpc;
        struct connection *previous, *next;
        uv_pipe_t pipe;
        uv_timer_t idle;
        unsigned handles; /* not closed yet; the last one frees */
        struct varlink_queue queue;
        struct parked *parked;
        bool probing;      /* waits for the answer to Probe */
        int64_t active_ms; /* of the last completed call, or of the accept */
        int64_t watch_after;
        bool watching;
        bool denied;      /* the peer has no right to be here: the first bytes get PermissionDenied */
        bool hangup;      /* close once everything is sent */
        bool full;        /* as much waits as may: nothing is read until some of it is taken */
        bool behind;      /* had its calls of this turn, and has more */
        uint64_t turn;    /* in which the last call was taken */
        unsigned n_taken; /* in it */
        bool closing;
        pid_t pid; /* of the peer, for logs */
};

/* What connections call upwards: they know bytes and messages, not what calls mean. */
struct connection_hooks {
        /* Answers the call, or leaves the connection parked or watching. */
        void (*call)(struct connection *connection, const struct varlink_call *call);
        /* The peer took what was sent. */
        void (*writable)(struct connection *connection);
        /* The peer is gone: nothing may wait for it any more. */
        void (*closed)(struct connection *connection);
};

struct rpc {
        uv_loop_t *loop;
        struct connection_hooks hooks;
        struct rpc_options options; /* defaults filled in, texts copied */
        uv_pipe_t listener;
        dev_t socket_device;
        ino_t socket_inode;
        uv_timer_t park_timer;  /* the next deadline or cooled address, while somebody is parked */
        uv_timer_t watch_timer; /* runs while somebody watches */
        uv_timer_t probe_timer; /* runs while somebody waits for Probe's answer */
        uv_prepare_t turn_begin;
        uv_idle_t next_turn; /* runs while somebody is behind */
        uint64_t turn;
        unsigned handles; /* ours and the connections' */
        bool closing;
        struct connection *connections;
        unsigned n_connections, n_watching;
        struct parked *parked_first, *parked_last;
        unsigned n_parked;
        struct arena *node_arena; /* of node's texts */
        struct rpc_node node;
        struct rpc_settings settings;
        char *impaired;
        int64_t held_since_wall_ms; /* the node is handed over to another daemon (handover.h); 0: it is not */
        bool database_in_doubt; /* a call failed inside; status_facts() finds out whether it was the database */
        int64_t started_wall_ms, booted_wall_ms;
        int64_t started_ms, probe_asked_ms; /* CLOCK_BOOTTIME; 0: never */
        struct latency latency;
};

/* One of the server's handles, or a whole connection, is closed. The last one frees the server. */
void rpc_released(struct rpc *rpc);

#endif
