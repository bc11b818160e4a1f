// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/dataplane.h>

#include <stddef.h>

#include <vpcwire/mem.h>

uint32_t dataplane_eni_table(unsigned device_index, unsigned network_card)
{
        return network_card ? DATAPLANE_TABLE_CARD + DATAPLANE_TABLE_CARD_STEP * network_card + device_index
                            : device_index + 1;
}

uint32_t dataplane_eni_mark(unsigned index)
{
        return ((index << DATAPLANE_MARK_SHIFT) & DATAPLANE_MARK_INDEX) | DATAPLANE_MARK_OURS;
}

bool dataplane_table_is_ours(uint32_t table)
{
        return table == DATAPLANE_TABLE_PODS || (table >= 2 && table <= DATAPLANE_ENI_INDEX_MAX + 1) ||
               (table >= DATAPLANE_TABLE_CARD + DATAPLANE_TABLE_CARD_STEP && table <= DATAPLANE_TABLE_LAST);
}

bool dataplane_priority_is_ours(uint32_t priority)
{
        static const uint32_t ours[] = {DATAPLANE_PRIORITY_PODS,        DATAPLANE_PRIORITY_CONNMARK,
                                        DATAPLANE_PRIORITY_OWN_PACKETS, DATAPLANE_PRIORITY_EXTERNAL_SERVICE,
                                        DATAPLANE_PRIORITY_ENI_MARK,    DATAPLANE_PRIORITY_ENI_ADDRESS};

        for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
                if (priority == ours[i])
                        return true;
        }
        return false;
}
