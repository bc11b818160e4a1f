// SPDX-License-Identifier: Apache-2.0
/*
 * What of a look counts. An absence must last over two looks; and a presence that contradicts what EC2 itself answered us (it
 * took the address back, it deleted the ENI) is a late reply, until it has lasted: then EC2 has the address for sure, and
 * it is given back once more.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/look.h"

bool look_absence_is_settled(struct resync *resync, struct round *round, struct look *look, const char *name)
{
        for (size_t i = 0; i < resync->n_suspects; i++) {
                if (strcmp(resync->suspects[i].name, name) != 0)
                        continue;
                resync->suspects[i].absent_now = true;
                if (round->now_ms - resync->suspects[i].since_ms >= LOOK_SETTLE_MS)
                        return true;
                look->unsettled = true;
                return false;
        }
        look->unsettled = true;
        if (resync->n_suspects < SUSPECTS_MAX) {
                struct suspect *s;

                resync->suspects =
                        xrealloc_array(resync->suspects, resync->n_suspects + 1, sizeof(*resync->suspects));
                s = &resync->suspects[resync->n_suspects++];
                *s = (struct suspect){.since_ms = round->now_ms, .absent_now = true};
                snprintf(s->name, sizeof(s->name), "%s", name);
        }
        return false;
}

void look_forget_cleared_suspects(struct resync *resync)
{
        size_t n = 0;

        for (size_t i = 0; i < resync->n_suspects; i++) {
                if (resync->suspects[i].absent_now) {
                        resync->suspects[n] = resync->suspects[i];
                        resync->suspects[n++].absent_now = false;
                }
        }
        resync->n_suspects = n;
}

/* ---- what was given back ---- */

static const struct store_given_back *find_given_back(const struct look *look, const char *eni_id,
                                                      struct prefix block)
{
        for (size_t i = 0; i < look->n_given_back; i++) {
                if (prefix_equal(look->given_back[i].block, block) &&
                    strcmp(look->given_back[i].eni_id, eni_id) == 0)
                        return &look->given_back[i];
        }
        return NULL;
}

bool look_is_late(struct look *look, const char *eni_id)
{
        if (!find_given_back(look, eni_id, (struct prefix){0}))
                return false;
        look->unsettled = true;
        return true;
}

static bool contains(const struct prefix *blocks, size_t n, struct prefix block)
{
        for (size_t i = 0; i < n; i++) {
                if (prefix_equal(blocks[i], block))
                        return true;
        }
        return false;
}

static bool shows(const struct look *look, const struct store_given_back *row)
{
        const struct ec2_eni *eni = look_find(&look->attached, row->eni_id);
        bool found = eni && !ip_is_set(row->block.ip);

        if (look_cannot_tell(look, row->eni_id))
                return true;
        for (size_t i = 0; eni && i < eni->n_secondary && !found; i++)
                found = prefix_equal(prefix_host(eni->secondary[i]), row->block);
        return found;
}

int look_settle_given_back(struct context *ctx, struct round *round, const struct look *look, struct err *err)
{
        for (size_t i = 0; i < look->n_given_back; i++) {
                const struct store_given_back *row = &look->given_back[i];

                if (round->now_ms - row->since_ms >= LOOK_SETTLE_MS && !shows(look, row) &&
                    store_given_back_settled(ctx->store, row, err) < 0)
                        return err_wrap(err, "forget what was given back");
        }
        return 0;
}

/* ---- one that is gone, and has a successor ---- */

static bool claims(const struct store_eni *row, const struct ec2_eni *shown)
{
        return (!mac_equal(shown->mac, (struct mac){0}) && mac_equal(row->mac, shown->mac)) ||
               (ip_is_set(shown->primary) && ip_equal(row->primary_address, shown->primary));
}

int look_make_way(struct context *ctx, struct round *round, const struct look *look,
                  const struct ec2_eni *shown, struct err *err)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                const struct store_eni *row = &round->enis[i];

                if (!claims(row, shown) || strcmp(row->eni_id, shown->eni_id) == 0 || row->primary ||
                    row->state <= ENI_ATTACHING || row->state >= ENI_DETACHING ||
                    look_find(&look->attached, row->eni_id) || look_cannot_tell(look, row->eni_id))
                        continue;
                log_warn("an eni of the books has a successor with its mac or primary address",
                         LOG_STR("eni", row->eni_id), LOG_STR("successor", shown->eni_id));
                if (store_eni_gives_way(ctx->store, row->key, err) < 0)
                        return err_wrap(err, "make way for %s", shown->eni_id);
        }
        return 0;
}

/* ---- the blocks of one ENI ---- */

static const struct store_block *find_block(const struct store_block *all, size_t n,
                                            const struct store_eni *eni, struct prefix block)
{
        for (size_t i = 0; i < n && eni; i++) {
                if (all[i].eni_key == eni->key && prefix_equal(all[i].prefix, block))
                        return &all[i];
        }
        return NULL;
}

/*
 * Given back, and shown: 0: not believed; 1: it has lasted, and the block is in the books, on its way back once more, or as
 * what an older copy of the database has it for: a pod's, perhaps. Of an ENI that is new to the books (known is NULL)
 * that is for the next look.
 */
static int see_given_back(struct context *ctx, struct round *round, struct look *look,
                          const struct store_eni *known, const struct store_block *in_books,
                          const struct store_given_back *row, struct outcome *out, struct err *err)
{
        if (in_books && in_books->state == BLOCK_LEAVING)
                return 1;
        look->unsettled = true;
        if (!known || round->now_ms - row->since_ms < STORE_LATE_MS)
                return 0;
        out->pool_changed = true;
        if (in_books)
                return store_given_back_settled(ctx->store, row, err) < 0 ? -(int)err->code : 1;
        if (store_give_back_again(ctx->store, known->key, row->block, err) < 0)
                return -(int)err->code;
        return 1;
}

static int add_shown(struct context *ctx, struct round *round, struct look *look,
                     const struct store_eni *known, const struct ec2_eni *shown,
                     const struct store_block *all, size_t n_all, struct look_blocks *ret,
                     struct outcome *out, struct err *err)
{
        for (size_t i = 0; i < shown->n_secondary; i++) {
                struct prefix block = prefix_host(shown->secondary[i]);
                const struct store_given_back *row = find_given_back(look, shown->eni_id, block);

                int e = 1;

                if (row)
                        e = see_given_back(ctx, round, look, known, find_block(all, n_all, known, block), row,
                                           out, err);
                if (e < 0)
                        return err_wrap(err, "give %s back again", PREFIX_TEXT(block));
                if (e > 0)
                        ret->blocks[ret->n++] = block;
        }
        return 0;
}

int look_blocks(struct resync *resync, struct context *ctx, struct round *round, struct look *look,
                const struct store_eni *known, const struct ec2_eni *shown, struct look_blocks *ret,
                struct outcome *out, struct err *err)
{
        struct store_block *all;
        size_t n_all, n_shown;

        if (store_blocks(ctx->store, round->arena, &all, &n_all, err) < 0)
                return err_wrap(err, "read blocks");
        *ret = (struct look_blocks){
                .blocks = ARENA_ARRAY(round->arena, struct prefix, shown->n_secondary + n_all)};
        if (add_shown(ctx, round, look, known, shown, all, n_all, ret, out, err) < 0)
                return -(int)err->code;
        n_shown = ret->n;
        for (size_t i = 0; i < n_all && known; i++) {
                if (all[i].eni_key != known->key || all[i].state == BLOCK_LEAVING ||
                    all[i].state == BLOCK_LOST || contains(ret->blocks, n_shown, all[i].prefix) ||
                    look_absence_is_settled(resync, round, look, PREFIX_TEXT(all[i].prefix)))
                        continue;
                ret->blocks[ret->n++] = all[i].prefix;
                ret->n_doubted++;
        }
        return 0;
}

void resync_done(struct resync *resync)
{
        free(resync->suspects);
        free(resync->unreadable);
        *resync = (struct resync){0};
}
