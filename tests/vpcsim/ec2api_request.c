// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ec2api_request.h"

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes form encoding. NULL where it is malformed or not text that XML could carry. */
static const char *decode(const char *from, size_t n, struct arena *arena)
{
        char *text = arena_alloc(arena, n + 1, 1), *at = text;
        json_t *checked;
        bool is_utf8;

        for (size_t i = 0; i < n; i++) {
                int high, low;
                char c = from[i];

                if (c == '+') {
                        c = ' ';
                } else if (c == '%') {
                        high = i + 1 < n ? hex_digit(from[i + 1]) : -1;
                        low = i + 2 < n ? hex_digit(from[i + 2]) : -1;
                        if (high < 0 || low < 0)
                                return NULL;
                        c = (char)(high << 4 | low);
                        i += 2;
                }
                if ((unsigned char)c < ' ' && c != '\t' && c != '\n' && c != '\r')
                        return NULL;
                *at++ = c;
        }
        checked = json_stringn(text, (size_t)(at - text)); /* fails on what is not UTF-8 */
        is_utf8 = checked;
        json_decref(checked);
        return is_utf8 ? text : NULL;
}

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct ec2api_parameter *)a)->name, ((const struct ec2api_parameter *)b)->name);
}

static int parse_pair(struct ec2api_request *request, const char *pair, size_t n, struct err *err)
{
        const char *equals = memchr(pair, '=', n);
        size_t name_bytes = equals ? (size_t)(equals - pair) : n;
        const char *name, *value;

        name = decode(pair, name_bytes, request->arena);
        value = equals ? decode(equals + 1, n - name_bytes - 1, request->arena) : "";
        if (!name || !value)
                return world_refuse(request->world, err, "MalformedQueryString",
                                    "The query string contains a syntax error");
        if (strlen(name) > EC2API_MAX_NAME_BYTES || strlen(value) > EC2API_MAX_VALUE_BYTES)
                return world_refuse(request->world, err, "InvalidParameterValue",
                                    "A parameter of this request is too long");
        if (request->n_parameters == EC2API_MAX_PARAMETERS)
                return world_refuse(request->world, err, "InvalidParameterCombination",
                                    "This request has more than %d parameters", EC2API_MAX_PARAMETERS);
        request->parameters[request->n_parameters++] = (struct ec2api_parameter){name, value};
        return 0;
}

int ec2api_request_parse(struct ec2api_request *request, const char *form, size_t n, struct err *err)
{
        const char *end = form + n;
        int r;

        request->parameters = ARENA_ARRAY(request->arena, struct ec2api_parameter, EC2API_MAX_PARAMETERS);
        while (form < end) {
                const char *stop = memchr(form, '&', (size_t)(end - form));

                stop = stop ?: end;
                if (stop > form) {
                        r = parse_pair(request, form, (size_t)(stop - form), err);
                        if (r < 0)
                                return r;
                }
                form = stop + 1;
        }
        qsort(request->parameters, request->n_parameters, sizeof(*request->parameters), compare);
        for (size_t i = 1; i < request->n_parameters; i++)
                if (compare(&request->parameters[i - 1], &request->parameters[i]) == 0)
                        return world_refuse(request->world, err, "InvalidParameterCombination",
                                            "The parameter %s occurs more than once",
                                            request->parameters[i].name);
        request->action = ec2api_text(request, "Action") ?: "";
        return 0;
}

/* The first parameter whose name is not before this one. */
static size_t lower_bound(const struct ec2api_request *request, const char *name)
{
        size_t from = 0, to = request->n_parameters;

        while (from < to) {
                size_t middle = from + (to - from) / 2;

                if (strcmp(request->parameters[middle].name, name) < 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

const char *ec2api_text(const struct ec2api_request *request, const char *name)
{
        size_t at = lower_bound(request, name);

        if (at == request->n_parameters || strcmp(request->parameters[at].name, name) != 0)
                return NULL;
        return request->parameters[at].value;
}

/* Whether there is a parameter with this name, or one that goes on from it with a '.'. */
static bool has_any(const struct ec2api_request *request, const char *name)
{
        const char *longer = arena_printf(request->arena, "%s.", name);
        size_t at = lower_bound(request, longer);

        return ec2api_text(request, name) ||
               (at < request->n_parameters &&
                strncmp(request->parameters[at].name, longer, strlen(longer)) == 0);
}

/* "Filter.2.Value.1" is "Filter.N.Value.N". */
static bool matches(const char *name, const char *pattern)
{
        while (*name && *pattern) {
                if (*pattern == 'N' && (pattern[1] == '.' || !pattern[1]) && pattern[-1] == '.') {
                        if (!isdigit((unsigned char)*name) || *name == '0')
                                return false;
                        while (isdigit((unsigned char)*name))
                                name++;
                        pattern++;
                } else if (*name++ != *pattern++) {
                        return false;
                }
        }
        return !*name && !*pattern;
}

/* A list goes 1, 2, 3, ...: an element after a gap would be overlooked, so it is refused. */
static bool follows_a_gap(const struct ec2api_request *request, const char *name)
{
        for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
                unsigned long at = strtoul(dot + 1, NULL, 10);

                if (at > 1 && !has_any(request, arena_printf(request->arena, "%.*s.%lu", (int)(dot - name),
                                                             name, at - 1)))
                        return true;
        }
        return false;
}

static bool is_known(const char *name, const char *const *patterns, bool dry_run_allowed)
{
        if (strcmp(name, "Action") == 0 || strcmp(name, "Version") == 0 ||
            (dry_run_allowed && strcmp(name, "DryRun") == 0))
                return true;
        for (size_t i = 0; patterns[i]; i++)
                if (matches(name, patterns[i] + (patterns[i][0] == '!')))
                        return true;
        return false;
}

int ec2api_request_check(struct ec2api_request *request, const char *const *patterns, bool dry_run_allowed,
                         struct err *err)
{
        for (size_t i = 0; i < request->n_parameters; i++) {
                const char *name = request->parameters[i].name;

                if (!is_known(name, patterns, dry_run_allowed))
                        return world_refuse(request->world, err, "UnknownParameter",
                                            "The parameter %s is not recognized", name);
                if (follows_a_gap(request, name))
                        return world_refuse(request->world, err, "InvalidParameterValue",
                                            "The parameter %s is not part of a list from 1 on", name);
        }
        for (size_t i = 0; patterns[i]; i++) {
                const char *name = patterns[i] + 1, *list = strstr(name, ".N");

                if (patterns[i][0] != '!')
                        continue;
                if (list)
                        name = arena_printf(request->arena, "%.*s.1", (int)(list - name), name);
                if (!has_any(request, name))
                        return world_refuse(request->world, err, "MissingParameter",
                                            "The request must contain the parameter %s", patterns[i] + 1);
        }
        return 0;
}

int ec2api_refuse_value(const struct ec2api_request *request, const char *name, const char *value,
                        struct err *err)
{
        return world_refuse(request->world, err, "InvalidParameterValue",
                            "Value (%.128s) for parameter %s is invalid.", value, name);
}

int ec2api_number(const struct ec2api_request *request, const char *name, unsigned from, unsigned to,
                  unsigned *ret, struct err *err)
{
        const char *text = ec2api_text(request, name);
        unsigned long number;

        if (!text)
                return 0;
        number = strlen(text) <= 9 ? strtoul(text, NULL, 10) : ULONG_MAX;
        if (!*text || strspn(text, "0123456789") != strlen(text) || number < from || number > to)
                return ec2api_refuse_value(request, name, text, err);
        *ret = (unsigned)number;
        return 0;
}

int ec2api_bool(const struct ec2api_request *request, const char *name, bool *ret, struct err *err)
{
        const char *text = ec2api_text(request, name);

        if (!text)
                return 0;
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
                return ec2api_refuse_value(request, name, text, err);
        *ret = text[0] == 't';
        return 0;
}

int ec2api_ip(const struct ec2api_request *request, const char *name, struct ip *ret, struct err *err)
{
        const char *text = ec2api_text(request, name);
        struct ip ip;

        if (!text)
                return 0;
        if (ip_parse(text, &ip, NULL) < 0 || ip.family != AF_INET)
                return ec2api_refuse_value(request, name, text, err);
        *ret = ip;
        return 0;
}

size_t ec2api_list(const struct ec2api_request *request, const char *name, const char *const **ret)
{
        const char **values = ARENA_ARRAY(request->arena, const char *, EC2API_MAX_LIST);
        size_t n = 0;

        while (n < EC2API_MAX_LIST) {
                values[n] = ec2api_text(request, arena_printf(request->arena, "%s.%zu", name, n + 1));
                if (!values[n])
                        break;
                n++;
        }
        *ret = values;
        return n;
}

size_t ec2api_tags(const struct ec2api_request *request, const char *prefix, struct world_tag **ret)
{
        struct world_tag *tags = ARENA_ARRAY(request->arena, struct world_tag, EC2API_MAX_LIST);
        size_t n = 0;

        while (n < EC2API_MAX_LIST) {
                const char *key =
                        ec2api_text(request, arena_printf(request->arena, "%s.%zu.Key", prefix, n + 1));

                if (!key)
                        break;
                tags[n].key = key;
                tags[n].value =
                        ec2api_text(request, arena_printf(request->arena, "%s.%zu.Value", prefix, n + 1));
                n++;
        }
        *ret = tags;
        return n;
}

const char *ec2api_fingerprint(const struct ec2api_request *request)
{
        _cleanup_(text_done) struct text text = {0};

        text_add(&text, "%s", "");
        for (size_t i = 0; i < request->n_parameters; i++) {
                const struct ec2api_parameter *p = &request->parameters[i];

                assert(p->value);
                if (strcmp(p->name, "ClientToken") != 0)
                        text_add(&text, "%zu %s=%zu %s\n", strlen(p->name), p->name, strlen(p->value),
                                 p->value);
        }
        return arena_strdup(request->arena, text.text);
}

struct world_token ec2api_client_token(const struct ec2api_request *request)
{
        const char *text = ec2api_text(request, "ClientToken");

        return (struct world_token){
                .action = request->action,
                .text = text && *text ? text : NULL,
                .fingerprint = ec2api_fingerprint(request),
        };
}
