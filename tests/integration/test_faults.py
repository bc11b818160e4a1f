# SPDX-License-Identifier: Apache-2.0
"""EC2 and IMDS at their worst, and the real daemon: it serves what it has, comes through, and leaves nothing behind.

The numbers are those of the table in tests/README.md.
"""
import time

import pytest

from faults import (
    ASSIGN,
    ATTACH,
    CREATE,
    DELETE,
    DESCRIBE,
    DETACH,
    ENV,
    GIVES_BACK_SOON,
    MODIFY,
    NOTHING_HANGS,
    RECOVERY_S,
    UNASSIGN,
    USER,
    add_from_pool,
    by_hand,  # noqa: F401 -- a fixture
    denied_at_most,
    effect,
    error,
    hits,
    long_conf,
    script,
    wait_settled,
    warm_node,
)
from vpc import wait_until

# What goes wrong while the pool has to grow by an ENI: number and name -> rules.
GROWTH = {
    "7 device index used": [error(ATTACH, "InvalidParameterValue", times=1, message="already at device index '1'")],
    "13 throttled": [error("*", "RequestLimitExceeded", 503, times=4)],
    "14 unavailable": [error(CREATE, "Unavailable", 503, times=2), error(ATTACH, "ServiceUnavailable", 503, times=1)],
    "14 internal error, done": [error(a, "InternalError", 500, times=1, commit=True) for a in (CREATE, ATTACH, MODIFY)],
    "14 internal failure of modify": [error(MODIFY, "InternalFailure", 500, times=2)],
    "16 auth failure": [error("*", "AuthFailure", 401, times=1)],
    "16 expired token": [error("*", "ExpiredToken", 400, times=1)],
    "16 request expired": [error("*", "RequestExpired", 400, times=1)],
    "17 signature": [error("*", "SignatureDoesNotMatch", 403, times=1)],
    "18 create lost": [effect(CREATE, "drop"), effect(CREATE, "drop", commit=True)],
    "20 attach lost": [effect(ATTACH, "drop", commit=True)],
    "20 modify lost": [effect(MODIFY, "drop", commit=True)],
    "21 truncated": [effect(a, "truncated") for a in (CREATE, ATTACH, MODIFY)],
    "21 html": [effect(a, "html", commit=True) for a in (CREATE, ATTACH)],
    "21 huge": [effect(CREATE, "huge"), effect(ATTACH, "huge", commit=True)],
    "21 bomb": [effect(CREATE, "bomb"), effect(ATTACH, "bomb", commit=True)],
    "21 empty": [effect(a, "empty") for a in (CREATE, ATTACH, MODIFY)],
    "21 wrong length": [effect(a, "wrong-length") for a in (CREATE, ATTACH, MODIFY)],
    "21 garbage": [effect(a, "body", body="\ufeff\xff<Response", commit=True) for a in (CREATE, ATTACH)],
    "22 hang": [effect(CREATE, "hang"), effect(ATTACH, "hang", commit=True)],
    "22 one byte a second": [effect(a, "slow", bytes_per_s=1) for a in (CREATE, ATTACH)],
}


@pytest.mark.parametrize("rules", GROWTH.values(), ids=GROWTH)
def test_growing_through(vpc, make_node, rules):
    node = warm_node(make_node)
    script(vpc, *rules)
    add_from_pool(node, "p0", "p1", "p2")
    late = node.start_thread(node.add_pod, "late", conf=long_conf(node))
    late.result()
    wait_settled(vpc, node, 2)
    assert all(hits(vpc)), vpc.ctl("faults")


# What goes wrong with the assign call of a node that starts.
ASSIGNING = {
    "12 address taken": [error(ASSIGN, "Resource.AlreadyAssigned", times=1)],
    "14 unavailable": [error(ASSIGN, "Unavailable", 503, times=1)],
    "14 internal error, done": [error(ASSIGN, "InternalError", 500, times=1, commit=True)],
    "20 assign lost": [effect(ASSIGN, "drop", commit=True)],
    "21 truncated": [effect(ASSIGN, "truncated")],
    "22 hang, done": [effect(ASSIGN, "hang", commit=True)],
    "24 look dropped": [effect(DESCRIBE, "drop", commit=True), effect(DESCRIBE, "truncated", nth=2)],
    "31 imds token refused": [{"service": "imds", "action": "*/meta-data/*", "effect": "error", "status": 401, "times": 1}],
    "32 imds unavailable": [{"service": "imds", "action": "*", "effect": "error", "status": 503, "times": 2}],
    "38 imds empty body": [{"service": "imds", "action": "*/meta-data/mac", "effect": "empty", "times": 1}],
    "38 imds garbage": [{"service": "imds", "action": "*/instance-id", "effect": "body", "body": "a\r\nb\x01", "times": 1}],
}


@pytest.mark.parametrize("rules", ASSIGNING.values(), ids=ASSIGNING)
def test_starting_through(vpc, make_node, rules):
    node = make_node("n1", env=ENV, start=False)
    script(vpc, *rules)
    node.start(deadline_s=RECOVERY_S)
    node.wait_quiet(RECOVERY_S, total=3)
    wait_settled(vpc, node, 1)
    assert all(hits(vpc)), vpc.ctl("faults")
    add_from_pool(node, "p0", "p1", "p2")


def test_3_address_limit(vpc, make_node):
    """EC2 calls an ENI full that our table says has room: what it says stands for a while, and growth goes elsewhere."""
    node = make_node("n1", env=ENV, start=False)
    script(vpc, error(ASSIGN, "PrivateIpAddressLimitExceeded", times=1))
    node.start(deadline_s=RECOVERY_S)
    node.wait_quiet(RECOVERY_S, total=3)
    wait_settled(vpc, node, 2)
    assert all(hits(vpc)), vpc.ctl("faults")
    add_from_pool(node, "p0", "p1", "p2")


def grown_node(vpc, make_node, **changes):
    """Two ENIs, pods on the first only: the second is not needed any more once its pods have gone."""
    node = warm_node(make_node, **changes)
    pods = node.add_pods(f"p{i}" for i in range(4))
    wait_settled(vpc, node, 2)
    return node, pods


def test_4_attachment_limit(vpc, make_node):
    """EC2 takes fewer ENIs than the table says: the new one goes, and no other is made."""
    node = warm_node(make_node, **NOTHING_HANGS)
    script(vpc, error(ATTACH, "AttachmentLimitExceeded"))
    add_from_pool(node, "p0", "p1", "p2")
    wait_until(lambda: len(node.enis()) == 1 and "no more than 1 ENIs" in str(node.status()["blocked"]), 60, why="it is known")
    text = node.pod_netns("late").refused(5)
    assert "no more than 1 ENIs" in text, text
    wait_until(lambda: vpc.orphans() == [] and len(vpc.enis()) == 1, 60, why="the ENI that found no place is deleted")
    assert node.calls()[ATTACH] <= 3, node.calls()


def test_13_throttled_as_long_as_it_lasts(vpc, make_node):
    """A bucket that is nearly empty: few calls, pods from the pool at once, all served in the end."""
    node = warm_node(make_node)
    vpc.calls_reset()
    vpc.ctl("set-throttle", account={"rate": 0.5, "burst": 1})
    add_from_pool(node, "p0", "p1", "p2")
    node.start_thread(node.add_pod, "late", conf=long_conf(node)).result()
    wait_settled(vpc, node, 2)
    bucket = vpc.ctl("faults")["throttle"][0]
    assert bucket["refused"] <= 4 * bucket["taken"] + 8, bucket


def test_15_denied(vpc, make_node):
    """Told once with the action's name, asked again slowly, served from the pool meanwhile."""
    node = warm_node(make_node, **NOTHING_HANGS)
    vpc.ctl("set-denied", actions=[CREATE])
    vpc.calls_reset()
    began = time.monotonic()
    add_from_pool(node, "p0", "p1", "p2")
    wait_until(lambda: "UnauthorizedOperation" in str(node.status()["blocked"]), 30, why="it is known")
    node.pod_netns("late").refused(8)
    assert 1 <= node.calls()[CREATE] <= denied_at_most(began), node.calls()
    blocked = node.status()["blocked"]
    assert any("UnauthorizedOperation" in item.get("detail", "") and CREATE in item["reason"] and CREATE in item["remedy"] for item in blocked), blocked
    assert node.leases() and len(node.leases()) == 3
    assert node.metric("vpcwire_ec2_denied", action=CREATE) == 1
    assert node.metric("vpcwire_ec2_denied", action=ATTACH) == 0
    assert 1 <= node.metric("vpcwire_ec2_calls_total", action=CREATE, **{"class": "denied"}) <= denied_at_most(began)
    node.restart()
    assert node.metric("vpcwire_ec2_denied", action=CREATE) == 1, "known to the next life"


@pytest.mark.parametrize(
    "code, words",
    [
        ("NetworkInterfaceLimitExceeded", "quota of ENIs"),
        ("SecurityGroupsPerInterfaceLimitExceeded", "SecurityGroupsPerInterfaceLimitExceeded"),
        ("InvalidGroup.NotFound", "InvalidGroup.NotFound"),
    ],
)
def test_slow_refusals_of_create(vpc, make_node, code, words):
    """What no hurry mends is reported, asked again slowly, and leaves nothing."""
    node = warm_node(make_node, **NOTHING_HANGS)
    script(vpc, error(CREATE, code))
    add_from_pool(node, "p0", "p1", "p2")
    wait_until(lambda: words in str(node.status()["blocked"]), 30, why="it is known")
    text = node.pod_netns("late").refused(8)
    assert words in text, text
    assert hits(vpc)[0] <= 3, hits(vpc)
    assert len(vpc.enis()) == 1 and len(node.enis()) == 1


def test_19_create_done_and_the_daemon_dies(vpc, make_node):
    """The answer to Create is lost with the daemon: the next life finds that very ENI."""
    node = warm_node(make_node, HTTP_TIMEOUT="60")
    script(vpc, effect(CREATE, "hang", commit=True))
    add_from_pool(node, "p0", "p1", "p2")
    orphan = wait_until(vpc.orphans, 30, why="the ENI that nobody was told of")[0]["id"]
    node.kill9()
    node.start()
    wait_settled(vpc, node, 2)
    assert orphan in [eni["id"] for eni in vpc.enis("n1")]


@pytest.mark.parametrize("service", ["ec2", "imds"])
def test_stopping_while_nothing_answers(vpc, make_node, service):
    """SIGTERM ends the daemon within seconds, whatever the timeouts are and however many calls a round would still make."""
    node = warm_node(make_node, HTTP_TIMEOUT="60")
    script(vpc, {"action": "*", "effect": "hang", "service": service})
    add_from_pool(node, "p0")
    wait_until(lambda: all(hits(vpc)), 60, why="something hangs")
    node.stop()
    script(vpc)
    node.start()
    wait_settled(vpc, node, 1)


# What goes wrong while an ENI goes back.
SHRINKING = {
    "9 delete in use": [error(DELETE, "InvalidParameterValue", times=2, message="'x' is currently in use.")],
    "10 detach not found": [error(DETACH, "InvalidAttachmentID.NotFound", times=1, commit=True)],
    "10 delete not found": [error(DELETE, "InvalidNetworkInterfaceID.NotFound", times=1, commit=True)],
    "14 detach failed": [error(DETACH, "InternalError", 500, times=1)],
    "20 detach and delete lost": [effect(DETACH, "drop", commit=True), effect(DELETE, "drop", commit=True)],
}


@pytest.mark.parametrize("rules", SHRINKING.values(), ids=SHRINKING)
def test_shrinking_through(vpc, make_node, rules):
    node, pods = grown_node(vpc, make_node, **GIVES_BACK_SOON)
    script(vpc, *rules)
    node.delete_pods(pods)
    wait_until(lambda: len(vpc.enis()) == 1 and len(node.enis()) == 1, 240, why="the second ENI is deleted")
    assert all(hits(vpc)), vpc.ctl("faults")
    wait_settled(vpc, node, 1)


def test_11_unassign_of_what_is_gone(vpc, make_node):
    """The addresses went back, and EC2 says that they were never there: no loop, no lost pool."""
    node, pods = grown_node(vpc, make_node, MAX_ENI="2", **GIVES_BACK_SOON)
    script(vpc, error(UNASSIGN, "InvalidParameterValue", times=1, commit=True,
                      message="Some of the specified addresses are not assigned to interface eni-x"))
    node.delete_pods(pods)
    wait_until(lambda: len(node.enis()) == 1, 240, why="one ENI is enough")
    wait_settled(vpc, node, 1)


@pytest.mark.tls
def test_23_unknown_ca(vpc, make_node):
    """Nobody vouches for EC2's certificate: not a single call is sent, and the reason is reported."""
    node = make_node("n1", env=ENV, start=False)
    assert node.env["AWS_EC2_ENDPOINT"].startswith("https://")
    node.start(wait=False)

    def told():
        return [item for item in node.status()["blocked"] if "certificate" in item["reason"].lower()]

    wait_until(told, 30, why="a blocked action that names the certificate")
    assert not node.status()["ready"] and vpc.calls() == {}


def test_25_describe_is_late(vpc, make_node):
    """An ENI that Describe does not show yet is kept; nothing is made twice."""
    node = warm_node(make_node, **NOTHING_HANGS)
    vpc.ctl("set-delays", describe_lag_ms=4000)
    add_from_pool(node, "p0", "p1", "p2")
    node.start_thread(node.add_pod, "late", conf=long_conf(node)).result()
    wait_settled(vpc, node, 2)
    assert vpc.calls()[CREATE] == 1 and DELETE not in vpc.calls()


def test_26_stuck_attaching(vpc, make_node):
    """No second attach, no second ENI; pods of the pool are served; it goes on when EC2 does."""
    node = warm_node(make_node, **NOTHING_HANGS)
    vpc.ctl("set-stuck", attaching=True)
    add_from_pool(node, "p0", "p1", "p2")
    waiting = node.start_thread(node.add_pod, "late", conf=long_conf(node))
    node.wait_pool(lambda pool: pool["waiting"] == 1)
    looks = vpc.calls().get(DESCRIBE, 0)
    wait_until(lambda: vpc.calls().get(DESCRIBE, 0) >= looks + 2, 60, why="two more resyncs")
    assert node.calls()[CREATE] == node.calls()[ATTACH] == 1, node.calls()
    (state,) = {eni["state"] for eni in node.enis()} - {"ready"}
    assert node.metric("vpcwire_enis", state=state) == 1
    assert node.metric("vpcwire_eni_state_age_seconds", state=state) > 1, "it is stuck after a minute"
    vpc.ctl("set-stuck", attaching=False)
    waiting.result()
    wait_settled(vpc, node, 2)


@pytest.mark.slow
@pytest.mark.world(users=[USER])
def test_29_unassigned_by_hand(vpc, make_node, by_hand):
    """Somebody takes a pod's address away and gives it to another: no other pod here ever gets it."""
    node = warm_node(make_node)
    pod = node.add_pod("victim")
    node.wait_quiet()
    eni = next(eni["id"] for eni in vpc.enis("n1") if pod.address in eni["addresses"])
    by_hand.unassign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[pod.address])
    subnet = next(eni["subnet_id"] for eni in vpc.enis("n1"))
    taken = by_hand.create_network_interface(SubnetId=subnet, PrivateIpAddress=pod.address)
    wait_until(lambda: node.pool()["lost"] == 1, 120, why="the address is known to be lost")
    assert pod.address in [lease["address"] for lease in node.leases()], "the lease is kept"
    pod.delete()
    others = node.add_pods(f"p{i}" for i in range(4))
    assert pod.address not in [other.address for other in others]
    by_hand.delete_network_interface(NetworkInterfaceId=taken["NetworkInterface"]["NetworkInterfaceId"])
    wait_until(lambda: node.check_database() is None, 60)


@pytest.mark.world(users=[USER])
def test_30_foreign_eni(vpc, make_node, by_hand):
    """An ENI that bears our tag and no_manage stays as it is, and no pod gets its addresses."""
    node = make_node("n1", env=ENV, start=False)
    tags = {"node.k8s.amazonaws.com/instance_id": node.facts["instance_id"], "node.k8s.amazonaws.com/no_manage": "true"}
    foreign = by_hand.create_network_interface(
        SubnetId=vpc.enis("n1")[0]["subnet_id"],
        SecondaryPrivateIpAddressCount=2,
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )["NetworkInterface"]["NetworkInterfaceId"]
    by_hand.attach_network_interface(NetworkInterfaceId=foreign, InstanceId=node.facts["instance_id"], DeviceIndex=1)
    before = next(eni for eni in vpc.enis("n1") if eni["id"] == foreign)
    node.start()
    node.wait_pool(lambda pool: pool["free"] == pool["total"] == 3)
    pods = node.add_pods(f"p{i}" for i in range(5))
    assert not {pod.address for pod in pods} & set(before["addresses"])
    assert next(eni for eni in vpc.enis("n1") if eni["id"] == foreign) == before
    assert {eni["attachment"]["device_index"] for eni in vpc.enis("n1")} == {0, 1, 2}
    assert not {DETACH, DELETE, UNASSIGN} & set(vpc.calls())


def test_31_tokens_forgotten(vpc, make_node):
    """All IMDS tokens end in the middle of a life."""
    node = warm_node(make_node)
    vpc.ctl("set-delays", credentials_ttl_s=2)
    vpc.ctl("forget-imds-tokens")
    script(vpc, error(CREATE, "ExpiredToken", times=1))
    add_from_pool(node, "p0", "p1", "p2")
    node.start_thread(node.add_pod, "late", conf=long_conf(node)).result()
    wait_settled(vpc, node, 2)


@pytest.mark.parametrize("lag", ["stale", "omits"])
def test_35_36_37_metadata_lies(vpc, make_node, lag):
    """IMDS shows ENIs and addresses that are gone, or omits those that are there: EC2 decides."""
    node = warm_node(make_node)
    if lag == "omits":
        vpc.ctl("set-stale", imds=True)
    pods = node.add_pods(f"p{i}" for i in range(5))
    wait_settled(vpc, node, 2)
    if lag == "stale":
        vpc.ctl("set-stale", imds=True)
    before = sorted(lease["address"] for lease in node.leases())
    node.restart()
    looks = vpc.calls().get(DESCRIBE, 0)
    wait_until(lambda: vpc.calls().get(DESCRIBE, 0) >= looks + 2, 60, why="two resyncs")
    assert sorted(lease["address"] for lease in node.leases()) == before
    wait_settled(vpc, node, 2)
    assert DELETE not in vpc.calls() and UNASSIGN not in vpc.calls()
    pods[0].delete()
    node.add_pod("more")
