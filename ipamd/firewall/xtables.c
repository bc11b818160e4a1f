// SPDX-License-Identifier: Apache-2.0
/* The kernel's side: reading and replacing tables, and the lock. */
#include "firewall/xtables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

enum { NAMES_BYTES_MAX = 4096, LOCK_MODE = 0600 };

#define TABLES_FILE "/proc/net/ip_tables_names"

/* Asked for by name, a table would be made, and its module loaded. */
static bool is_loaded(const char *table)
{
        _cleanup_free_ char *names = NULL;
        char *rest, *name;

        if (file_read(TABLES_FILE, NAMES_BYTES_MAX, &names, NULL, NULL) < 0)
                return false; /* a kernel without it */
        for (name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
                if (strcmp(name, table) == 0)
                        return true;
        }
        return false;
}

static int open_socket(struct err *err)
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return fd < 0 ? err_set_errno(err, errno, "open a socket to iptables-legacy") : fd;
}

static int get_entries(int fd, struct xtables *table, struct err *err)
{
        size_t size = sizeof(struct ipt_get_entries) + table->info.size;
        _cleanup_free_ struct ipt_get_entries *request = (void *)XNEW_ARRAY(char, size);
        socklen_t bytes = (socklen_t)size;

        memcpy(request->name, table->info.name, sizeof(request->name));
        request->size = table->info.size;
        if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, request, &bytes) < 0)
                return err_set_errno(err, errno, "read iptables-legacy's table %s", table->info.name);
        table->entries = XNEW_ARRAY(char, table->info.size);
        memcpy(table->entries, request->entrytable, table->info.size);
        return 0;
}

static int check_entries(const struct xtables *table, struct err *err)
{
        const struct ipt_entry *entry;
        size_t offset = 0, n = 0;

        for (; (entry = xtables_entry(table, offset)); offset += entry->next_offset)
                n++;
        if (offset != table->info.size || n != table->info.num_entries)
                return err_set(err, ERR_PROTOCOL, "iptables-legacy's table %s cannot be understood",
                               table->info.name);
        return 0;
}

int xtables_read(const char *name, struct xtables *ret, struct err *err)
{
        _cleanup_(xtables_done) struct xtables table = {0};
        socklen_t bytes = sizeof(table.info);
        _cleanup_close_ int fd = -1;

        *ret = (struct xtables){0};
        strncpy(table.info.name, name, sizeof(table.info.name) - 1);
        if (!is_loaded(name))
                return 0;
        fd = open_socket(err);
        if (fd < 0)
                return -(int)err->code;
        if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &table.info, &bytes) < 0)
                return err_set_errno(err, errno, "look at iptables-legacy's table %s", name);
        if (table.info.size > XTABLES_BYTES_MAX)
                return err_set(err, ERR_LIMIT, "iptables-legacy's table %s has %u bytes", name,
                               table.info.size);
        if (get_entries(fd, &table, err) < 0 || check_entries(&table, err) < 0)
                return -(int)err->code;
        *ret = table;
        table.entries = NULL;
        return 0;
}

/* The kernel begins counting anew, and says where it was. */
static int add_counters(int fd, const struct xtables *before, const bool *gone, const struct xtables *after,
                        const struct xt_counters *counters, struct err *err)
{
        size_t size = sizeof(struct xt_counters_info) + after->info.num_entries * sizeof(*counters);
        _cleanup_free_ struct xt_counters_info *info = (void *)XNEW_ARRAY(char, size);
        unsigned n = 0;

        memcpy(info->name, after->info.name, sizeof(info->name));
        info->num_counters = after->info.num_entries;
        for (unsigned i = 0; i < before->info.num_entries; i++) {
                if (!gone[i])
                        info->counters[n++] = counters[i];
        }
        if (setsockopt(fd, IPPROTO_IP, IPT_SO_SET_ADD_COUNTERS, info, (socklen_t)size) < 0)
                return err_set_errno(err, errno,
                                     "give the rules of iptables-legacy's table %s their counters back",
                                     after->info.name);
        return 0;
}

int xtables_replace(const struct xtables *before, const bool *gone, const struct xtables *after,
                    struct err *err)
{
        _cleanup_free_ struct xt_counters *counters =
                XNEW_ARRAY(struct xt_counters, before->info.num_entries);
        size_t size = sizeof(struct ipt_replace) + after->info.size;
        _cleanup_free_ struct ipt_replace *request = (void *)XNEW_ARRAY(char, size);
        _cleanup_close_ int fd = open_socket(err);

        if (fd < 0)
                return -(int)err->code;
        memcpy(request->name, after->info.name, sizeof(request->name));
        request->valid_hooks = after->info.valid_hooks;
        request->num_entries = after->info.num_entries;
        request->size = after->info.size;
        memcpy(request->hook_entry, after->info.hook_entry, sizeof(request->hook_entry));
        memcpy(request->underflow, after->info.underflow, sizeof(request->underflow));
        request->num_counters = before->info.num_entries;
        request->counters = counters;
        memcpy(request->entries, after->entries, after->info.size);
        if (setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, request, (socklen_t)size) < 0) {
                if (errno == EAGAIN)
                        return err_set(err, ERR_BUSY, "iptables-legacy's table %s was changed meanwhile",
                                       after->info.name);
                return err_set_errno(err, errno, "replace iptables-legacy's table %s", after->info.name);
        }
        return add_counters(fd, before, gone, after, counters, err);
}

int xtables_lock(const char *path, int *ret_fd, struct err *err)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, LOCK_MODE);

        if (fd < 0)
                return err_set_errno(err, errno, "open the lock of iptables %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno == EWOULDBLOCK)
                        return err_set(err, ERR_BUSY, "another program has the lock of iptables %s", path);
                return err_set_errno(err, errno, "take the lock of iptables %s", path);
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}
