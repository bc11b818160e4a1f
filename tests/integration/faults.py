# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share: scripts for vpcsim, a warm node, and what must hold once a fault is over."""
import time

import boto3
import pytest

from vpc import patient, wait_until

ENV = {
    "WARM_IP_TARGET": "1",
    "MINIMUM_IP_TARGET": "3",
    "IP_COOLDOWN_PERIOD": "1",
    "VPCWIRE_RESYNC_PERIOD": "10",
    "HTTP_TIMEOUT": "2",
}
NOTHING_HANGS = {"HTTP_TIMEOUT": "20"}  # for who counts calls: on a slow machine an answer takes its time, and is not asked for twice
GIVES_BACK_SOON = {"VPCWIRE_SHRINK_DELAY": "2"}
CREATE, ATTACH, ASSIGN = "CreateNetworkInterface", "AttachNetworkInterface", "AssignPrivateIpAddresses"
DETACH, DELETE, UNASSIGN = "DetachNetworkInterface", "DeleteNetworkInterface", "UnassignPrivateIpAddresses"
DESCRIBE, MODIFY = "DescribeNetworkInterfaces", "ModifyNetworkInterfaceAttribute"
AT_ONCE_S = patient(5)  # an ADD from the pool never waits for EC2; the rest is a slow machine
RECOVERY_S = 90
DENIED_AGAIN_S = 60  # what EC2 denies is not asked for again before


def script(vpc, *rules):
    vpc.ctl("set-faults", rules=list(rules))


def hits(vpc):
    return [rule["hits"] for rule in vpc.ctl("faults")["rules"]]


def error(action, code, status=400, message="by script", **more):
    return {"action": action, "effect": "error", "code": code, "status": status, "message": message, **more}


def effect(action, name, **more):
    return {"action": action, "effect": name, "times": 1, **more}


def in_ec2(vpc, name="n1"):
    """All secondary addresses of the node's ENIs."""
    return sorted(address for eni in vpc.enis(name) for address in eni["addresses"][1:])


def settled(vpc, node, enis):
    """Quiet, with so many ENIs; EC2 and the pool agree to the last address, and nothing is left over."""
    node.quiet()
    assert len(vpc.enis("n1")) == enis and vpc.orphans() == [], vpc.enis()
    assert node.pool()["total"] == len(in_ec2(vpc)), (node.pool(), in_ec2(vpc))
    node.check_database()
    return True


def wait_settled(vpc, node, enis, deadline_s=RECOVERY_S):
    wait_until(lambda: settled(vpc, node, enis), deadline_s, why=f"settled with {enis} ENIs")
    if node.leases():  # without pods there is no table of theirs yet
        node.check_kernel()


def denied_at_most(began):
    """So often EC2 may have been asked, since this time.monotonic(), for what it denies. Asked after the count."""
    return 1 + int((time.monotonic() - began) / DENIED_AGAIN_S)


def warm_node(make_node, **changes):
    node = make_node("n1", env={**ENV, **changes})
    node.wait_quiet(free=3)
    return node


def add_from_pool(node, *names):
    started = time.monotonic()
    pods = node.add_pods(names)
    took_s = time.monotonic() - started
    assert took_s < AT_ONCE_S, f"{took_s:.1f} s for ADDs that the pool could serve"
    return pods


def long_conf(node):
    return node.cni_conf(timeoutSeconds=RECOVERY_S)


USER = {"access_key_id": "AKIAFAULTS0000000000", "secret_access_key": "by-hand-secret"}


@pytest.fixture
def by_hand(vpc):
    """EC2 as an operator uses it; the world must have USER."""
    return boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=vpc.ready["ec2_local"],
        aws_access_key_id=USER["access_key_id"],
        aws_secret_access_key=USER["secret_access_key"],
    )
