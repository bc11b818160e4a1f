// SPDX-License-Identifier: Apache-2.0
/*
 * What of a resync counts. An absence must last over two resyncs; and a presence that contradicts what EC2 itself answered us (it
 * took the address back, it deleted the ENI) is a late reply, until it has lasted: then EC2 has the address for sure, and
 * it is given back once more.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/resync_state.h"

bool resync_absence_is_settled(struct resync *resync, struct round *round, struct resync_answer *answer,
                               const char *name)
{
        for (size_t i = 0; i < resync->n_suspects; i++) {
                if (strcmp(resync->suspects[i].name, name) != 0)
                        continue;
                resync->suspects[i].absent_now = true;
                if (round->now_ms - resync->suspects[i].since_ms >= RESYNC_SETTLE_MS)
                        return true;
                answer->unsettled = true;
                return false;
        }
        answer->unsettled = true;
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

void resync_forget_cleared_suspects(struct resync *resync)
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

static const struct store_given_back *find_given_back(const struct resync_answer *answer, const char *eni_id,
                                                      struct prefix block)
{
        for (size_t i = 0; i < answer->n_given_back; i++) {
                if (prefix_equal(answer->given_back[i].block, block) &&
                    strcmp(answer->given_back[i].eni_id, eni_id) == 0)
                        return &answer->given_back[i];
        }
        return NULL;
}

bool resync_is_late(struct resync_answer *answer, const char *eni_id)
{
        if (!find_given_back(answer, eni_id, (struct prefix){0}))
                return false;
        answer->unsettled = true;
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

static bool shows(const struct resync_answer *answer, const struct store_given_back *row)
{
        const struct ec2_eni *eni = resync_find(&answer->attached, row->eni_id);
        bool found = eni && !ip_is_set(row->block.ip);

        if (resync_cannot_tell(answer, row->eni_id))
                return true;
        for (size_t i = 0; eni && i < eni->n_secondary && !found; i++)
                found = prefix_equal(prefix_host(eni->secondary[i]), row->block);
        return found;
}

int resync_settle_given_back(struct context *ctx, struct round *round, const struct resync_answer *answer,
                             struct err *err)
{
        for (size_t i = 0; i < answer->n_given_back; i++) {
                const struct store_given_back *row = &answer->given_back[i];

                if (round->now_ms - row->since_ms >= RESYNC_SETTLE_MS && !shows(answer, row) &&
                    store_given_back_settled(ctx->store, row, err) < 0)
                        return err_wrap(err, "forget what was given back");
        }
        return 0;
}

/* ---- one that is gone, and has a successor ---- */

static bool claims(const struct eni *row, const struct ec2_eni *shown)
{
        return (!mac_equal(shown->mac, (struct mac){0}) && mac_equal(row->mac, shown->mac)) ||
               (ip_is_set(shown->primary) && ip_equal(row->primary_address, shown->primary));
}

int resync_make_way(struct context *ctx, struct round *round, const struct resync_answer *answer,
                    const struct ec2_eni *shown, struct err *err)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                const struct eni *row = &round->enis[i];

                if (!claims(row, shown) || strcmp(row->eni_id, shown->eni_id) == 0 || row->primary ||
                    row->state <= ENI_ATTACHING || row->state >= ENI_DETACHING ||
                    resync_find(&answer->attached, row->eni_id) || resync_cannot_tell(answer, row->eni_id))
                        continue;
                log_warn("eni replaced by another with its mac or primary address",
                         LOG_STR("eni", row->eni_id), LOG_STR("successor", shown->eni_id));
                if (store_eni_gives_way(ctx->store, row->key, err) < 0)
                        return err_wrap(err, "make way for %s", shown->eni_id);
        }
        return 0;
}

/* ---- the blocks of one ENI ---- */

static const struct block *find_block(const struct block *all, size_t n, const struct eni *eni,
                                      struct prefix block)
{
        for (size_t i = 0; i < n && eni; i++) {
                if (all[i].eni_key == eni->key && prefix_equal(all[i].prefix, block))
                        return &all[i];
        }
        return NULL;
}

/*
 * Given back, and shown: 0: not believed; 1: it has lasted, and the block is in the database, on its way back once more, or as
 * what an older copy of the database has it for: a pod's, perhaps. Of an ENI that is new to the database (known is NULL)
 * that is for the next resync.
 */
static int see_given_back(struct context *ctx, struct round *round, struct resync_answer *answer,
                          const struct eni *known, const struct block *in_database,
                          const struct store_given_back *row, struct outcome *out, struct err *err)
{
        if (in_database && in_database->state == BLOCK_LEAVING)
                return 1;
        answer->unsettled = true;
        if (!known || round->now_ms - row->since_ms < STORE_LATE_MS)
                return 0;
        out->pool_changed = true;
        if (in_database)
                return store_given_back_settled(ctx->store, row, err) < 0 ? -(int)err->code : 1;
        if (store_give_back_again(ctx->store, known->key, row->block, err) < 0)
                return -(int)err->code;
        return 1;
}

static int add_shown(struct context *ctx, struct round *round, struct resync_answer *answer,
                     const struct eni *known, const struct ec2_eni *shown, const struct block *all,
                     size_t n_all, struct resync_blocks *ret, struct outcome *out, struct err *err)
{
        for (size_t i = 0; i < shown->n_secondary; i++) {
                struct prefix block = prefix_host(shown->secondary[i]);
                const struct store_given_back *row = find_given_back(answer, shown->eni_id, block);

                int e = 1;

                if (row)
                        e = see_given_back(ctx, round, answer, known, find_block(all, n_all, known, block),
                                           row, out, err);
                if (e < 0)
                        return err_wrap(err, "give %s back again", PREFIX_TEXT(block));
                if (e > 0)
                        ret->blocks[ret->n++] = block;
        }
        return 0;
}

int resync_blocks(struct resync *resync, struct context *ctx, struct round *round,
                  struct resync_answer *answer, const struct eni *known, const struct ec2_eni *shown,
                  struct resync_blocks *ret, struct outcome *out, struct err *err)
{
        struct block *all;
        size_t n_all, n_shown;

        if (store_blocks(ctx->store, round->arena, &all, &n_all, err) < 0)
                return err_wrap(err, "read blocks");
        *ret = (struct resync_blocks){
                .blocks = ARENA_ARRAY(round->arena, struct prefix, shown->n_secondary + n_all)};
        if (add_shown(ctx, round, answer, known, shown, all, n_all, ret, out, err) < 0)
                return -(int)err->code;
        n_shown = ret->n;
        for (size_t i = 0; i < n_all && known; i++) {
                if (all[i].eni_key != known->key || all[i].state == BLOCK_LEAVING ||
                    all[i].state == BLOCK_LOST || contains(ret->blocks, n_shown, all[i].prefix) ||
                    resync_absence_is_settled(resync, round, answer, PREFIX_TEXT(all[i].prefix)))
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
