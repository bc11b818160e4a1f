// SPDX-License-Identifier: Apache-2.0
/* doctor: whether the kernel has what we ask of it (node/kernel.h). */
#include <string.h>

#include "ctl/doctor/doctor.h"
#include "node/kernel.h"

static void check_version(struct doctor *d)
{
        const char *remedy = arena_printf(d->arena, "use Linux %u.%u or later", kernel_oldest_run.major,
                                          kernel_oldest_run.minor);
        char release[KERNEL_RELEASE_BYTES];
        struct kernel_version running;
        struct err err;

        if (kernel_running(&running, release, &err) < 0)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "%s", err.msg);
        else if (kernel_version_compare(running, kernel_minimum) < 0)
                doctor_say(d, DOCTOR_FAIL, remedy, "Linux %s is too old: %u.%u is the minimum", release,
                           kernel_minimum.major, kernel_minimum.minor);
        else if (kernel_version_compare(running, kernel_oldest_run) < 0)
                doctor_say(d, DOCTOR_WARN, remedy,
                           "Linux %s: %u.%u is the oldest kernel that vpcwire has run on", release,
                           kernel_oldest_run.major, kernel_oldest_run.minor);
}

/* Only a setting that nobody has turned on wants it: then its lack breaks nothing. */
enum wanted { WANTED, NOT_WANTED, WANTED_PERHAPS };

static enum wanted find_wanted(const struct doctor *d, const struct kernel_feature *feature)
{
        const struct {
                const char *setting;
                bool on;
        } settings[] = {{"VPCWIRE_BLOCK_IMDS", d->network && d->network->block_imds}};

        for (size_t i = 0; i < ARRAY_SIZE(settings) && feature->setting && d->network; i++) {
                if (strcmp(settings[i].setting, feature->setting) == 0)
                        return settings[i].on ? WANTED : NOT_WANTED;
        }
        return feature->setting ? WANTED_PERHAPS : WANTED;
}

static const char *find_remedy(struct doctor *d, const struct kernel_feature *feature)
{
        const char *without =
                feature->setting ? arena_printf(d->arena, ", or set %s=false", feature->setting) : "";

        if (!feature->option)
                return arena_printf(d->arena, "use Linux %u.%u or later%s", feature->since.major,
                                    feature->since.minor, without);
        return arena_printf(d->arena, "use Linux %u.%u or later with %s%s", feature->since.major,
                            feature->since.minor, feature->option, without);
}

static void say_lack(struct doctor *d, const struct kernel_feature *feature, enum wanted wanted,
                     const struct err *err)
{
        if (wanted == WANTED_PERHAPS)
                doctor_say(d, DOCTOR_UNCHECKED, find_remedy(d, feature),
                           "%s is missing; it is needed if %s is true, which is not known: %s", feature->name,
                           feature->setting, err->msg);
        else
                doctor_say(d, DOCTOR_FAIL, find_remedy(d, feature), "%s is missing (%s): %s", feature->name,
                           feature->use, err->msg);
}

/* Who may not ask is told so once, and no feature is called missing for it. */
static void check_features(struct doctor *d)
{
        struct err err, denial;
        size_t denied = 0;

        check_version(d);
        for (size_t i = 0; i < n_kernel_features; i++) {
                const struct kernel_feature *feature = &kernel_features[i];
                enum wanted wanted = find_wanted(d, feature);

                if (wanted == NOT_WANTED || kernel_try(feature, &err) == 0)
                        continue;
                if (err.code != ERR_DENIED)
                        say_lack(d, feature, wanted, &err);
                else if (denied++ == 0)
                        denial = err;
        }
        if (denied)
                doctor_say(d, DOCTOR_UNCHECKED, "run it with CAP_NET_ADMIN",
                           "%zu of %zu features: the first cannot be tried: %s", denied, n_kernel_features,
                           denial.msg);
}

static const struct doctor_check kernel_checks[] = {
        {"kernel", check_features, "has all that ipamd uses", "ipamd cannot set up the node's network",
         DOCTOR_NEEDS_ROOT, DOCTOR_CAUSE_KERNEL},
};

struct doctor_checks doctor_checks_kernel(void)
{
        return (struct doctor_checks){kernel_checks, ARRAY_SIZE(kernel_checks)};
}
