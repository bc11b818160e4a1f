// SPDX-License-Identifier: Apache-2.0
#include "reconcile/create_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <vpcwire/clock.h>

#include "reconcile/ours.h"

enum { TAGS_OF_OURS = 5 };

int create_request_token(char ret[static EC2_TOKEN_BYTES], struct err *err)
{
        uint32_t random[3];

        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return err_set(err, ERR_SYSTEM, "no random bytes for a client token");
        snprintf(ret, EC2_TOKEN_BYTES, "vw-%" PRIx64 "-%08" PRIx32 "%08" PRIx32 "%08" PRIx32,
                 (uint64_t)(clock_wall_ms() / 1000), random[0], random[1], random[2]);
        return 0;
}

static const char *created_at(struct arena *arena, const char *token)
{
        char *text = arena_alloc(arena, OURS_TIME_BYTES, 1);

        ours_format_time((int64_t)strtoull(token + strlen("vw-"), NULL, 16), text);
        return text;
}

static size_t make_tags(const struct context *ctx, struct arena *arena, const char *token,
                        struct ec2_tag **ret)
{
        struct ec2_tag *tags = ARENA_ARRAY(arena, struct ec2_tag, TAGS_OF_OURS + ctx->options.n_tags);
        size_t n = 0;

        tags[n++] = (struct ec2_tag){OURS_TAG_INSTANCE, ctx->identity.instance_id};
        tags[n++] = (struct ec2_tag){OURS_TAG_CREATED_AT, created_at(arena, token)};
        tags[n++] = (struct ec2_tag){OURS_TAG_TOKEN, token};
        if (ctx->options.cluster_name && *ctx->options.cluster_name) {
                tags[n++] = (struct ec2_tag){"cluster.k8s.amazonaws.com/name", ctx->options.cluster_name};
                tags[n++] = (struct ec2_tag){"eks:eni:owner", "amazon-vpc-cni"};
        }
        for (size_t i = 0; i < ctx->options.n_tags; i++)
                tags[n++] = ctx->options.tags[i];
        *ret = tags;
        return n;
}

void create_request_make(struct context *ctx, struct arena *arena, const char *subnet_id, const char *token,
                         struct ec2_create_eni *ret)
{
        struct ec2_tag *tags;
        size_t n_tags = make_tags(ctx, arena, token, &tags);

        *ret = (struct ec2_create_eni){
                .subnet_id = subnet_id,
                .description = ours_description(ctx, arena),
                .client_token = token,
                .groups = (const char *const *)ctx->identity.groups,
                .n_groups = ctx->identity.n_groups,
                .tags = tags,
                .n_tags = n_tags,
        };
}
