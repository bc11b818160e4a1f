// SPDX-License-Identifier: Apache-2.0
/* The signals that end or reload the daemon: none is lost, and none kills it, before it can heed them. */
#ifndef IPAMD_DAEMON_SIGNALS_H
#define IPAMD_DAEMON_SIGNALS_H

enum { SIGNALS = 3 };

extern const int signals_heeded[SIGNALS];

/* The first thing of main(), before any thread: they wait until signals_release(). */
void signals_hold(void);
void signals_release(void);

#endif
