// SPDX-License-Identifier: Apache-2.0
/*
 * A runtime takes the highest version of a conflist's cniVersions that it knows itself, and calls every plugin of the list with
 * it: one that cannot would fail each pod. So 1.1.0, with which STATUS comes, is offered only where all of them said so.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "install/install.h"
#include "install/place.h"

enum {
        ANSWER_MS = 10 * 1000,
        LOOK_MS = 5,
        ANSWER_BYTES_MAX = 64 * 1024,
        STATE_MODE = 0644,
};

#define QUESTION "{\"cniVersion\":\"" INSTALL_CNI_STATUS "\"}"

/* 1: it has ended; 0: not in ANSWER_MS. Asked again and again, for not every sandbox lets a process be polled (pidfd_open). */
static int has_ended(pid_t pid, int *ret_status)
{
        int64_t deadline_ms = clock_boottime_ms() + ANSWER_MS;
        pid_t r;

        for (;;) {
                r = waitpid(pid, ret_status, WNOHANG);
                if (r != 0 && !(r < 0 && errno == EINTR))
                        return r < 0 ? -1 : 1;
                if (clock_boottime_ms() >= deadline_ms)
                        return 0;
                poll(NULL, 0, LOOK_MS);
        }
}

/* Ends it when it takes too long. 0: it ended well. */
static int wait_for(pid_t pid, const char *program, struct err *err)
{
        int status = 0, r = has_ended(pid, &status);

        if (r < 0)
                return err_set_errno(err, errno, "wait for %s", program);
        if (r == 0) {
                kill(pid, SIGKILL);
                (void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
                return err_set(err, ERR_TIMEOUT, "%s gave no answer in %d s", program, ANSWER_MS / 1000);
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return err_set(err, ERR_SYSTEM, "%s failed", program);
        return 0;
}

static int spawn(const char *program, int in, int out, pid_t *ret, struct err *err)
{
        char *arguments[] = {(char *)(uintptr_t)program, NULL};
        char *environment[] = {(char[]){"CNI_COMMAND=VERSION"}, (char[]){"CNI_CONTAINERID=dummy"},
                               (char[]){"CNI_NETNS=dummy"},     (char[]){"CNI_IFNAME=dummy"},
                               (char[]){"CNI_PATH=dummy"},      NULL};
        posix_spawn_file_actions_t files;
        int e;

        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        e = posix_spawn(ret, program, &files, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&files);
        return e ? err_set_errno(err, e, "run %s", program) : 0;
}

/* What the program says to VERSION. */
static int ask(const char *program, json_t **ret, struct err *err)
{
        _cleanup_close_ int in = memfd_create("question", MFD_CLOEXEC),
                            out = memfd_create("answer", MFD_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        pid_t pid;
        size_t n;

        if (in < 0 || out < 0 || write(in, QUESTION, strlen(QUESTION)) < 0 || lseek(in, 0, SEEK_SET) < 0)
                return err_set_errno(err, errno, "make a file in memory");
        if (spawn(program, in, out, &pid, err) < 0 || wait_for(pid, program, err) < 0)
                return -(int)err->code;
        if (lseek(out, 0, SEEK_SET) < 0)
                return err_set_errno(err, errno, "read the answer of %s", program);
        if (file_read_fd(out, program, ANSWER_BYTES_MAX, &text, &n, err) < 0)
                return -(int)err->code;
        return jsonx_parse(text, n, ret, err);
}

static bool can(const struct install_paths *paths, const char *type)
{
        _cleanup_free_ char *program = xasprintf("%s/%s", paths->bin_folder, type);
        _cleanup_json_ json_t *answer = NULL;
        const json_t *version;
        struct err err;
        size_t i;

        if (!*type || strchr(type, '/'))
                return false;
        if (ask(program, &answer, &err) < 0) {
                log_info("plugin's CNI versions not known", LOG_STR("plugin", type), LOG_ERR(&err));
                return false;
        }
        json_array_foreach(json_object_get(answer, "supportedVersions"), i, version)
        {
                if (json_is_string(version) && strcmp(json_string_value(version), INSTALL_CNI_STATUS) == 0)
                        return true;
        }
        log_info("plugin does not speak CNI " INSTALL_CNI_STATUS
                 ", so container runtimes will not call STATUS",
                 LOG_STR("plugin", type));
        return false;
}

static void ask_all(const struct install_paths *paths, const char *conflist, json_t *capable)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ json_t *root = NULL;
        const json_t *plugin;
        size_t i, n;

        if (file_read(conflist, INSTALL_CONFLIST_BYTES_MAX, &text, &n, NULL) < 0 ||
            jsonx_parse(text, n, &root, NULL) < 0)
                return;
        json_array_foreach(json_object_get(root, "plugins"), i, plugin)
        {
                const char *type = json_string_value(json_object_get(plugin, "type"));

                if (type && can(paths, type))
                        json_array_append_new(capable, json_string(type));
        }
}

int install_ask_plugins(const struct install_paths *paths, struct err *err)
{
        _cleanup_free_ char *there = xasprintf("%s/%s", paths->conf_folder, paths->conflist_name);
        _cleanup_free_ char *state = install_state_path(paths, INSTALL_STATE_CAPABLE), *text = NULL;
        _cleanup_json_ json_t *capable = json_array();
        bool changed = false;

        ask_all(paths, paths->conflist, capable);
        ask_all(paths, there, capable); /* others' plugins, too */
        text = json_dumps(capable, JSON_COMPACT);
        if (!text)
                abort(); /* out of memory, see mem.h */
        return place_file(state, text, strlen(text), STATE_MODE, &changed, err);
}
