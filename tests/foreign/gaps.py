# SPDX-License-Identifier: Apache-2.0
"""What each server lacks of the real EC2. A test that needs such a thing is expected to fail there, and must."""

_MOTO = {
    "pagination": "DescribeNetworkInterfaces ignores MaxResults",
    "limits": "no limit of addresses per ENI, of ENIs per instance",
    "subnet-full": "a subnet never runs out of addresses",
    "client-token": "ClientToken is ignored: a repeat makes a second ENI",
    "in-use": "an ENI in use is deleted, a device index in use is given away",
    "assign-new-only": "AssignPrivateIpAddresses answers with all addresses of the ENI",
    "unassign-unknown": "an address that is not assigned is unassigned all the same",
    "delete-on-termination": "Attachment.DeleteOnTermination is accepted and forgotten",
    "prefixes": "prefixes and counts of them are accepted and forgotten",
    "ipv6-exclusive": "addresses and prefixes may be asked for in one call",
    "unknown-group": "a security group that does not exist is made on the fly",
}

GAPS = {
    "vpcsim": {
        "stumbles": "it has no known request that makes it answer 500",
    },
    "moto": _MOTO,
    "localstack": {
        **_MOTO,  # its EC2 is moto behind another front
        "signatures": "neither signatures nor keys are checked",
        "policies": "no IAM policies: every role may do all",
    },
}
