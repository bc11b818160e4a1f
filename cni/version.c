// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "version.h"

static const struct {
        const char *text;
        enum result_shape shape;
} versions[_CNI_VERSION_MAX] = {
        [CNI_0_1_0] = {"0.1.0", RESULT_PER_FAMILY},     [CNI_0_2_0] = {"0.2.0", RESULT_PER_FAMILY},
        [CNI_0_3_0] = {"0.3.0", RESULT_LISTS_FAMILY},   [CNI_0_3_1] = {"0.3.1", RESULT_LISTS_FAMILY},
        [CNI_0_4_0] = {"0.4.0", RESULT_LISTS_FAMILY},   [CNI_1_0_0] = {"1.0.0", RESULT_LISTS},
        [CNI_1_1_0] = {"1.1.0", RESULT_LISTS_WITH_MTU},
};

const char *cni_version_text(enum cni_version version)
{
        return versions[version].text;
}

enum result_shape cni_version_shape(enum cni_version version)
{
        return versions[version].shape;
}

int cni_version_parse(const char *text, enum cni_version *ret, struct err *err)
{
        if (!*text) {
                *ret = CNI_0_1_0;
                return 0;
        }
        for (int i = 0; i < _CNI_VERSION_MAX; i++) {
                if (strcmp(text, versions[i].text) == 0) {
                        *ret = (enum cni_version)i;
                        return 0;
                }
        }
        return err_set(err, ERR_UNSUPPORTED, "cniVersion '%.64s' is not supported", text);
}
