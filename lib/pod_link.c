// SPDX-License-Identifier: Apache-2.0
#include <sha1.h>
#include <string.h>

#include <vpcwire/pod_link.h>

void pod_link_digits(const char *key, char ret[static POD_LINK_DIGITS + 1])
{
        char hex[SHA1_DIGEST_STRING_LENGTH];

        SHA1Data((const uint8_t *)key, strlen(key), hex);
        memcpy(ret, hex, POD_LINK_DIGITS);
        ret[POD_LINK_DIGITS] = '\0';
}
