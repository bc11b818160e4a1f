// SPDX-License-Identifier: Apache-2.0
/* See fabric_space.h. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <vpcwire/clock.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>
#include <vpcwire/sysctl.h>

#include "fabric_space.h"

enum {
        LISTEN_BACKLOG = 128,
        SYSCTL_KEY_BYTES = 96,
        RUNNING_WAIT_MS =
                60 * 1000, /* the kernel tells by a work queue that waits for up to a second by itself */
        RUNNING_LOOK_MS = 1,
};

void fabric_space_close(struct fabric_space *space)
{
        netlink_free(space->nl);
        cleanup_closep(&space->netns_fd);
        free(space->name);
        *space = FABRIC_SPACE_NONE;
}

int fabric_space_open(const char *name, struct fabric_space *ret, struct err *err)
{
        struct fabric_space space = FABRIC_SPACE_NONE;
        char path[NETNS_PATH_BYTES];
        int r;

        r = netns_check_name(name, err);
        if (r == 0)
                r = netns_open(netns_path(name, path), &space.netns_fd, err);
        if (r == 0)
                r = netlink_open(space.netns_fd, &space.nl, err);
        if (r < 0) {
                fabric_space_close(&space);
                return r;
        }
        space.name = xstrdup(name);
        *ret = space;
        return 0;
}

int fabric_space_create(const char *prefix, const char *suffix, struct fabric_space *ret, struct err *err)
{
        _cleanup_free_ char *name = xasprintf("%s-%s", prefix, suffix);
        struct fabric_space space = FABRIC_SPACE_NONE;
        int r;

        r = netns_check_name(name, err);
        if (r == 0)
                r = netns_create(name, err);
        if (r < 0)
                return r;
        r = fabric_space_open(name, &space, err);
        if (r == 0)
                r = link_change_by_name(space.nl, "lo", &(struct link_change){.admin = LINK_ADMIN_UP}, err);
        if (r < 0) {
                fabric_space_close(&space);
                (void)netns_delete(name, NULL);
                return r;
        }
        *ret = space;
        return 0;
}

static int cut_veths(struct netlink *nl, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct link_info *links;
        size_t n;
        int r, failed = 0;

        r = link_dump(nl, arena, &links, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (strcmp(links[i].kind, "veth") != 0)
                        continue;
                r = link_delete(nl, links[i].ifindex, failed ? NULL : err);
                /* Its twin went first, with the other namespace, or as another link of this list. */
                if (r < 0 && r != -ERR_NOT_FOUND && !failed)
                        failed = r;
        }
        return failed;
}

int fabric_space_remove(struct fabric_space *space, struct err *err)
{
        int r, failed;

        if (!space->name)
                return 0;
        failed = cut_veths(space->nl, err);
        r = netns_delete(space->name, failed ? NULL : err);
        fabric_space_close(space);
        return failed ?: r;
}

int fabric_space_set_sysctls(const struct fabric_space *space, const struct fabric_sysctl *list,
                             const char *link, struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        int r = netns_enter(space->netns_fd, &guard, err);

        for (; r == 0 && list->key; list++) {
                const char *hole = strstr(list->key, "%s");
                char key[SYSCTL_KEY_BYTES];

                if (hole)
                        snprintf(key, sizeof(key), "%.*s%s%s", (int)(hole - list->key), list->key, link ?: "",
                                 hole + strlen("%s"));
                else
                        snprintf(key, sizeof(key), "%s", list->key);
                r = sysctl_write(key, list->value, NULL, err);
        }
        return r;
}

int fabric_space_add_address(const struct fabric_space *space, const char *link, struct prefix address,
                             struct err *err)
{
        struct link_info info;
        int r;

        r = link_get_by_name(space->nl, link, &info, err);
        if (r < 0)
                return r;
        return ifaddr_replace(space->nl, &(struct ifaddr){.ifindex = info.ifindex, .prefix = address}, err);
}

int fabric_space_wait_running(const struct fabric_space *space, const char *link, struct err *err)
{
        int64_t deadline_ms = clock_boottime_ms() + RUNNING_WAIT_MS;

        for (;;) {
                struct link_info info;
                int r = link_get_by_name(space->nl, link, &info, err);

                if (r < 0 || info.running)
                        return r;
                if (clock_boottime_ms() >= deadline_ms)
                        return err_set(err, ERR_TIMEOUT, "link %s in %s does not run after %d ms", link,
                                       space->name, RUNNING_WAIT_MS);
                (void)poll(NULL, 0, RUNNING_LOOK_MS);
        }
}

int fabric_space_listen_tcp(const struct fabric_space *space, struct ip address, unsigned port, int *ret_fd,
                            struct err *err)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_close_ int fd = -1;
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        int r;

        if (address.family != AF_INET || port > UINT16_MAX)
                return err_set(err, ERR_INVALID, "listen on %s port %u: IPv4 and 0..65535 are allowed",
                               IP_TEXT(address), port);
        memcpy(&in.sin_addr, address.bytes, sizeof(in.sin_addr));
        r = netns_enter(space->netns_fd, &guard, err);
        if (r < 0)
                return r;
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_set_errno(err, errno, "make a socket in %s", space->name);
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
            bind(fd, (const struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
                return err_set_errno(err, errno, "listen on %s port %u in %s", IP_TEXT(address), port,
                                     space->name);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void closedirp(DIR **dir)
{
        if (*dir)
                closedir(*dir);
}

int fabric_space_list(const char *prefix, char ***ret, size_t *ret_n, struct err *err)
{
        _cleanup_(closedirp) DIR *dir = opendir(NETNS_FOLDER);
        char **names = NULL;
        size_t n = 0, capacity = 0, prefix_bytes = strlen(prefix);
        struct dirent *entry;

        if (!dir && errno != ENOENT)
                return err_set_errno(err, errno, "open %s", NETNS_FOLDER);
        while (dir && (entry = readdir(dir))) {
                if (strncmp(entry->d_name, prefix, prefix_bytes) != 0 || entry->d_name[prefix_bytes] != '-')
                        continue;
                GROW(names, n, capacity);
                names[n++] = xstrdup(entry->d_name);
        }
        if (n)
                qsort(names, n, sizeof(*names), compare_names);
        *ret = names;
        *ret_n = n;
        return 0;
}

void fabric_space_list_free(char **names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(names[i]);
        free(names);
}
