// SPDX-License-Identifier: Apache-2.0
/* A tag that the operator wants on the ENIs that we make. */
#ifndef IPAMD_MODEL_TAG_H
#define IPAMD_MODEL_TAG_H

struct eni_tag {
        const char *key, *value;
};

#endif
