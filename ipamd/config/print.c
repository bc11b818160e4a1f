// SPDX-License-Identifier: Apache-2.0
/* The settings for people: `ipamd --help`, and `ipamd settings` (deploy/SETTINGS.md). */
#include <assert.h>
#include <string.h>

#include "config/egress.h"
#include "config/table.h"
#include "config/unsupported.h"

static_assert(CONFIG_MARK_TAKEN == 0xff02, "what is allowed for a mark says so");

static void print_setting(FILE *to, const struct setting *setting)
{
        fprintf(to, "  %-34s default %s", setting->name, setting->initial ?: "unset");
        if (setting->type == SETTING_NUMBER)
                fprintf(to, ", %u..%u", setting->minimum, setting->maximum);
        if (setting->second_name)
                fprintf(to, "; else %s", setting->second_name);
        if (setting->third_name)
                fprintf(to, ", %s", setting->third_name);
        fprintf(to, "\n      %s%s\n", setting->help, setting->reloadable ? " (reread on SIGHUP)" : "");
}

static void print_allowed(FILE *to, const struct setting *setting)
{
        static const char mark[] =
                "a number (`" DATAPLANE_TEXT(DATAPLANE_CONNMARK) "`, `128`) without the bits `0xff02`";
        static const char *const texts[] = {
                [SETTING_TEXT] = "text",
                [SETTING_PATH] = "absolute path",
                [SETTING_BIND] = "`ADDRESS:PORT`, `unix:/PATH`",
                [SETTING_SOCKET] = "absolute path",
                [SETTING_FILE_NAME] = "`NAME.conflist`",
                [SETTING_URL] = "`http://...`, `https://...`",
                [SETTING_VETH_PREFIX] = "1 to 4 letters and digits, not `eth`, `vlan`, `lo`",
                [SETTING_TAGS] = "JSON object of strings",
                [SETTING_BOOL] = "`true`, `false`",
                [SETTING_FLAG] = "`true`, `false`, `t`, `f`, `1`, `0`",
                [SETTING_CIDRS] = "IPv4 CIDRs separated by commas; anything else is left out",
                [SETTING_MARK] = mark,
                [SETTING_SNAT_PORTS] = "`prng`, `hashrandom`, `none`; anything else means `prng`",
                [SETTING_IP_MODE] = "`IPv4`, `IPv6`",
                [SETTING_LOG_LEVEL] = "`debug`, `info`, `warn`, `error`",
                [SETTING_LOG_FORMAT] = "`auto`, `text`, `json`",
        };

        if (setting->type == SETTING_NUMBER)
                fprintf(to, "%u to %u%s", setting->minimum, setting->maximum,
                        setting->low_is_unset ? "; less means unset" : "");
        else
                fputs(texts[setting->type], to);
}

static const char *whose(const struct setting *setting)
{
        if (strncmp(setting->name, "VPCWIRE_", strlen("VPCWIRE_")) == 0)
                return "no, ours";
        if (setting->sdk)
                return "no, of the AWS SDKs";
        return setting->differs ?: "yes";
}

static void print_row(FILE *to, const struct setting *setting)
{
        fprintf(to, "| `%s`", setting->name);
        if (setting->second_name)
                fprintf(to, ", else `%s`", setting->second_name);
        if (setting->third_name)
                fprintf(to, ", `%s`", setting->third_name);
        if (setting->initial)
                fprintf(to, " | `%s` | ", setting->initial);
        else
                fputs(" | unset | ", to);
        print_allowed(to, setting);
        fprintf(to, " | %s%s | %s |\n", setting->help, setting->reloadable ? " (SIGHUP)" : "",
                whose(setting));
}

void config_print_help(FILE *to)
{
        for (size_t i = 0; i < n_settings; i++)
                print_setting(to, &settings[i]);
        unsupported_print(to);
}

void config_print_markdown(FILE *to)
{
        fputs("# Settings of ipamd\n\nMade by `ipamd settings`. Environment variables, overridden per node "
              "by "
              "`" CONFIG_PATH_DEFAULT "` (`KEY=value`);\n(SIGHUP): read again from there on SIGHUP.\n\n"
              "| name | default | allowed | meaning | as in aws-vpc-cni |\n|---|---|---|---|---|\n",
              to);
        for (size_t i = 0; i < n_settings; i++)
                print_row(to, &settings[i]);
        unsupported_print_markdown(to);
}
