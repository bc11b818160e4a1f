// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>

#include "args.h"

/* Texts go into the result and to the daemon, and JSON carries only UTF-8. */
static bool is_utf8(const char *text)
{
        _cleanup_json_ json_t *string = json_string(text);

        return string != NULL;
}

static int check_container_id(const char *text, struct err *err)
{
        if (!name_is_plain(text))
                return err_set(err, ERR_INVALID,
                               "CNI_CONTAINERID '%.64s' is malformed (letters, digits, '_', '.', '-'; the "
                               "first a letter or digit)",
                               text);
        return 0;
}

static int check_ifname(const char *text, struct err *err)
{
        if (strlen(text) >= LINK_NAME_BYTES)
                return err_set(err, ERR_INVALID, "CNI_IFNAME '%.64s' is longer than %d characters", text,
                               LINK_NAME_BYTES - 1);
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
                return err_set(err, ERR_INVALID, "CNI_IFNAME must not be '%s'", text);
        if (!is_utf8(text))
                return err_set(err, ERR_INVALID, "CNI_IFNAME is not UTF-8");
        for (const char *c = text; *c; c++) {
                /* '%' is allowed by the specification, but the kernel would read it as a pattern. */
                if (*c == '/' || *c == ':' || *c == '%' || isspace((unsigned char)*c))
                        return err_set(
                                err, ERR_INVALID,
                                "CNI_IFNAME '%s' contains '%c' (no '/', ':', '%%' or space is allowed)", text,
                                *c);
        }
        return 0;
}

static int check_netns(const char *text, struct err *err)
{
        if (!is_utf8(text))
                return err_set(err, ERR_INVALID, "CNI_NETNS is not UTF-8");
        return 0;
}

/* In the order in which they are checked. */
static const struct {
        const char *name;
        size_t offset;
        unsigned need;
        int (*check)(const char *text, struct err *err);
} variables[] = {
        {"CNI_COMMAND", offsetof(struct cni_args, command), 0, NULL},
        {"CNI_CONTAINERID", offsetof(struct cni_args, container_id), NEEDS_CONTAINER_ID, check_container_id},
        {"CNI_NETNS", offsetof(struct cni_args, netns), NEEDS_NETNS, check_netns},
        {"CNI_IFNAME", offsetof(struct cni_args, ifname), NEEDS_IFNAME, check_ifname},
        {"CNI_ARGS", offsetof(struct cni_args, args), 0, NULL},
        {"CNI_PATH", offsetof(struct cni_args, path), NEEDS_PATH, NULL},
        {"CNI_NETNS_OVERRIDE", offsetof(struct cni_args, netns_override), 0, NULL},
};

static const char **field_at(struct cni_args *args, size_t offset)
{
        return (const char **)((char *)args + offset);
}

static const char *env_value(const char *const env[], const char *name)
{
        size_t n = strlen(name);

        for (; *env; env++) {
                if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
                        return *env + n + 1;
        }
        return "";
}

void args_from_env(const char *const env[], struct cni_args *ret)
{
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
                *field_at(ret, variables[i].offset) = env_value(env, variables[i].name);
}

int args_check_present(const struct cni_args *args, unsigned needs, struct err *err)
{
        _cleanup_(text_done) struct text missing = {0};
        struct cni_args copy = *args;

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                if ((variables[i].need & needs) && !**field_at(&copy, variables[i].offset))
                        text_add(&missing, "%s%s", missing.bytes ? "," : "", variables[i].name);
        }
        if (missing.bytes)
                return err_set(err, ERR_INVALID, "required environment variables [%s] missing", missing.text);
        return 0;
}

int args_check_values(const struct cni_args *args, unsigned needs, struct err *err)
{
        struct cni_args copy = *args;

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                const char *value = *field_at(&copy, variables[i].offset);

                if ((variables[i].need & needs) && *value && variables[i].check &&
                    variables[i].check(value, err) < 0)
                        return -ERR_INVALID;
        }
        return 0;
}

static int parse_bool(const char *text, bool *ret)
{
        static const struct {
                const char *text;
                bool value;
        } words[] = {{"1", true}, {"true", true}, {"0", false}, {"false", false}};

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (strcasecmp(text, words[i].text) == 0) {
                        *ret = words[i].value;
                        return 0;
                }
        }
        return -ERR_INVALID;
}

bool args_allow_own_netns(const struct cni_args *args)
{
        bool allowed = false;

        return parse_bool(args->netns_override, &allowed) == 0 && allowed;
}

static char *pod_field(struct pod_identity *pod, const char *key)
{
        const struct {
                const char *key;
                char *text;
        } fields[] = {
                {"K8S_POD_NAMESPACE", pod->namespace},
                {"K8S_POD_NAME", pod->name},
                {"K8S_POD_UID", pod->uid},
                {"K8S_POD_INFRA_CONTAINER_ID", pod->infra_container_id},
                {"IP", pod->ip},
                {"MAC", pod->mac},
        };

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                if (strcmp(key, fields[i].key) == 0)
                        return fields[i].text;
        }
        return NULL;
}

/* *unknown becomes the first pair whose key we do not know; `pair` is cut at its '='. */
static int parse_pair(char *pair, struct pod_identity *pod, bool *ignore_unknown, const char **unknown,
                      struct err *err)
{
        char *value = strchr(pair, '='), *field;

        if (!value || strchr(value + 1, '='))
                return err_set(err, ERR_INVALID, "CNI_ARGS: '%.128s' is not KEY=value", pair);
        *value++ = '\0';
        field = pod_field(pod, pair);
        if (field) {
                if (!is_utf8(value))
                        return err_set(err, ERR_INVALID, "CNI_ARGS: value of %s is not UTF-8", pair);
                if (strlen(value) >= POD_TEXT_BYTES)
                        return err_set(err, ERR_INVALID, "CNI_ARGS: value of %s is longer than %d bytes",
                                       pair, POD_TEXT_BYTES - 1);
                snprintf(field, POD_TEXT_BYTES, "%s", value);
        } else if (strcmp(pair, "IgnoreUnknown") == 0) {
                if (parse_bool(value, ignore_unknown) < 0)
                        return err_set(err, ERR_INVALID,
                                       "CNI_ARGS: IgnoreUnknown '%.64s' is not one of 1, true, 0, false",
                                       value);
        } else if (!*unknown) {
                *unknown = pair;
        }
        return 0;
}

int args_parse_pod(const char *cni_args, struct pod_identity *ret, struct err *err)
{
        _cleanup_free_ char *copy = xstrdup(cni_args);
        struct pod_identity pod = {0};
        const char *unknown = NULL;
        bool ignore_unknown = false;
        char *rest = copy;

        while (*cni_args && rest) {
                char *pair = strsep(&rest, ";");

                if (parse_pair(pair, &pod, &ignore_unknown, &unknown, err) < 0)
                        return -ERR_INVALID;
        }
        if (unknown && !ignore_unknown)
                return err_set(err, ERR_INVALID, "CNI_ARGS: unknown key '%.64s' (IgnoreUnknown is not set)",
                               unknown);
        *ret = pod;
        return 0;
}

bool name_is_plain(const char *text)
{
        if (!isalnum((unsigned char)*text))
                return false;
        for (; *text; text++) {
                if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
                        return false;
        }
        return true;
}
