// SPDX-License-Identifier: Apache-2.0
/* Facts: partitions.json and the endpoint rules of EC2 and STS, as AWS ships them with its SDKs. */
#include "cloud/endpoint.h"

#include <string.h>

struct partition {
        const char *region_prefix;
        const char *suffix, *dualstack_suffix;
        bool plain_is_fips; /* "ec2." and "sts." are the FIPS endpoints; there are no "-fips" ones of IPv4 */
};

static const struct partition partitions[] = {
        {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
        {"us-gov-", "amazonaws.com", "api.aws", .plain_is_fips = true},
        {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
        {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
        {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
        {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
        {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
        {"", "amazonaws.com", "api.aws"}, /* all others; last */
};

static const struct partition *find_partition(const char *region)
{
        const struct partition *p = partitions;

        while (strncmp(region, p->region_prefix, strlen(p->region_prefix)) != 0)
                p++;
        return p;
}

static int check_region(const char *region, struct err *err)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
        size_t n = strlen(region);

        if (n == 0 || n > ENDPOINT_MAX_REGION_BYTES || region[strspn(region, allowed)] || *region == '-' ||
            region[n - 1] == '-')
                return err_set(err, ERR_INVALID, "region '%.64s' is not like 'eu-west-1'", region);
        return 0;
}

int endpoint_format(const struct endpoint *endpoint, struct text *ret, struct err *err)
{
        const struct partition *p;
        bool fips_name;
        int r;

        r = check_region(endpoint->region, err);
        if (r < 0)
                return r;
        p = find_partition(endpoint->region);
        fips_name = endpoint->use_fips && (endpoint->use_dualstack || !p->plain_is_fips);
        text_add(ret, "https://%s%s.%s.%s", endpoint->service, fips_name ? "-fips" : "", endpoint->region,
                 endpoint->use_dualstack ? p->dualstack_suffix : p->suffix);
        return 0;
}
