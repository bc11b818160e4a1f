// SPDX-License-Identifier: Apache-2.0
/* /proc/net/netstat: for each group a line of names and a line of as many numbers, both behind the group's name. */
#include "client/ttl_drops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

#define NETSTAT_FILE "/proc/net/netstat"
#define GROUP        "TcpExt:"
#define NAME         "TCPMinTTLDrop"

enum { NETSTAT_BYTES_MAX = 64 * 1024 };

static int not_counted(struct err *err)
{
        return err_set(err, ERR_NOT_FOUND, "no " NAME " in " NETSTAT_FILE);
}

int ttl_drops_parse(char *text, uint64_t *ret, struct err *err)
{
        char *rest = text, *names, *numbers, *end;

        for (;;) {
                names = strsep(&rest, "\n");
                numbers = strsep(&rest, "\n");
                if (!numbers)
                        return not_counted(err);
                if (strncmp(names, GROUP, strlen(GROUP)) == 0)
                        break;
        }
        while (names && numbers) {
                const char *name = strsep(&names, " "), *number = strsep(&numbers, " ");

                if (strcmp(name, NAME) != 0)
                        continue;
                errno = 0;
                *ret = strtoull(number, &end, 10);
                return errno || end == number || *end ? not_counted(err) : 0;
        }
        return not_counted(err);
}

int ttl_drops_read(uint64_t *ret, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        int r = file_read(NETSTAT_FILE, NETSTAT_BYTES_MAX, &text, NULL, err);

        return r < 0 ? r : ttl_drops_parse(text, ret, err);
}
