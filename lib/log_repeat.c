// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <vpcwire/log_repeat.h>
#include <vpcwire/mem.h>

/* FNV-1a, 64 bit. */
static uint64_t hash_of(const char *text)
{
        uint64_t h = 0xcbf29ce484222325;

        for (; *text; text++) {
                h ^= (unsigned char)*text;
                h *= 0x100000001b3;
        }
        return h ?: 1;
}

/* The entry with this hash, or the one to put in its place: none that has a count to say, while there is another. */
static struct log_repeat *find(struct log_repeats *repeats, uint64_t hash)
{
        struct log_repeat *best = &repeats->texts[0];

        for (size_t i = 0; i < LOG_REPEAT_TEXTS; i++) {
                struct log_repeat *entry = &repeats->texts[i];

                if (entry->hash == hash)
                        return entry;
                if (!entry->counted == !best->counted ? entry->since_ms < best->since_ms : !entry->counted)
                        best = entry;
        }
        return best;
}

bool log_repeat_admit(struct log_repeats *repeats, int64_t now_ms, const char *text)
{
        uint64_t hash = hash_of(text);
        struct log_repeat *entry = find(repeats, hash);

        if (strlen(text) > LOG_REPEAT_BYTES_MAX)
                return true;
        if (entry->hash != hash || (!entry->counted && now_ms - entry->since_ms >= LOG_REPEAT_WINDOW_MS)) {
                free(entry->text);
                *entry = (struct log_repeat){.hash = hash, .since_ms = now_ms};
        }
        if (entry->said < LOG_REPEATS_MAX) {
                entry->said++;
                return true;
        }
        if (entry->counted++ == 0)
                entry->text = xstrdup(text);
        return false;
}

char *log_repeat_take(struct log_repeats *repeats, int64_t now_ms, unsigned *ret_count)
{
        for (size_t i = 0; i < LOG_REPEAT_TEXTS; i++) {
                struct log_repeat *entry = &repeats->texts[i];
                char *text = entry->text;

                if (!entry->counted || now_ms - entry->since_ms < LOG_REPEAT_WINDOW_MS)
                        continue;
                *ret_count = entry->counted;
                *entry = (struct log_repeat){0};
                return text;
        }
        return NULL;
}
