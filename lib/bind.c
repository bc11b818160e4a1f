// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <vpcwire/bind.h>

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static const char UNIX[] = "unix:";

static int fail(const char *text, struct err *err)
{
        return err_set(err, ERR_INVALID,
                       "'%.64s' is not allowed: ADDRESS:PORT, [ADDRESS]:PORT, :PORT or unix:/PATH (at most "
                       "%d bytes)",
                       text, BIND_PATH_BYTES - 1);
}

static bool parse_port(const char *text, uint16_t *ret)
{
        size_t digits = strspn(text, "0123456789");
        unsigned long port;

        if (!digits || digits > PORT_DIGITS_MAX || text[digits])
                return false;
        port = strtoul(text, NULL, 10);
        if (port == 0 || port > PORT_MAX)
                return false;
        *ret = (uint16_t)port;
        return true;
}

/* An address with colons in it stands in brackets, and only that. */
static bool parse_host(const char *text, size_t n, struct ip *ret)
{
        char host[IP_TEXT_BYTES] = "";
        bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';

        if (n == 0) {
                *ret = IP_NONE;
                return true;
        }
        if (brackets) {
                text++;
                n -= 2;
        }
        if (n >= sizeof(host))
                return false;
        memcpy(host, text, n);
        if (strcmp(host, "localhost") == 0 && !brackets)
                strcpy(host, "127.0.0.1");
        return ip_parse(host, ret, NULL) == 0 && (ret->family == AF_INET6) == brackets;
}

int bind_parse(const char *text, struct bind *ret, struct err *err)
{
        const char *colon = strrchr(text, ':');
        struct bind bind = {0};

        if (strncmp(text, UNIX, strlen(UNIX)) == 0) {
                const char *path = text + strlen(UNIX);

                if (*path != '/' || strlen(path) >= sizeof(bind.path))
                        return fail(text, err);
                memcpy(bind.path, path, strlen(path) + 1);
        } else if (!colon || !parse_port(colon + 1, &bind.port) ||
                   !parse_host(text, (size_t)(colon - text), &bind.address)) {
                return fail(text, err);
        }
        *ret = bind;
        return 0;
}

bool bind_is_local(const struct bind *bind)
{
        static const unsigned char loopback6[16] = {[15] = 1};

        if (bind->path[0])
                return true;
        if (bind->address.family == AF_INET)
                return bind->address.bytes[0] == 127;
        return bind->address.family == AF_INET6 &&
               memcmp(bind->address.bytes, loopback6, sizeof(loopback6)) == 0;
}
