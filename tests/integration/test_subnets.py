# SPDX-License-Identifier: Apache-2.0
"""The node's subnet is full: pods get addresses of other subnets of the zone that bear the tag, and talk to everybody."""
import contextlib
import sqlite3
import time

import pytest

from faults import USER, by_hand  # noqa: F401 -- a fixture
from vpc import echo, wait_until

TAG = {"kubernetes.io/role/cni": "1"}
OWN = {"id": "subnet-own00000000000001", "cidr": "10.0.1.0/28", "zone": "us-east-1a"}
SECOND = {"id": "subnet-second0000000001", "cidr": "10.0.2.0/28", "zone": "us-east-1a", "tags": TAG}
THIRD = {"id": "subnet-third00000000001", "cidr": "10.0.3.0/24", "zone": "us-east-1a", "tags": TAG}
NOT_OURS = [
    {"id": "subnet-untagged00000001", "cidr": "10.0.4.0/22", "zone": "us-east-1a"},
    {"id": "subnet-refused000000001", "cidr": "10.0.8.0/22", "zone": "us-east-1a", "tags": {"kubernetes.io/role/cni": "0"}},
    {"id": "subnet-elsewhere0000001", "cidr": "10.0.12.0/22", "zone": "us-east-1b", "tags": TAG},
]
ENV = {"WARM_IP_TARGET": "1", "IP_COOLDOWN_PERIOD": "1"}
CREATE, FIND = "CreateNetworkInterface", "DescribeSubnets"


def fill(ec2, subnet, leave=0):
    """Somebody else's ENIs take all addresses of the subnet but `leave`."""
    while True:
        free = ec2.describe_subnets(SubnetIds=[subnet["id"]])["Subnets"][0]["AvailableIpAddressCount"]
        if free <= leave:
            return
        ec2.create_network_interface(SubnetId=subnet["id"])


def events(node):
    with contextlib.closing(sqlite3.connect(f"file:{node.db}?mode=ro", uri=True)) as db:
        return db.execute("SELECT kind, subject FROM events").fetchall()


def subnets_of(vpc):
    """Of the node's ENIs beside the primary one."""
    return {eni["subnet_id"] for eni in vpc.enis("n1") if eni["attachment"]["device_index"] > 0}


def full_node(vpc, ec2, make_node, **env):
    """A node whose own subnet has nothing left, with one address for a pod."""
    node = make_node("n1", subnet=OWN["id"], env={**ENV, **env})
    wait_until(lambda: node.quiet()["free"] >= 1, 30)
    fill(ec2, OWN)
    vpc.calls_reset()
    return node


def check_finds(node, n):
    """So often EC2 was asked for subnets; on a machine so slow that it is time to count them, once more."""
    calls = node.calls()
    assert n <= calls.get(FIND, 0) <= n + node.may_have_counted_subnets(), calls


def ours_of_network(node):
    """The rules, and the routes in the ENIs' and the pods' tables."""
    rules = [rule for rule in node.ip("rule", "show") if rule.get("protocol") == "118"]
    routes = [route for route in node.ip("route", "show", "table", "all") if route.get("protocol") == "118"]
    return sorted(map(str, rules)), sorted(map(str, routes))


@pytest.mark.world(subnets=[OWN, SECOND, THIRD, *NOT_OURS], users=[USER])
def test_pods_get_addresses_of_another_subnet(vpc, by_hand, make_node):  # noqa: F811
    """That with the most room. EC2 is asked for subnets once, and three calls bring an ENI, as ever."""
    node = full_node(vpc, by_hand, make_node)
    pods = node.add_pods(f"p{i}" for i in range(6))
    node.wait_quiet(60)
    assert subnets_of(vpc) == {THIRD["id"]}
    made = len(vpc.enis("n1")) - 1
    calls = node.calls()
    check_finds(node, 1)
    assert calls[CREATE] == made, calls
    assert calls["AttachNetworkInterface"] == calls["ModifyNetworkInterfaceAttribute"] == made, calls
    node.check_database()
    node.check_kernel()
    addresses = [pod.address for pod in pods]
    assert {address.rsplit(".", 1)[0] for address in addresses} == {"10.0.1", "10.0.3"}
    with echo.serving(*(pod.netns for pod in pods), node.netns):
        for pod in pods:
            others = [address for address in addresses if address != pod.address]
            echo.assert_source(pod.netns, [*others, node.address], pod.address)

    node.kill9()
    for file in node.folder.glob("ipam.db*"):
        file.unlink()
    node.start()
    wait_until(lambda: len(node.enis()) == made + 1 and node.quiet(), 60, why="adopted from EC2, in the other subnet too")
    node.check_database()


@pytest.mark.world(subnets=[OWN, SECOND, THIRD, *NOT_OURS], users=[USER])
def test_the_next_one_when_that_is_full_too_and_the_reason_names_them(vpc, by_hand, make_node):  # noqa: F811
    node = full_node(vpc, by_hand, make_node)
    fill(by_hand, THIRD, leave=1)
    pods = node.add_pods(f"p{i}" for i in range(2))
    node.wait_quiet(60)
    assert subnets_of(vpc) == {SECOND["id"]}
    fill(by_hand, SECOND)
    while node.pool()["free"] > 0:
        pods.append(node.add_pod(f"more{len(pods)}"))
    text = node.pod_netns("refused").refused(5)
    assert f"subnet {OWN['id']} has no free" in text and f"subnet {SECOND['id']} has no free" in text, text
    check_finds(node, 1)
    assert len({pod.address for pod in pods}) == len(pods)


@pytest.mark.world(subnets=[OWN, THIRD], users=[USER])
def test_not_allowed_to_ask_for_subnets(vpc, by_hand, make_node):  # noqa: F811
    """Told once, and everything else goes on."""
    node = full_node(vpc, by_hand, make_node)
    vpc.ctl("set-denied", actions=[FIND])
    ours = node.add_pod("first")
    text = node.pod_netns("refused").refused(5)
    assert f"subnet {OWN['id']} has no free" in text, text
    check_finds(node, 1)
    assert CREATE not in node.calls(), node.calls()
    assert [(kind, subject) for kind, subject in events(node) if kind == "ec2-denied"] == [("ec2-denied", FIND)]
    ours.delete()
    node.add_pod("second")


@pytest.mark.world(subnets=[OWN, THIRD], users=[USER])
def test_not_wanted(vpc, by_hand, make_node):  # noqa: F811
    node = full_node(vpc, by_hand, make_node, ENABLE_SUBNET_DISCOVERY="false")
    node.add_pod("first")
    node.pod_netns("refused").refused(3)
    check_finds(node, 0)


@pytest.mark.world(subnets=[OWN, SECOND, THIRD, *NOT_OURS], users=[USER])
def test_database_are_lost_and_a_subnet_cannot_be_looked_up(vpc, by_hand, make_node):  # noqa: F811
    """An ENI that cannot be taken in yet has running pods: what the kernel has for them stays."""
    node = full_node(vpc, by_hand, make_node)
    pods = node.add_pods(f"p{i}" for i in range(6))
    node.wait_quiet(60)
    before = ours_of_network(node)
    node.kill9()
    for file in node.folder.glob("ipam.db*"):
        file.unlink()
    vpc.ctl("set-faults", rules=[{"action": FIND, "effect": "error", "code": "Unavailable", "status": 503}])
    node.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 3, 60, why="EC2 refuses, and rounds pass")
    assert ours_of_network(node) == before
    vpc.ctl("set-faults", rules=[])
    node.wait_ready()
    wait_until(lambda: {lease["address"] for lease in node.leases()} == {pod.address for pod in pods}, 60, why="known again")
    assert ours_of_network(node) == before
    node.check_kernel()


@pytest.mark.world(subnets=[OWN, SECOND, THIRD, *NOT_OURS], users=[USER])
def test_free_addresses_per_subnet(vpc, by_hand, make_node):  # noqa: F811
    """As EC2 counts them, with one call in a period of resyncs for all of the node's subnets; in Status and in the metrics."""
    node = make_node("n1", subnet=OWN["id"], env={**ENV, "VPCWIRE_RESYNC_PERIOD": "10"})

    def seen(free):
        (own,) = node.status()["subnets"]
        assert (own["subnet_id"], own["cidr"]) == (OWN["id"], OWN["cidr"])
        assert own["available"] == node.metric("vpcwire_subnet_available_addresses", subnet_id=OWN["id"]) == free
        return own

    def free():
        return by_hand.describe_subnets(SubnetIds=[OWN["id"]])["Subnets"][0]["AvailableIpAddressCount"]

    wait_until(lambda: node.quiet()["free"] >= 1, 30)
    assert "subnets" not in node.status() or node.status()["subnets"] == []
    first = wait_until(lambda: seen(free()), 40, why="counted once after the start")
    assert abs(first["seen_at_ms"] / 1000 - time.time()) < 60
    fill(by_hand, OWN, leave=1)
    vpc.calls_reset()
    second = wait_until(lambda: seen(1), 40, why="counted again")
    assert second["seen_at_ms"] - first["seen_at_ms"] >= 10000 and node.calls()[FIND] == 1, (first, second, node.calls())
    assert node.status()["blocked"] == []

    fill(by_hand, OWN)  # full: the others are looked for, and counted by that
    node.add_pods(f"p{i}" for i in range(6))
    wait_until(lambda: {s["subnet_id"] for s in node.status()["subnets"]} == {OWN["id"], SECOND["id"], THIRD["id"]}, 60)
    node.check_database()
