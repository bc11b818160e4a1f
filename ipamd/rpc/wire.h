// SPDX-License-Identifier: Apache-2.0
/*
 * The model's enums as io.vpcwire.ipam has them: the same values in the same order, behind its "unset". That they have
 * the same names, too, is a unit test's (test_model.c).
 */
#ifndef IPAMD_RPC_WIRE_H
#define IPAMD_RPC_WIRE_H

#include <assert.h>

#include <vpcwire/ipam.h>

#include "model/block.h"
#include "model/condition.h"
#include "model/eni.h"
#include "model/lease.h"

#define WIRE_SAME(wire_first, wire_max, first, max)                                                          \
        static_assert((wire_max) - (wire_first) == (max) - (first), "all of them are known on the wire")

WIRE_SAME(IPAM_CONDITION_KIND_RESYNC, _IPAM_CONDITION_KIND_MAX, CONDITION_RESYNC, _CONDITION_KIND_MAX);
static inline enum ipam_condition_kind wire_kind(enum condition_kind kind)
{
        return (enum ipam_condition_kind)(IPAM_CONDITION_KIND_RESYNC + (int)kind);
}

WIRE_SAME(IPAM_CONDITION_CAUSE_THROTTLED, _IPAM_CONDITION_CAUSE_MAX, CAUSE_THROTTLED, _CONDITION_CAUSE_MAX);
static inline enum ipam_condition_cause wire_cause(enum condition_cause cause)
{
        return (enum ipam_condition_cause)(IPAM_CONDITION_CAUSE_THROTTLED + (int)cause);
}

WIRE_SAME(IPAM_ENI_STATE_CREATING, _IPAM_ENI_STATE_MAX, ENI_CREATING, _ENI_STATE_MAX);
static inline enum ipam_eni_state wire_eni_state(enum eni_state state)
{
        return (enum ipam_eni_state)(IPAM_ENI_STATE_CREATING + (int)state);
}

WIRE_SAME(IPAM_ADDRESS_STATE_PREPARING, _IPAM_ADDRESS_STATE_MAX, ADDRESS_PREPARING, _ADDRESS_STATE_MAX);
static inline enum ipam_address_state wire_address_state(enum address_state state)
{
        return (enum ipam_address_state)(IPAM_ADDRESS_STATE_PREPARING + (int)state);
}

/* The wire has one more: a lease whose address EC2 took away is "lost", wherever the state matters to who reads it. */
WIRE_SAME(IPAM_LEASE_STATE_RESERVED, IPAM_LEASE_STATE_LOST, LEASE_RESERVED, _LEASE_STATE_MAX);
static inline enum ipam_lease_state wire_lease_state(enum lease_state state)
{
        return (enum ipam_lease_state)(IPAM_LEASE_STATE_RESERVED + (int)state);
}

/* None is "unset". */
WIRE_SAME(IPAM_LEASE_END_DEL, _IPAM_LEASE_END_MAX, LEASE_END_DEL, _LEASE_END_MAX);
static inline enum ipam_lease_end wire_lease_end(enum lease_end end)
{
        return end == LEASE_END_NONE ? IPAM_LEASE_END_UNSET
                                     : (enum ipam_lease_end)(IPAM_LEASE_END_DEL + (end - LEASE_END_DEL));
}

WIRE_SAME(IPAM_IMPORT_VERDICT_PENDING, _IPAM_IMPORT_VERDICT_MAX, IMPORT_PENDING, _IMPORT_VERDICT_MAX);
static inline enum ipam_import_verdict wire_import_verdict(enum import_verdict verdict)
{
        return (enum ipam_import_verdict)(IPAM_IMPORT_VERDICT_PENDING + (int)verdict);
}

#endif
