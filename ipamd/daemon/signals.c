// SPDX-License-Identifier: Apache-2.0
#include "daemon/signals.h"

#include <pthread.h>
#include <signal.h>

const int signals_heeded[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

static void mask(int how)
{
        sigset_t set;

        sigemptyset(&set);
        for (int i = 0; i < SIGNALS; i++)
                sigaddset(&set, signals_heeded[i]);
        pthread_sigmask(how, &set, NULL);
}

void signals_hold(void)
{
        mask(SIG_BLOCK);
}

void signals_release(void)
{
        mask(SIG_UNBLOCK);
}
