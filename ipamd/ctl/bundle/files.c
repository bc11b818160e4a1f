// SPDX-License-Identifier: Apache-2.0
/* bundle: the configuration of the CNI, of kubelet and of containerd, the database's files, and the logs. */
#include "ctl/bundle/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>

enum {
        FILE_BYTES_MAX = 256 * 1024,
        JOURNAL_MS = 10000, /* so long journalctl may take */
};

static const struct {
        enum allow how;
        const char *pattern;
} patterns[] = {
        {ALLOW_KUBELET, "/var/lib/kubelet/config.yaml"},
        {ALLOW_KUBELET, "/etc/kubernetes/kubelet/config.json"},
        {ALLOW_KUBELET, "/etc/kubernetes/kubelet/config.json.d/*"},
        {ALLOW_KUBELET, "/etc/kubernetes/kubelet/kubelet-config.json"},
        {ALLOW_CONTAINERD, "/etc/containerd/config.toml"},
        {ALLOW_CONTAINERD, "/etc/containerd/conf.d/*.toml"},
};

/* Where ipamd's and the plugin's lines are found: a container's log, or a file that somebody sends them to. */
static const char *const logs[] = {"/var/log/vpcwire/*.log", "/var/log/pods/kube-system_aws-node-*/*/*.log"};

static void miss_rest(struct bundle *bundle, const char *what, size_t n)
{
        _cleanup_free_ char *why = xasprintf("it is %zu files, the first %d are here", n, BUNDLE_FILES_MAX);

        if (n > BUNDLE_FILES_MAX)
                bundle_miss(bundle, what, why);
}

/* Each file of the host that matches, in the order of their names; none is missed by its pattern. */
static void each_file(struct bundle *bundle, const char *pattern,
                      void (*put)(struct bundle *bundle, const char *path, enum allow how), enum allow how)
{
        _cleanup_free_ char *full = xasprintf("%s%s", bundle->root, pattern);
        glob_t found = {0};

        if (glob(full, 0, NULL, &found) != 0)
                bundle_miss(bundle, pattern,
                            bundle->ctl->in_container && !*bundle->root
                                    ? "the host's files are not seen from this container (kubectl vpcwire "
                                      "bundle adds the log; for the rest, run ipamctl on the host)"
                                    : "no such file");
        for (size_t i = 0; i < found.gl_pathc && i < BUNDLE_FILES_MAX; i++)
                put(bundle, found.gl_pathv[i], how);
        miss_rest(bundle, pattern, found.gl_pathc);
        globfree(&found);
}

/* ---- configuration ---- */

static void put_file(struct bundle *bundle, const char *path, enum allow how)
{
        const char *of_host = path + strlen(bundle->root);
        _cleanup_free_ char *text = NULL, *inside = xasprintf("files%s", of_host);
        struct err err;
        size_t n = 0;

        if (file_read(path, FILE_BYTES_MAX, &text, &n, &err) < 0)
                bundle_miss(bundle, of_host, err.msg);
        else
                bundle_put(bundle, how, inside, text, n);
}

static void put_conflist(struct bundle *bundle, const char *folder, const char *name, size_t *n)
{
        _cleanup_free_ char *path = xasprintf("%s/%s", folder, name), *inside = xasprintf("cni/%s", name);
        _cleanup_free_ char *text = NULL;
        size_t bytes = 0;

        if (file_read(path, FILE_BYTES_MAX, &text, &bytes, NULL) < 0 || !strstr(text, "\"vpcwire\""))
                return;
        if (++*n <= BUNDLE_FILES_MAX)
                bundle_put(bundle, ALLOW_CNI, inside, text, bytes);
}

/* All names, since the runtime takes the first; what is in them only where it is ours. */
static void put_conflists(struct bundle *bundle)
{
        const struct ctl *ctl = bundle->ctl;
        const char *where =
                ctl->in_container && !ctl->root && ctl->conf_folder ? ctl->conf_folder : "/etc/cni/net.d";
        _cleanup_free_ char *folder = xasprintf("%s%s", bundle->root, where);
        _cleanup_(text_done) struct text names = {0};
        struct dirent **entries = NULL;
        size_t ours = 0;
        int n = scandir(folder, &entries, NULL, alphasort);

        text_add(&names, "%s:\n", folder);
        for (int i = 0; i < n; i++) {
                if (entries[i]->d_name[0] != '.') {
                        text_add(&names, "%s\n", entries[i]->d_name);
                        put_conflist(bundle, folder, entries[i]->d_name, &ours);
                }
                free(entries[i]);
        }
        free(entries);
        miss_rest(bundle, folder, ours);
        if (n < 0)
                bundle_miss(bundle, folder, strerrordesc_np(errno));
        bundle_put(bundle, ALLOW_PROSE, "cni/names.txt", names.text, names.bytes);
}

/* What is in the database the daemon's part has; here, which files there are, backups among them. */
static void put_database(struct bundle *bundle)
{
        _cleanup_free_ char *pattern = xasprintf("%s*", bundle->ctl->db_path ?: "");
        _cleanup_(text_done) struct text text = {0};
        glob_t found = {0};

        if (!bundle->ctl->db_path || glob(pattern, 0, NULL, &found) != 0)
                bundle_miss(bundle, pattern, "no such file");
        for (size_t i = 0; i < found.gl_pathc && i < BUNDLE_FILES_MAX; i++) {
                char at[CLOCK_TEXT_BYTES];
                struct stat st;

                if (stat(found.gl_pathv[i], &st) == 0)
                        text_add(&text, "%s: %lld bytes, mode %04o, written %s\n", found.gl_pathv[i],
                                 (long long)st.st_size, st.st_mode & 07777,
                                 clock_wall_format((int64_t)st.st_mtim.tv_sec * 1000, at));
        }
        miss_rest(bundle, pattern, found.gl_pathc);
        globfree(&found);
        if (text.bytes)
                bundle_put(bundle, ALLOW_PROSE, "database.txt", text.text, text.bytes);
}

void bundle_files(struct bundle *bundle)
{
        put_conflists(bundle);
        put_database(bundle);
        for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
                each_file(bundle, patterns[i].pattern, put_file, patterns[i].how);
}

/* ---- logs ---- */

static void put_end(struct bundle *bundle, const char *path, enum allow how)
{
        _cleanup_free_ char *text = NULL, *inside = xasprintf("logs%s", path + strlen(bundle->root));
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END), from;
        ssize_t n;
        char *line;

        if (size < 0)
                return; /* it just went, or it is no file */
        text = xcalloc(1, BUNDLE_LOG_BYTES_MAX);
        from = size > BUNDLE_LOG_BYTES_MAX ? size - BUNDLE_LOG_BYTES_MAX : 0;
        n = pread(fd, text, BUNDLE_LOG_BYTES_MAX, from);
        if (n < 0)
                return;
        /* Not from the middle of a line: it would not be known for what it is. */
        line = from ? memchr(text, '\n', (size_t)n) : text;
        line += line && from;
        if (line)
                bundle_put(bundle, how, inside, line, (size_t)(text + n - line));
}

void bundle_keep_end(struct text *text, size_t bytes_max)
{
        size_t cut = text->bytes > bytes_max ? text->bytes - bytes_max : 0;
        /* Not from the middle of a line: it would not be known for what it is. */
        const char *from = cut ? memchr(text->text + cut - 1, '\n', bytes_max + 1) : NULL;

        if (cut) {
                cut = from ? (size_t)(from + 1 - text->text) : text->bytes;
                text->bytes -= cut;
                memmove(text->text, text->text + cut, text->bytes + 1);
        }
}

/* The end of all that comes before it ends, or its time does. */
static void read_end(int fd, int64_t until_ms, struct text *to)
{
        char piece[8192];
        ssize_t n = 1;

        while (n > 0 && clock_boottime_ms() < until_ms) {
                struct pollfd ready = {.fd = fd, .events = POLLIN};

                if (poll(&ready, 1, (int)(until_ms - clock_boottime_ms())) <= 0)
                        break;
                n = read(fd, piece, sizeof(piece));
                if (n > 0)
                        text_add_bytes(to, piece, (size_t)n);
                if (to->bytes >= 2 * (size_t)BUNDLE_LOG_BYTES_MAX)
                        bundle_keep_end(to, BUNDLE_LOG_BYTES_MAX);
        }
        bundle_keep_end(to, BUNDLE_LOG_BYTES_MAX);
}

static int spawn_journal(const char *program, int out, pid_t *ret, struct err *err)
{
        char *const arguments[] = {(char[]){"journalctl"},
                                   (char[]){"--unit=vpcwire-ipamd.service"},
                                   (char[]){"--lines=3000"},
                                   (char[]){"--output=cat"},
                                   (char[]){"--no-pager"},
                                   (char[]){"--quiet"},
                                   NULL};
        posix_spawn_file_actions_t files;
        int e;

        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        e = posix_spawn(ret, program, &files, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&files);
        return e ? err_set_errno(err, e, "run %s", program) : 0;
}

static int read_journal(struct text *ret, struct err *err)
{
        _cleanup_close_ int in = -1, out = -1;
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return err_set_errno(err, errno, "make a pipe");
        in = ends[0];
        out = ends[1];
        if (spawn_journal("/usr/bin/journalctl", out, &pid, err) < 0)
                return -(int)err->code;
        close(TAKE_FD(out));
        read_end(in, clock_boottime_ms() + JOURNAL_MS, ret);
        kill(pid, SIGKILL); /* it has ended, unless it hangs */
        (void)TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
        return ret->bytes ? 0 : err_set(err, ERR_NOT_FOUND, "it has no line of vpcwire-ipamd.service");
}

/* ipamd under systemd writes to the journal. Where it runs in a container, its log is a file among the others. */
static void put_journal(struct bundle *bundle)
{
        static const char name[] = "logs/journal.log";
        _cleanup_(text_done) struct text text = {0};
        struct err err;

        if (*bundle->root || bundle->ctl->in_container)
                bundle_miss(bundle, name, "the host's journal is not seen from here");
        else if (read_journal(&text, &err) < 0)
                bundle_miss(bundle, name, err.msg);
        else
                bundle_put(bundle, ALLOW_LOG, name, text.text, text.bytes);
}

void bundle_logs(struct bundle *bundle)
{
        for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
                each_file(bundle, logs[i], put_end, ALLOW_LOG);
        put_journal(bundle);
}
