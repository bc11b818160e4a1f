// SPDX-License-Identifier: Apache-2.0
/*
 * Tells the service manager how far the daemon is: sd_notify(3)'s protocol, a datagram to the socket that NOTIFY_SOCKET
 * names. Where it is not set nobody wants to know, and nothing happens. What cannot be told is logged, and stops nothing.
 * The loop's thread.
 */
#ifndef IPAMD_DAEMON_NOTIFY_H
#define IPAMD_DAEMON_NOTIFY_H

/* Calls are served: after the start, and again after a reload. */
void notify_ready(void);
/* The settings are read again; notify_ready() ends it. */
void notify_reloading(void);
void notify_stopping(void);

#endif
