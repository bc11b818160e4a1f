// SPDX-License-Identifier: Apache-2.0
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/log.h>

/* "/path", or "@name" of an abstract socket, whose address begins with a zero byte. Returns its length; 0: it is none. */
static socklen_t address_of(const char *name, struct sockaddr_un *ret)
{
        size_t n = strlen(name);

        if ((*name != '/' && *name != '@') || n >= sizeof(ret->sun_path))
                return 0;
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret->sun_path, name, n);
        if (*name == '@')
                ret->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* Without blocking: the loop does not wait for a service manager. */
static int send_state(const char *name, const char *state, struct err *err)
{
        _cleanup_close_ int fd = -1;
        struct sockaddr_un address;
        socklen_t n = address_of(name, &address);

        if (!n)
                return err_set(err, ERR_INVALID, "NOTIFY_SOCKET=%s is no unix socket: /PATH or @NAME", name);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 ||
            sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, n) < 0)
                return err_set_errno(err, errno, "write to NOTIFY_SOCKET, %s", name);
        return 0;
}

static void notify(const char *state)
{
        const char *name = getenv("NOTIFY_SOCKET");
        struct err err;

        if (name && *name && send_state(name, state, &err) < 0)
                log_warn("notifying the service manager failed", LOG_STR("state", state), LOG_ERR(&err));
}

void notify_ready(void)
{
        notify("READY=1");
}

/* sd_notify(3): the time tells a reload that is asked for from one that was under way before. */
void notify_reloading(void)
{
        struct timespec now;
        char state[64];

        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
                 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        notify(state);
}

void notify_stopping(void)
{
        notify("STOPPING=1");
}
