// SPDX-License-Identifier: Apache-2.0
#ifndef IPAMD_MODEL_TAG_H
#define IPAMD_MODEL_TAG_H

/* A tag of an ENI or a subnet. */
struct ec2_tag {
        const char *key, *value;
};

#endif
