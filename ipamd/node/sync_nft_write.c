// SPDX-License-Identifier: Apache-2.0
/* One of our nftables tables read, or written in one transaction. */
#include <string.h>

#include <nftables/libnftables.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/diff.h>
#include <vpcwire/mem.h>

#include "node/sync_nft.h"

const char *const sync_nft_families[NODE_NFT_TABLES] = {
        [NODE_NFT_IP] = "ip", [NODE_NFT_ARP] = "arp", [NODE_NFT_GUARD] = "inet"};

char *sync_nft_list(struct nft_ctx *nft, const char *family)
{
        _cleanup_free_ char *command = xasprintf("list table %s " DATAPLANE_NFT_TABLE, family);

        if (nft_run_cmd_from_buffer(nft, command) != 0) {
                (void)nft_ctx_get_error_buffer(nft); /* reading empties it: "No such file or directory" */
                return NULL;
        }
        return xstrdup(nft_ctx_get_output_buffer(nft));
}

int sync_nft_run(struct nft_ctx *nft, const char *family, const char *commands, struct err *err)
{
        if (nft_run_cmd_from_buffer(nft, commands) != 0) {
                const char *text = nft_ctx_get_error_buffer(nft);

                /* Its first line; the others quote the input. */
                return err_set(err, ERR_SYSTEM, "write nftables table %s " DATAPLANE_NFT_TABLE ": %.*s",
                               family, (int)strcspn(text, "\n"), text);
        }
        return 0;
}

/* ---- whole ---- */

int sync_nft_replace(struct nft_ctx *nft, const char *family, const struct node_nft_content *wanted,
                     struct err *err)
{
        /* add, then delete: the delete finds it in any case, and all three are one transaction. */
        _cleanup_free_ char *commands = xasprintf("add table %s " DATAPLANE_NFT_TABLE "\n"
                                                  "delete table %s " DATAPLANE_NFT_TABLE "\n%s",
                                                  family, family, wanted->text);

        return sync_nft_run(nft, family, commands, err);
}

/* ---- in place ---- */

/* "VERB element FAMILY TABLE SET { ... }", begun by the first of them. */
struct element_command {
        struct text *t;
        const char *verb, *family;
        const struct node_nft_set *set;
        size_t n;
};

static int compare_elements(const void *a, const void *b)
{
        const struct node_nft_element *x = a, *y = b;
        int r = node_nft_compare(x, y);

        return r ? r : (x->index > y->index) - (x->index < y->index);
}

static void write_element(const void *element, void *arg)
{
        struct element_command *command = arg;

        if (command->n++)
                text_add(command->t, ", ");
        else
                text_add(command->t, "%s element %s " DATAPLANE_NFT_TABLE " %s { ", command->verb,
                         command->family, command->set->name);
        node_nft_element_add(command->t, command->set, element);
}

static void write_difference(struct element_command command, const struct node_nft_set *old,
                             const struct diff_calls *calls)
{
        const struct diff_input input = {.wanted = command.set->elements,
                                         .n_wanted = command.set->n,
                                         .seen = old->elements,
                                         .n_seen = old->n,
                                         .size = sizeof(struct node_nft_element)};

        diff_sorted(&input, calls, &command);
        text_add(command.t, command.n ? " }\n" : "");
}

static void delete_elements(struct text *t, const char *family, const struct node_nft_set *old,
                            const struct node_nft_set *new)
{
        static const struct diff_calls calls = {.compare = compare_elements, .remove = write_element};

        write_difference((struct element_command){t, "delete", family, new, 0}, old, &calls);
}

static void add_elements(struct text *t, const char *family, const struct node_nft_set *old,
                         const struct node_nft_set *new)
{
        static const struct diff_calls calls = {.compare = compare_elements, .add = write_element};

        write_difference((struct element_command){t, "add", family, new, 0}, old, &calls);
}

int sync_nft_update_elements(struct nft_ctx *nft, const char *family, const struct node_nft_content *old,
                             const struct node_nft_content *wanted)
{
        _cleanup_(text_done) struct text t = {0};

        for (size_t i = 0; i < wanted->n_sets; i++)
                delete_elements(&t, family, &old->sets[i], &wanted->sets[i]);
        for (size_t i = 0; i < wanted->n_sets; i++)
                add_elements(&t, family, &old->sets[i], &wanted->sets[i]);
        return sync_nft_run(nft, family, t.text, NULL);
}

/* The next line that begins a chain in the text of a table, from *at on: its name, which ends at a space; NULL: no more. */
static const char *next_chain(const char **at, int *ret_bytes)
{
        static const char begin[] = "\n\tchain ";
        const char *line = strstr(*at, begin);

        if (!line)
                return NULL;
        *at = line + strlen(begin);
        *ret_bytes = (int)strcspn(*at, " ");
        return *at;
}

static bool has_chain(const char *table, const char *name, int bytes)
{
        const char *other;
        int n;

        while ((other = next_chain(&table, &n))) {
                if (n == bytes && strncmp(other, name, (size_t)n) == 0)
                        return true;
        }
        return false;
}

static void delete_chains(struct text *t, const char *family, const char *listing, const char *wanted)
{
        const char *name;
        int bytes;

        while ((name = next_chain(&listing, &bytes))) {
                if (!has_chain(wanted, name, bytes))
                        text_add(t, "delete chain %s " DATAPLANE_NFT_TABLE " %.*s\n", family, bytes, name);
        }
}

/*
 * A table that is exchanged is, for as long as the kernel takes to commit it, half the old and half the new one to packets:
 * elements of its maps are not found, and the first packet of a pod's connection takes another ENI's way, which holds to the
 * connection's end. In place the hooks, chains, sets and the elements that stay are never away. `old` is NULL where it is not
 * known what is in the sets: they are filled anew, which to packets is the same.
 */
int sync_nft_update(struct nft_ctx *nft, const char *family, const char *listing,
                    const struct node_nft_content *old, const struct node_nft_content *wanted)
{
        _cleanup_(text_done) struct text t = {0};

        text_add(&t, "flush table %s " DATAPLANE_NFT_TABLE "\n", family);
        for (size_t i = 0; i < wanted->n_sets; i++) {
                const struct node_nft_set *set = &wanted->sets[i];

                if (old)
                        delete_elements(&t, family, &old->sets[i], set);
                else
                        text_add(&t, "flush %s %s " DATAPLANE_NFT_TABLE " %s\n", set->kind, family,
                                 set->name);
        }
        text_add(&t, "%s", wanted->text);
        delete_chains(&t, family, listing, wanted->text);
        return sync_nft_run(nft, family, t.text, NULL);
}

/* ---- a table of the process before, in place ---- */

/* Whether a line of the table's own level, with what a set or map says of itself, stands in the wanted text as well. */
static bool is_ours(const char *line, const char *wanted)
{
        static const char elements[] = "\t\telements", end[] = "\t}";
        const char *at_elements = strstr(line, elements), *at_end = strstr(line, end);
        size_t n = strcspn(line, "\n");
        _cleanup_free_ char *head = NULL;

        if (strncmp(line, "\tset ", 5) == 0 || strncmp(line, "\tmap ", 5) == 0)
                n = (size_t)((at_elements && at_elements < at_end ? at_elements : at_end) - line);
        head = xstrndup(line, n);
        return strstr(wanted, head);
}

/* What is no chain of the listing must be in the wanted text; chains and their rules are replaced in any case. */
static bool has_foreign(const char *listing, const char *wanted)
{
        for (const char *line = strchr(listing, '\n'); line && *++line; line = strchr(line, '\n')) {
                if (line[0] != '\t' || line[1] == '\t' || line[1] == '}' || strncmp(line, "\tchain ", 7) == 0)
                        continue;
                if (!is_ours(line, wanted))
                        return true;
        }
        return false;
}

int sync_nft_take_over(struct nft_ctx *nft, const char *family, const struct node_nft_content *wanted)
{
        _cleanup_free_ char *listing = sync_nft_list(nft, family);

        if (!listing || has_foreign(listing, wanted->text))
                return -ERR_NOT_FOUND;
        return sync_nft_update(nft, family, listing, NULL, wanted);
}
