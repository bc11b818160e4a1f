// SPDX-License-Identifier: Apache-2.0
/* ipamctl bundle: the archive, and what it is called. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "ctl/bundle/bundle.h"

enum { HOST_NAME_BYTES = 64 };

void bundle_put(struct bundle *bundle, enum allow how, const char *name, const char *text, size_t n)
{
        _cleanup_(text_done) struct text shown = {0};
        size_t room = BUNDLE_BYTES_MAX - bundle->bytes;
        size_t most = room < BUNDLE_TEXT_BYTES_MAX ? room : BUNDLE_TEXT_BYTES_MAX;

        if (bundle->failed)
                return;
        allow(how, text, n < most ? n : most, &shown);
        if (n > most)
                text_add(&shown, "\n[cut here: it is %zu bytes]\n", n);
        bundle->bytes += n < most ? n : most;
        text_add(&bundle->index, "%s: %zu bytes\n", name, shown.bytes);
        if (tar_add(bundle->tar, name, shown.text, shown.bytes, &bundle->err) < 0)
                bundle->failed = true;
}

void bundle_miss(struct bundle *bundle, const char *what, const char *why)
{
        text_add(&bundle->index, "%s: not here: %s\n", what, why);
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
        _cleanup_(text_done) struct text index = {0};

        text_add(&bundle->index, "Only values of keys that are known to be harmless are shown. A line of a "
                                 "log is taken for ipamd's or "
                                 "the\nplugin's by its form: {\"time\":..., \"level\":..., \"msg\":...}, or "
                                 "12:00:00.000 and a text; other "
                                 "lines are not shown.\n\n");
        bundle_daemon(bundle);
        bundle_network(bundle);
        bundle_files(bundle);
        bundle_logs(bundle);
        index = bundle->index;
        bundle->index = (struct text){0};
        bundle_put(bundle, ALLOW_PROSE, "index.txt", index.text, index.bytes);
        text_done(&bundle->index); /* its own line, which nobody reads */
}

/* Where it goes to: a file of its own, or, for "-", where standard output does. */
static int open_archive(struct ctl *ctl, const char *name, int64_t now_ms, struct tar **ret, struct err *err)
{
        if (strcmp(name, "-") != 0)
                return tar_create(name, now_ms / 1000, ret, err);
        if (isatty(fileno(ctl->out)))
                return err_set(err, ERR_INVALID, "an archive is not for a terminal: ipamctl bundle - > FILE");
        return tar_open(fileno(ctl->out), "standard output", now_ms / 1000, ret, err);
}

static void tell_name(struct ctl *ctl, const char *name)
{
        json_t *report = ctl->json ? json_object() : NULL;

        if (!report) {
                fprintf(ctl->out, "%s\n", name);
                return;
        }
        json_object_set_new(report, "file", jsonx_string(name));
        ctl_put_json(ctl, report, false);
}

enum ctl_exit ctl_bundle(struct ctl *ctl)
{
        int64_t now_ms = clock_wall_ms();
        const char *wanted = ctl->output ?: ctl->argument;
        _cleanup_free_ char *name = wanted ? xstrdup(wanted) : default_name(now_ms);
        _cleanup_(tar_freep) struct tar *tar = NULL;
        struct bundle bundle = {.ctl = ctl, .root = ctl->root ?: ""};
        bool to_stdout = strcmp(name, "-") == 0;

        if ((ctl->output && ctl->argument) || (to_stdout && ctl->json)) {
                fprintf(ctl->err,
                        "ipamctl: bundle takes one of FILE, --output FILE and -; --json not with -\n");
                return CTL_USAGE;
        }
        if (open_archive(ctl, name, now_ms, &tar, &bundle.err) < 0)
                return ctl_fail(ctl, &bundle.err);
        bundle.tar = tar;
        fill(&bundle);
        if (bundle.failed || tar_finish(tar, &bundle.err) < 0)
                return ctl_fail(ctl, &bundle.err);
        if (!to_stdout)
                tell_name(ctl, name);
        return CTL_OK;
}
