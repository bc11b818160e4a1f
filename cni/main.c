// SPDX-License-Identifier: Apache-2.0
/* vpcwire: the CNI plugin. A container runtime runs it once per verb; see plugin.h. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "plugin.h"

/*
 * A runtime that closes our outputs must not find its answer in a socket that took the number. The standard output's place
 * cannot be written to: an answer that nobody gets is a failure.
 */
static void reserve_outputs(void)
{
        for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
                if (fcntl(fd, F_GETFD) < 0) {
                        int null_fd = open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY);

                        if (null_fd >= 0 && null_fd != fd) {
                                dup2(null_fd, fd);
                                close(null_fd);
                        }
                }
        }
}

int main(void)
{
        reserve_outputs();
        signal(SIGPIPE, SIG_IGN); /* a daemon that goes away is an error of a call, not our end */
        return plugin_run((const char *const *)environ, STDIN_FILENO, STDOUT_FILENO);
}
