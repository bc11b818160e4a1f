// SPDX-License-Identifier: Apache-2.0
/* The query protocol's parameters: "Name=value" pairs, encoded as a form. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cloud/ec2_internal.h"
#include "cloud/sigv4.h"

/* Form encoding, where a space is '+'. EC2 takes "%20" too; moto rebuilds the body to check the signature, with '+'. */
static void add_form_encoded(struct text *body, const char *s)
{
        for (;;) {
                size_t n = strcspn(s, " ");

                sigv4_encode(body, s, n);
                if (!s[n])
                        return;
                text_add(body, "+");
                s += n + 1;
        }
}

void ec2_add(struct text *body, const char *value, const char *name_format, ...)
{
        char name[128];
        va_list args;

        if (!value)
                return;
        va_start(args, name_format);
        vsnprintf(name, sizeof(name), name_format, args);
        va_end(args);
        if (body->bytes)
                text_add(body, "&");
        sigv4_encode(body, name, strlen(name));
        text_add(body, "=");
        add_form_encoded(body, value);
}

void ec2_add_unsigned(struct text *body, unsigned value, const char *name)
{
        char text[16];

        snprintf(text, sizeof(text), "%u", value);
        ec2_add(body, text, "%s", name);
}

void ec2_add_filters(struct text *body, const struct ec2_filter *filters, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                ec2_add(body, filters[i].name, "Filter.%zu.Name", i + 1);
                ec2_add(body, filters[i].value, "Filter.%zu.Value.1", i + 1);
        }
}

void ec2_add_list(struct text *body, const char *name, const char *const *values, size_t n)
{
        for (size_t i = 0; i < n; i++)
                ec2_add(body, values[i], "%s.%zu", name, i + 1);
}
