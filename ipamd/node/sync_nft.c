// SPDX-License-Identifier: Apache-2.0
/*
 * Our nftables tables, each written in one transaction: in place where it is as we left it, or as another process of ours may
 * have left it, else whole. Where only elements of its sets differ, only these are written. Whether it is as we left it, is seen by comparing the library's listing of it with the listing
 * from right after we wrote it: any change by hand shows.
 */
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/diff.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>

#include "firewall/nft.h"
#include "node/sync_parts.h"

static const char *const families[NODE_NFT_TABLES] = {
        [NODE_NFT_IP] = "ip", [NODE_NFT_ARP] = "arp", [NODE_NFT_GUARD] = "inet"};

/* The table as the kernel has it, for the caller to free; NULL when it is not there. */
static char *list_table(struct nft_ctx *nft, const char *family)
{
        _cleanup_free_ char *command = xasprintf("list table %s " DATAPLANE_NFT_TABLE, family);

        if (nft_run_cmd_from_buffer(nft, command) != 0) {
                (void)nft_ctx_get_error_buffer(nft); /* reading empties it: "No such file or directory" */
                return NULL;
        }
        return xstrdup(nft_ctx_get_output_buffer(nft));
}

static int run(struct nft_ctx *nft, const char *family, const char *commands, struct err *err)
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

static int replace(struct nft_ctx *nft, const char *family, const struct node_nft_content *wanted,
                   struct err *err)
{
        /* add, then delete: the delete finds it in any case, and all three are one transaction. */
        _cleanup_free_ char *commands = xasprintf("add table %s " DATAPLANE_NFT_TABLE "\n"
                                                  "delete table %s " DATAPLANE_NFT_TABLE "\n%s",
                                                  family, family, wanted->text);

        return run(nft, family, commands, err);
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

/* Of a table whose structure is the wanted one: what differs, and nothing else is read or written. */
static int update_elements(struct nft_ctx *nft, const char *family, const struct node_nft_content *old,
                           const struct node_nft_content *wanted)
{
        _cleanup_(text_done) struct text t = {0};

        for (size_t i = 0; i < wanted->n_sets; i++)
                delete_elements(&t, family, &old->sets[i], &wanted->sets[i]);
        for (size_t i = 0; i < wanted->n_sets; i++)
                add_elements(&t, family, &old->sets[i], &wanted->sets[i]);
        return run(nft, family, t.text, NULL);
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
static int update(struct nft_ctx *nft, const char *family, const char *listing,
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
        return run(nft, family, t.text, NULL);
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
static bool has_stranger(const char *listing, const char *wanted)
{
        for (const char *line = strchr(listing, '\n'); line && *++line; line = strchr(line, '\n')) {
                if (line[0] != '\t' || line[1] == '\t' || line[1] == '}' || strncmp(line, "\tchain ", 7) == 0)
                        continue;
                if (!is_ours(line, wanted))
                        return true;
        }
        return false;
}

static int take_over(struct nft_ctx *nft, const char *family, const struct node_nft_content *wanted)
{
        _cleanup_free_ char *listing = list_table(nft, family);

        if (!listing || has_stranger(listing, wanted->text))
                return -ERR_NOT_FOUND;
        return update(nft, family, listing, NULL, wanted);
}

/* ---- one table ---- */

void sync_nft_forget(struct node_nft_table *table)
{
        arena_free(TAKE_PTR(table->arena));
        free(TAKE_PTR(table->listing));
        table->applied = (struct node_nft_content){0};
}

static void remember(struct node_nft_table *table, const struct node_nft_content *applied, char *listing)
{
        *table = (struct node_nft_table){.arena = arena_new(), .applied = *applied, .listing = listing};
        table->applied.text = arena_strdup(table->arena, applied->text);
        for (size_t i = 0; i < applied->n_sets; i++) {
                const struct node_nft_set *set = &applied->sets[i];
                struct node_nft_element *copy = ARENA_ARRAY(table->arena, struct node_nft_element, set->n);

                if (set->n)
                        memcpy(copy, set->elements, set->n * sizeof(*copy));
                table->applied.sets[i].elements = copy;
        }
}

/* untouched: nobody has written a table of this namespace since. */
static bool is_as_left(struct nft_ctx *nft, const struct node_nft_table *table, const char *family,
                       bool untouched)
{
        _cleanup_free_ char *listing = table->listing && !untouched ? list_table(nft, family) : NULL;

        return table->listing && (untouched || (listing && strcmp(listing, table->listing) == 0));
}

static bool is_untouched(const struct node *node, uint32_t generation)
{
        return generation && generation == node->nft_generation;
}

/* The tables have been written n_written times since that generation: they are as we left them if nobody else wrote any. */
static bool settle_generation(struct node *node, uint32_t before, unsigned n_written)
{
        uint32_t now = nft_generation(&node->nft_socket);

        node->nft_generation = before && now == before + n_written ? now : 0;
        return node->nft_generation;
}

/* The listing also makes the library forget what writing had it read: all chains. */
static void written(struct node *node, enum node_nft which, const struct node_nft_content *wanted,
                    struct node_report *report)
{
        struct node_nft_table *table = &node->nft_tables[which];

        sync_nft_forget(table);
        report->repaired.nft++;
        remember(table, wanted, list_table(node->nft, families[which]));
        malloc_trim(0);
}

static void sync_table(struct sync *sync, enum node_nft which, const struct node_nft_content *wanted,
                       bool untouched)
{
        struct nft_ctx *nft = sync->node->nft;
        struct node_nft_table *table = &sync->node->nft_tables[which];
        const char *family = families[which];
        bool as_left = is_as_left(nft, table, family, untouched);
        struct err failure;
        int r = -ERR_NOT_FOUND;

        if (as_left && strcmp(table->applied.text, wanted->text) == 0)
                return;
        if (!table->listing)
                r = take_over(nft, family, wanted);
        else if (as_left && node_nft_same_structure(&table->applied, wanted))
                r = update_elements(nft, family, &table->applied, wanted);
        else if (as_left)
                r = update(nft, family, table->listing, &table->applied, wanted);
        /* A set whose size or kind is another one cannot be changed in place, and is exchanged with its table. */
        if (r < 0 && replace(nft, family, wanted, &failure) < 0) {
                sync_nft_forget(table);
                sync_fail_node(sync, &failure);
                return;
        }
        written(sync->node, which, wanted, &sync->report);
}

static void wanted_tables(const struct node_want *want,
                          const struct node_nft_content *ret[static NODE_NFT_TABLES])
{
        ret[NODE_NFT_IP] = &want->nft;
        ret[NODE_NFT_ARP] = &want->nft_arp;
        ret[NODE_NFT_GUARD] = &want->nft_guard;
}

void sync_nft(struct sync *sync)
{
        const uint32_t generation = nft_generation(&sync->node->nft_socket);
        const bool untouched = is_untouched(sync->node, generation);
        const struct node_nft_content *contents[NODE_NFT_TABLES];

        wanted_tables(&sync->want, contents);
        for (size_t i = 0; i < NODE_NFT_TABLES; i++)
                sync_table(sync, (enum node_nft)i, contents[i], untouched);
        settle_generation(sync->node, generation, sync->report.repaired.nft);
}

bool sync_nft_elements(struct sync *sync)
{
        const uint32_t generation = nft_generation(&sync->node->nft_socket);
        struct node_nft_table *tables = sync->node->nft_tables;
        const struct node_nft_content *contents[NODE_NFT_TABLES];

        wanted_tables(&sync->want, contents);
        if (!is_untouched(sync->node, generation))
                return false;
        for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                if (!tables[i].listing || !node_nft_same_structure(&tables[i].applied, contents[i]))
                        return false;
        }
        for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                if (strcmp(tables[i].applied.text, contents[i]->text) == 0)
                        continue;
                if (update_elements(sync->node->nft, families[i], &tables[i].applied, contents[i]) < 0)
                        return false;
                written(sync->node, (enum node_nft)i, contents[i], &sync->report);
        }
        if (settle_generation(sync->node, generation, sync->report.repaired.nft))
                return true;
        /* What was listed may be somebody else's: it is nothing to compare with. */
        for (size_t i = 0; i < NODE_NFT_TABLES; i++)
                sync_nft_forget(&tables[i]);
        return false;
}

/* ---- compared, and not written ---- */

/* A chain, set, map or counter of a listing: from its name's line to its closing bracket. */
struct block {
        const char *text;
        size_t n, n_name; /* bytes; of "chain from_pods" */
};

/* The next one after *at; false: none. */
static bool next_block(const char **at, struct block *ret)
{
        static const char end[] = "\n\t}\n";

        for (const char *line = strchr(*at, '\n'); line && *++line; line = strchr(line, '\n')) {
                const char *bracket = strstr(line, " {\n"), *last = strstr(line, end);

                if (line[0] != '\t' || line[1] == '\t' || line[1] == '}' || line[1] == '\n' || !bracket ||
                    !last)
                        continue;
                *ret = (struct block){line + 1, (size_t)(last - line), (size_t)(bracket - line - 1)};
                *at = last + 1;
                return true;
        }
        return false;
}

static bool find_block(const char *listing, const struct block *sought, struct block *ret)
{
        while (next_block(&listing, ret)) {
                if (ret->n_name == sought->n_name && memcmp(ret->text, sought->text, ret->n_name) == 0)
                        return true;
        }
        return false;
}

static void note_block(struct sync *sync, enum node_nft nft, enum node_difference_kind kind,
                       const struct block *block)
{
        sync_only_notes(sync,
                        (struct node_difference){
                                .object = NODE_NFT_OBJECT,
                                .kind = kind,
                                .nft = nft,
                                .text = arena_printf(sync->arena, "%.*s of table %s " DATAPLANE_NFT_TABLE,
                                                     (int)block->n_name, block->text, families[nft])});
}

/* wanted: a listing, or (names_only) the text that one would be made from. */
static void compare_listings(struct sync *sync, enum node_nft nft, const char *wanted, const char *seen,
                             bool names_only)
{
        struct block block, other;
        const char *at = wanted;

        while (next_block(&at, &block)) {
                if (!find_block(seen, &block, &other))
                        note_block(sync, nft, NODE_MISSING, &block);
                else if (!names_only && (block.n != other.n || memcmp(block.text, other.text, block.n) != 0))
                        note_block(sync, nft, NODE_CHANGED, &block);
        }
        at = seen;
        while (next_block(&at, &block)) {
                if (!find_block(wanted, &block, &other))
                        note_block(sync, nft, NODE_EXTRA, &block);
        }
}

/*
 * The tables as the kernel lists them when they are as wanted, for the caller to free. In a network namespace that goes again:
 * where none can be made there is nothing to list.
 */
static void list_wanted(const struct node_nft_content *const *contents, char **ret)
{
        _cleanup_close_ int here = -1;
        struct nft_ctx *nft = NULL;

        if (netns_open_current(&here, NULL) < 0 || unshare(CLONE_NEWNET) < 0)
                return;
        if (nft_open(&nft, NULL) == 0) {
                for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                        if (run(nft, families[i], contents[i]->text, NULL) == 0)
                                ret[i] = list_table(nft, families[i]);
                }
        }
        nft_close(nft);
        if (setns(here, CLONE_NEWNET) < 0)
                abort(); /* all that comes would be in the wrong place */
}

void sync_check_nft(struct sync *sync)
{
        const struct node_nft_content *contents[NODE_NFT_TABLES];
        char *wanted[NODE_NFT_TABLES] = {NULL};

        wanted_tables(&sync->want, contents);
        list_wanted(contents, wanted);
        for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                _cleanup_free_ char *seen = list_table(sync->node->nft, families[i]);

                compare_listings(sync, (enum node_nft)i, wanted[i] ?: contents[i]->text, seen ?: "",
                                 !wanted[i]);
                free(wanted[i]);
        }
}
