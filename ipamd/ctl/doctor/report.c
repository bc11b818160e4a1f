// SPDX-License-Identifier: Apache-2.0
/*
 * doctor's report. People get what is wrong: the causes, worst first, with their consequences folded under them; --all shows
 * the rest, too. Programs get all.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor/doctor.h"
#include "ctl/show.h"

enum { VERDICT_WIDTH = 11, NAMES_SHOWN_MAX = 5 };

static const struct {
        const char *name;
        enum show_colour colour;
        enum ctl_exit code;
} verdicts[_DOCTOR_VERDICT_MAX] = {
        [DOCTOR_OK] = {"ok", SHOW_GOOD, CTL_OK},
        [DOCTOR_UNCHECKED] = {"unchecked", SHOW_PLAIN, CTL_OK},
        [DOCTOR_WARN] = {"warn", SHOW_WARN, CTL_WARNINGS},
        [DOCTOR_FAIL] = {"fail", SHOW_BAD, CTL_BROKEN},
};

/* ---- what is whose consequence ---- */

/* The check that found this cause; NULL: none did. */
static const char *find_cause(const struct doctor *doctor, unsigned cause)
{
        for (size_t i = 0; i < doctor->n_findings; i++) {
                if (doctor->findings[i].verdict == DOCTOR_FAIL && doctor->findings[i].of->is == cause)
                        return doctor->findings[i].check;
        }
        return NULL;
}

/* Of two that may be behind one another, one is the cause: else both would be folded, and neither shown. */
static bool is_caused_by(const struct doctor *doctor, const char *check, const char *cause)
{
        for (size_t i = 0; i < doctor->n_findings; i++) {
                const struct doctor_finding *f = &doctor->findings[i];

                if (f->caused_by && strcmp(f->check, check) == 0 && strcmp(f->caused_by, cause) == 0)
                        return true;
        }
        return false;
}

/* The first in the order of enum doctor_cause: what is behind the others, too. */
static void trace(struct doctor *doctor)
{
        for (size_t i = 0; i < doctor->n_findings; i++) {
                struct doctor_finding *f = &doctor->findings[i];

                for (unsigned cause = 1; cause <= f->of->because && !f->caused_by; cause <<= 1) {
                        const char *check = f->verdict >= DOCTOR_WARN && f->of->because & cause
                                                    ? find_cause(doctor, cause)
                                                    : NULL;

                        if (check && !is_caused_by(doctor, check, f->check))
                                f->caused_by = check;
                }
        }
}

/* ---- for people ---- */

static void show_line(struct ctl *ctl, const char *label, const char *text, int indent)
{
        fprintf(ctl->out, "%*s%s", indent, "", label);
        show_text(ctl->out, text, SHOW_PLAIN, false);
        fputc('\n', ctl->out);
}

static void show_names(struct ctl *ctl, enum doctor_verdict verdict, const char *names, int width)
{
        show_text(ctl->out, verdicts[verdict].name, verdicts[verdict].colour, ctl->colours);
        fprintf(ctl->out, "%*s%-*s  ", VERDICT_WIDTH - (int)strlen(verdicts[verdict].name), "", width, names);
}

static void show_finding(struct ctl *ctl, const struct doctor_finding *f, int width)
{
        const int indent = VERDICT_WIDTH + width + 2;

        show_names(ctl, f->verdict, f->check, width);
        show_line(ctl, "", f->found, 0);
        if (f->breaks)
                show_line(ctl, "breaks: ", f->breaks, indent);
        if (f->remedy)
                show_line(ctl, "remedy: ", f->remedy, indent);
        if (f->caused_by && ctl->all)
                show_line(ctl, "caused by: ", f->caused_by, indent);
}

/* Under the last finding of a check: what else is wrong because of it. */
static void show_consequences(struct ctl *ctl, const struct doctor *doctor, size_t i, int width)
{
        const char *name = doctor->findings[i].check;
        size_t n = 0;

        if (i + 1 < doctor->n_findings && doctor->findings[i + 1].of == doctor->findings[i].of)
                return;
        for (size_t k = 0; k < doctor->n_findings; k++) {
                const char *cause = doctor->findings[k].caused_by;

                n += cause && strcmp(cause, name) == 0 &&
                     (k == 0 || doctor->findings[k].of != doctor->findings[k - 1].of);
        }
        if (n)
                fprintf(ctl->out, "%*salso affected: %zu check%s, --all shows them\n",
                        VERDICT_WIDTH + width + 2, "", n, n == 1 ? "" : "s");
}

/* Those that could not look for the same reason, in one line. A remedy of a reason is its own line. */
static void show_unchecked(struct ctl *ctl, const struct doctor *doctor, int width)
{
        for (size_t i = 0; i < doctor->n_findings; i++) {
                const struct doctor_finding *f = &doctor->findings[i];
                _cleanup_(text_done) struct text names = {0};
                size_t n = 0;

                if (f->verdict != DOCTOR_UNCHECKED || f->remedy)
                        continue;
                for (size_t k = 0; k < doctor->n_findings; k++) {
                        const struct doctor_finding *other = &doctor->findings[k];

                        if (other->verdict != DOCTOR_UNCHECKED || strcmp(other->found, f->found) != 0)
                                continue;
                        if (k < i)
                                break; /* it was in that one's line */
                        text_add(&names, "%s%s", n++ ? ", " : "", other->check);
                }
                if (!n)
                        continue;
                if (n > NAMES_SHOWN_MAX) {
                        text_done(&names);
                        text_add(&names, "%zu checks", n);
                }
                show_names(ctl, DOCTOR_UNCHECKED, names.text, width);
                show_line(ctl, "", f->found, 0);
        }
}

/* The worst first; what could not be looked at for want of a better place before all. */
static void show_problems(struct ctl *ctl, const struct doctor *doctor, int width)
{
        static const enum doctor_verdict order[] = {DOCTOR_FAIL, DOCTOR_WARN};

        for (size_t i = 0; i < doctor->n_findings; i++) {
                if (doctor->findings[i].verdict == DOCTOR_UNCHECKED && doctor->findings[i].remedy)
                        show_finding(ctl, &doctor->findings[i], width);
        }
        for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
                for (size_t i = 0; i < doctor->n_findings; i++) {
                        const struct doctor_finding *f = &doctor->findings[i];

                        if (f->verdict != order[k] || f->caused_by)
                                continue;
                        show_finding(ctl, f, width);
                        show_consequences(ctl, doctor, i, width);
                }
        }
        show_unchecked(ctl, doctor, width);
}

static void show_report(struct ctl *ctl, const struct doctor *doctor)
{
        unsigned counts[_DOCTOR_VERDICT_MAX] = {0};
        int width = 0;

        for (size_t i = 0; i < doctor->n_findings; i++) {
                int n = (int)strlen(doctor->findings[i].check);

                width = n > width ? n : width;
                counts[doctor->findings[i].verdict]++;
        }
        if (ctl->all)
                for (size_t i = 0; i < doctor->n_findings; i++)
                        show_finding(ctl, &doctor->findings[i], width);
        else
                show_problems(ctl, doctor, width);
        if (ctl->all || counts[DOCTOR_OK] < doctor->n_findings)
                fputc('\n', ctl->out);
        fprintf(ctl->out, "%u OK, %u to check, %u broken", counts[DOCTOR_OK], counts[DOCTOR_WARN],
                counts[DOCTOR_FAIL]);
        if (counts[DOCTOR_UNCHECKED])
                fprintf(ctl->out, ", %u not checked", counts[DOCTOR_UNCHECKED]);
        fputs(ctl->all ? "\n" : " (--all shows each)\n", ctl->out);
}

/* ---- for programs ---- */

static const struct jsonx_field finding_fields[] = {
        JSONX_FIELD(struct doctor_finding, check, JSONX_STRING),
        JSONX_FIELD(struct doctor_finding, found, JSONX_STRING),
        JSONX_FIELD(struct doctor_finding, breaks, JSONX_STRING),
        JSONX_FIELD(struct doctor_finding, remedy, JSONX_STRING),
        JSONX_FIELD(struct doctor_finding, caused_by, JSONX_STRING),
};
static const struct jsonx_schema finding_schema = JSONX_SCHEMA(struct doctor_finding, finding_fields);

static void print_report(struct ctl *ctl, const struct doctor *doctor, enum doctor_verdict worst)
{
        json_t *report = json_object(), *checks = json_array();

        json_object_set_new(report, "verdict", json_string(verdicts[worst].name));
        json_object_set_new(report, "checks", checks);
        for (size_t i = 0; i < doctor->n_findings; i++) {
                const struct doctor_finding *f = &doctor->findings[i];
                json_t *check = jsonx_encode(&finding_schema, f);

                json_object_set_new(check, "verdict", json_string(verdicts[f->verdict].name));
                json_array_append_new(checks, check);
        }
        ctl_put_json(ctl, report, false);
}

enum ctl_exit doctor_report(struct ctl *ctl, struct doctor *doctor)
{
        enum doctor_verdict worst = DOCTOR_OK;

        for (size_t i = 0; i < doctor->n_findings; i++)
                worst = doctor->findings[i].verdict > worst ? doctor->findings[i].verdict : worst;
        trace(doctor);
        if (ctl->json)
                print_report(ctl, doctor, worst);
        else
                show_report(ctl, doctor);
        /* Where most of the node could not be looked at, nothing bad is no good news. */
        if (worst <= DOCTOR_UNCHECKED && (!doctor->is_root || doctor->elsewhere))
                return CTL_NO;
        return verdicts[worst].code;
}
