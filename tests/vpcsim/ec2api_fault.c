// SPDX-License-Identifier: Apache-2.0
#include <limits.h>
#include <string.h>

#include "ec2api_fault.h"

enum { HUGE_BYTES = 10 * 1024 * 1024, MISSING_BYTES = 100 };

/* Ten entities of ten each: 10^9 characters for a parser that follows them. */
static const char bomb[] = "<?xml version=\"1.0\"?>\n<!DOCTYPE r [\n<!ENTITY a \"aaaaaaaaaa\">\n"
                           "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\n"
                           "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">\n"
                           "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\n"
                           "<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">\n"
                           "<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">\n"
                           "<!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">\n"
                           "<!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;\">\n"
                           "<!ENTITY i \"&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;\">\n]>\n<r>&i;</r>\n";

static const char page[] = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><p>Please log in "
                           "to use this network.<br></body></html>\n";

static const char *huge(struct arena *arena)
{
        static const char item[] = "<item/>";
        char *text = arena_alloc(arena, HUGE_BYTES + 64, 1), *at = stpcpy(text, "<r>");

        while (at < text + HUGE_BYTES) {
                memcpy(at, item, sizeof(item) - 1);
                at += sizeof(item) - 1;
        }
        memcpy(at, "</r>", 5);
        return text;
}

static void replace(struct httpd_reply *reply, unsigned status, const char *content_type, const char *body)
{
        reply->status = status ?: 200;
        reply->content_type = content_type;
        reply->body = body;
}

void ec2api_fault_apply(const struct world_fault *fault, struct arena *arena, struct httpd_reply *reply)
{
        const char *body = reply->body ?: "";

        if (!fault)
                return;
        switch (fault->effect) {
        case WORLD_EFFECT_ERROR:
        case WORLD_EFFECT_FEWER: break;
        case WORLD_EFFECT_DROP: reply->harm.drop = true; break;
        case WORLD_EFFECT_HANG: reply->harm.delay_ms = UINT_MAX; break;
        case WORLD_EFFECT_DELAY: reply->harm.delay_ms = fault->delay_ms; break;
        case WORLD_EFFECT_SLOW: reply->harm.bytes_per_s = fault->bytes_per_s; break;
        case WORLD_EFFECT_TRUNCATED:
                reply->body = arena_printf(arena, "%.*s", (int)(strlen(body) / 2), body);
                break;
        case WORLD_EFFECT_WRONG_LENGTH: reply->harm.missing_bytes = MISSING_BYTES; break;
        case WORLD_EFFECT_EMPTY: replace(reply, fault->status, "text/xml", ""); break;
        case WORLD_EFFECT_BOMB: replace(reply, fault->status, "text/xml", bomb); break;
        case WORLD_EFFECT_HTML: replace(reply, fault->status, "text/html", page); break;
        case WORLD_EFFECT_HUGE: replace(reply, fault->status, "text/xml", huge(arena)); break;
        case WORLD_EFFECT_BODY:
                replace(reply, fault->status, "text/plain", arena_strdup(arena, fault->body));
                break;
        case _WORLD_EFFECT_MAX: break;
        }
}
