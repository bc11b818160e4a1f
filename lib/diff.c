// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/diff.h>

void diff_sorted(const struct diff_input *input, const struct diff_calls *calls, void *arg)
{
        const char *wanted = input->wanted, *seen = input->seen;
        size_t w = 0, s = 0;

        while (w < input->n_wanted || s < input->n_seen) {
                const void *want = wanted + w * input->size, *see = seen + s * input->size;
                int order = w == input->n_wanted ? 1 : s == input->n_seen ? -1 : calls->compare(want, see);

                if (order < 0 && calls->add)
                        calls->add(want, arg);
                else if (order > 0 && calls->remove)
                        calls->remove(see, arg);
                else if (order == 0 && calls->keep)
                        calls->keep(want, see, arg);
                w += order <= 0;
                s += order >= 0;
        }
}
