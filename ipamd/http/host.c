// SPDX-License-Identifier: Apache-2.0
/* Whom a request says it speaks to. */
#include <string.h>
#include <strings.h>

#include "http/server.h"

static bool is_address(const char *text, size_t n)
{
        char host[IP_TEXT_BYTES];
        struct ip ip;

        if (n >= sizeof(host))
                return false;
        memcpy(host, text, n);
        host[n] = '\0';
        return ip_parse(host, &ip, NULL) == 0;
}

bool http_host_is_local(const char *host)
{
        static const char name[] = "localhost";
        const char *end;

        if (!host)
                return true;
        if (*host == '[') {
                end = strchr(host, ']');
                return end && (end[1] == '\0' || end[1] == ':') &&
                       is_address(host + 1, (size_t)(end - host - 1));
        }
        end = host + strcspn(host, ":");
        if (strncasecmp(host, name, strlen(name)) == 0 && end == host + strlen(name))
                return true;
        return is_address(host, (size_t)(end - host));
}
