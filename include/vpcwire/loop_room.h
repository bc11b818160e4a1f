// SPDX-License-Identifier: Apache-2.0
/*
 * libuv aborts where epoll_ctl() has no room for one more descriptor (no memory, or fs.epoll.max_user_watches). Whoever
 * brings a descriptor to the loop takes the room for it first, and can then refuse it: libuv finds it there (EEXIST).
 */
#ifndef VPCWIRE_LOOP_ROOM_H
#define VPCWIRE_LOOP_ROOM_H

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>

#include <uv.h>

/* Before uv_read_start() or uv_poll_start() of this descriptor, each time. false: no room; errno tells. */
static inline bool loop_room(const uv_loop_t *loop, int fd)
{
        struct epoll_event event = {.data.fd = fd};

        return epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST;
}

#endif
