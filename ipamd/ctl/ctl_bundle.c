// SPDX-License-Identifier: Apache-2.0
/* ipamctl bundle: the archive, and what it is called. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "ctl/bundle/bundle.h"
#include "ctl/bundle/redact.h"

enum { HOST_NAME_BYTES = 64 };

void bundle_put(struct bundle *bundle, const char *name, const char *text, size_t n)
{
        _cleanup_(text_done) struct text clean = {0};
        size_t room = BUNDLE_BYTES_MAX - bundle->bytes;
        size_t most = room < BUNDLE_TEXT_BYTES_MAX ? room : BUNDLE_TEXT_BYTES_MAX;

        if (bundle->failed)
                return;
        redact(text, n < most ? n : most, &clean);
        if (n > most)
                text_add(&clean, "\n[cut here: it is %zu bytes]\n", n);
        bundle->bytes += n < most ? n : most;
        if (tar_add(bundle->tar, name, clean.text, clean.bytes, &bundle->err) < 0)
                bundle->failed = true;
}

/* vpcwire-HOST-20261123T101500Z.tar.gz */
static char *default_name(int64_t now_ms)
{
        char host[HOST_NAME_BYTES] = "", at[CLOCK_TEXT_BYTES], *digits = at;

        if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
                snprintf(host, sizeof(host), "node");
        clock_wall_format(now_ms, at);
        for (const char *c = at; *c && *c != '.'; c++) {
                if (*c != '-' && *c != ':')
                        *digits++ = *c;
        }
        *digits = '\0';
        return xasprintf("vpcwire-%s-%sZ.tar.gz", host, at);
}

static void fill(struct bundle *bundle)
{
        bundle_daemon(bundle);
        bundle_settings(bundle);
        bundle_network(bundle);
        bundle_files(bundle);
}

enum ctl_exit ctl_bundle(struct ctl *ctl)
{
        int64_t now_ms = clock_wall_ms();
        _cleanup_free_ char *name = ctl->argument ? xstrdup(ctl->argument) : default_name(now_ms);
        _cleanup_(tar_freep) struct tar *tar = NULL;
        struct bundle bundle = {.ctl = ctl, .root = ctl->root ?: ""};

        if (tar_create(name, now_ms / 1000, &tar, &bundle.err) < 0)
                return ctl_fail(ctl, &bundle.err);
        bundle.tar = tar;
        fill(&bundle);
        if (bundle.failed || tar_finish(tar, &bundle.err) < 0)
                return ctl_fail(ctl, &bundle.err);
        if (ctl->json) {
                _cleanup_json_ json_t *report = json_object();

                json_object_set_new(report, "file", jsonx_string(name));
                json_dumpf(report, ctl->out, JSON_INDENT(2));
                fputc('\n', ctl->out);
        } else {
                fprintf(ctl->out, "%s\n", name);
        }
        return CTL_OK;
}
