// SPDX-License-Identifier: Apache-2.0
/* ipamctl's face to the terminal: streams, width, colours. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/ctl.h"

static const char *environment(const char *name)
{
        const char *value = getenv(name);

        return value && value[0] ? value : NULL;
}

/* Of a pod, or beside a daemon whose settings say where the host's folders are mounted. */
static bool is_in_container(const char *conf_folder)
{
        return environment("KUBERNETES_SERVICE_HOST") ||
               (conf_folder && strcmp(conf_folder, "/etc/cni/net.d") != 0);
}

int main(int argc, char **argv)
{
        struct ctl ctl = {
                .out = stdout,
                .err = stderr,
                .socket_path = environment(IPAM_SOCKET_ENV) ?: IPAM_SOCKET_DEFAULT,
                .conf_path = environment("VPCWIRE_CONF"),
                .db_path = environment("VPCWIRE_DB") ?: "/run/vpcwire/ipam.db",
                .veth_prefix = environment("AWS_VPC_K8S_CNI_VETHPREFIX") ?: "eni",
                .conf_folder = environment("HOST_CNI_CONFDIR_PATH"),
                .bin_folder = environment("HOST_CNI_BIN_PATH"),
        };
        struct winsize size;

        ctl.in_container = is_in_container(ctl.conf_folder);
        if (isatty(STDOUT_FILENO)) {
                ctl.colours = !environment("NO_COLOR"); /* https://no-color.org */
                if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
                        ctl.columns = size.ws_col;
        }
        return ctl_run(&ctl, argc, argv);
}
