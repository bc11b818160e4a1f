// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/file.h>
#include <vpcwire/listen.h>
#include <vpcwire/mem.h>

enum { FOLDER_MODE = 0755, SOCKET_MASK = 0177 };

static int make_folder_of(const char *path, struct err *err)
{
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *folder = NULL;

        if (!slash || slash == path)
                return 0;
        folder = xstrndup(path, (size_t)(slash - path));
        return file_make_folder(folder, FOLDER_MODE, err);
}

static int address_of(const char *path, struct sockaddr_un *ret, struct err *err)
{
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (path[0] == '\0' || strlen(path) >= sizeof(ret->sun_path))
                return err_set(err, ERR_INVALID, "socket path '%s' has %zu bytes; a unix socket's has 1..%zu",
                               path, strlen(path), sizeof(ret->sun_path) - 1);
        memcpy(ret->sun_path, path, strlen(path) + 1);
        return 0;
}

/* What is alive, or no socket, is somebody else's. *ret_stale: there is one that is left over. */
static int check_path(const struct sockaddr_un *address, bool *ret_stale, struct err *err)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        *ret_stale = false;
        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : err_set_errno(err, errno, "look at %s", address->sun_path);
        if (!S_ISSOCK(st.st_mode))
                return err_set(err, ERR_EXISTS, "%s exists and is not a socket", address->sun_path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_set_errno(err, errno, "make a unix socket");
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
                return err_set(err, ERR_BUSY, "another program answers on %s", address->sun_path);
        *ret_stale = true;
        return 0;
}

int listen_prepare(const char *path, struct err *err)
{
        struct sockaddr_un address;
        bool stale;

        if (address_of(path, &address, err) < 0 || check_path(&address, &stale, err) < 0 ||
            make_folder_of(path, err) < 0)
                return err_wrap(err, "listen on %s", path);
        return 0;
}

static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
        bool stale;

        if (check_path(address, &stale, err) < 0)
                return -(int)err->code;
        if (stale && unlink(address->sun_path) < 0 && errno != ENOENT)
                return err_set_errno(err, errno, "remove the old socket %s", address->sun_path);
        return 0;
}

int listen_unix(const char *path, int backlog, struct listen_socket *ret, struct err *err)
{
        struct sockaddr_un address;
        _cleanup_close_ int fd = -1;
        struct stat st;
        mode_t mask;
        int r;

        if (address_of(path, &address, err) < 0)
                return -(int)err->code;
        if (make_folder_of(path, err) < 0 || remove_stale(&address, err) < 0)
                return err_wrap(err, "listen on %s", path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_set_errno(err, errno, "make a unix socket");
        /* The mask and not a chmod afterwards: there is no moment at which others can connect. */
        mask = umask(SOCKET_MASK);
        r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
        umask(mask);
        if (r)
                return err_set_errno(err, r, "bind %s", path);
        if (listen(fd, backlog) < 0 || lstat(path, &st) < 0)
                return err_set_errno(err, errno, "listen on %s", path);
        *ret = (struct listen_socket){.fd = TAKE_FD(fd), .device = st.st_dev, .inode = st.st_ino};
        return 0;
}

void listen_remove(const char *path, dev_t device, ino_t inode)
{
        struct stat st;

        if (lstat(path, &st) == 0 && st.st_dev == device && st.st_ino == inode)
                unlink(path);
}

bool listen_peer_allowed(int fd, pid_t *ret_pid)
{
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return false;
        *ret_pid = peer.pid;
        return peer.uid == 0 || peer.uid == geteuid();
}
