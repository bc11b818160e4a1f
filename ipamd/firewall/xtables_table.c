// SPDX-License-Identifier: Apache-2.0
/* The pure side: what an entry says, and a table with some of them taken out. */
#include "firewall/xtables.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/netfilter/xt_comment.h>

#include <vpcwire/mem.h>

void xtables_done(struct xtables *table)
{
        free(table->entries);
        table->entries = NULL;
}

const struct ipt_entry *xtables_entry(const struct xtables *table, size_t offset)
{
        const struct ipt_entry *entry = (const void *)(table->entries + offset);

        if (offset + sizeof(*entry) > table->info.size || entry->next_offset < sizeof(*entry) ||
            entry->target_offset < sizeof(*entry) ||
            entry->target_offset + sizeof(struct xt_entry_target) > entry->next_offset ||
            offset + entry->next_offset > table->info.size)
                return NULL;
        return entry;
}

static const struct xt_entry_target *target_of(const struct ipt_entry *entry)
{
        return (const void *)((const char *)entry + entry->target_offset);
}

const char *xtables_target(const struct ipt_entry *entry)
{
        return target_of(entry)->u.user.name;
}

bool xtables_verdict(const struct ipt_entry *entry, int *ret)
{
        const struct xt_standard_target *target = (const void *)target_of(entry);

        if (*xtables_target(entry) || entry->target_offset + sizeof(*target) > entry->next_offset)
                return false;
        *ret = target->verdict;
        return true;
}

const char *xtables_chain(const struct ipt_entry *entry)
{
        const struct xt_error_target *target = (const void *)target_of(entry);

        if (strncmp(xtables_target(entry), XT_ERROR_TARGET, XT_EXTENSION_MAXNAMELEN) != 0 ||
            entry->target_offset + sizeof(*target) > entry->next_offset ||
            !memchr(target->errorname, 0, sizeof(target->errorname)))
                return NULL;
        return target->errorname;
}

const char *xtables_comment(const struct ipt_entry *entry)
{
        size_t offset = sizeof(*entry);

        while (offset + sizeof(struct xt_entry_match) <= entry->target_offset) {
                const struct xt_entry_match *match = (const void *)((const char *)entry + offset);
                const struct xt_comment_info *comment = (const void *)match->data;
                size_t bytes = match->u.match_size;

                if (bytes < sizeof(*match) || offset + bytes > entry->target_offset)
                        break;
                if (strncmp(match->u.user.name, "comment", XT_EXTENSION_MAXNAMELEN) == 0 &&
                    bytes >= sizeof(*match) + sizeof(*comment) &&
                    memchr(comment->comment, 0, sizeof(comment->comment)))
                        return comment->comment;
                offset += bytes;
        }
        return "";
}

/* ---- taking entries out ---- */

/* An entry's offset before and after. One that goes has the next one's that stays. */
struct moved {
        size_t from, to;
        bool gone;
};

static const struct moved *find_moved(const struct moved *moved, size_t n, size_t from)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (moved[middle].from < from)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < n && moved[low].from == from ? &moved[low] : NULL;
}

static struct moved *plan_moves(const struct xtables *table, const bool *gone, size_t *ret_bytes,
                                unsigned *ret_n)
{
        struct moved *moved = XNEW_ARRAY(struct moved, table->info.num_entries);
        size_t from = 0, to = 0;
        unsigned n = 0;

        for (unsigned i = 0; i < table->info.num_entries; i++) {
                const struct ipt_entry *entry = xtables_entry(table, from);

                moved[i] = (struct moved){from, to, gone[i]};
                from += entry->next_offset;
                to += gone[i] ? 0 : entry->next_offset;
                n += !gone[i];
        }
        *ret_bytes = to;
        *ret_n = n;
        return moved;
}

static int move_hooks(const struct xtables *table, const struct moved *moved, struct ipt_getinfo *info,
                      struct err *err)
{
        for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; hook++) {
                const struct moved *entry, *policy;

                if (!(info->valid_hooks & (1U << hook)))
                        continue;
                entry = find_moved(moved, table->info.num_entries, table->info.hook_entry[hook]);
                policy = find_moved(moved, table->info.num_entries, table->info.underflow[hook]);
                if (!entry || !policy || policy->gone)
                        return err_set(err, ERR_INVALID, "the policy of hook %u in table %s cannot go", hook,
                                       info->name);
                info->hook_entry[hook] = (unsigned)entry->to;
                info->underflow[hook] = (unsigned)policy->to;
        }
        return 0;
}

/* A jump leads to where its chain is now; the entry is the copy, `from` where it was. */
static int move_jump(const struct xtables *table, const struct moved *moved, const struct moved *self,
                     struct ipt_entry *entry, struct err *err)
{
        struct xt_standard_target *target = (void *)((char *)entry + entry->target_offset);
        const struct moved *chain;
        int verdict;

        if (!xtables_verdict(entry, &verdict) || verdict < 0)
                return 0;
        if ((size_t)verdict == self->from + entry->next_offset) { /* no jump: it decides nothing */
                target->verdict = (int)(self->to + entry->next_offset);
                return 0;
        }
        chain = find_moved(moved, table->info.num_entries, (size_t)verdict);
        if (!chain || chain->gone)
                return err_set(err, ERR_INVALID, "a rule of table %s jumps to a chain that goes",
                               table->info.name);
        target->verdict = (int)chain->to;
        return 0;
}

int xtables_without(const struct xtables *table, const bool *gone, struct xtables *ret, struct err *err)
{
        _cleanup_(xtables_done) struct xtables after = {.info = table->info};
        _cleanup_free_ struct moved *moved = NULL;
        size_t bytes;

        moved = plan_moves(table, gone, &bytes, &after.info.num_entries);
        after.info.size = (unsigned)bytes;
        after.entries = XNEW_ARRAY(char, bytes);
        if (move_hooks(table, moved, &after.info, err) < 0)
                return -(int)err->code;
        for (unsigned i = 0; i < table->info.num_entries; i++) {
                const struct ipt_entry *entry = xtables_entry(table, moved[i].from);
                struct ipt_entry *copy = (void *)(after.entries + moved[i].to);

                if (moved[i].gone)
                        continue;
                memcpy(copy, entry, entry->next_offset);
                if (move_jump(table, moved, &moved[i], copy, err) < 0)
                        return -(int)err->code;
        }
        *ret = after;
        after.entries = NULL;
        return 0;
}
