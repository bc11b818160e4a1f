# SPDX-License-Identifier: Apache-2.0
"""Addresses of the pool that the host itself has: no pod gets them, and a pod that has one keeps its packets."""
import json

import pytest

from vpc import echo, wait_until

DEADLINE_S = 60  # only ends a hang


@pytest.fixture
def node(make_node):
    """A node of one ENI with three addresses for pods."""
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "0", "VPCWIRE_ORPHAN_GRACE_PERIOD": "1", "MAX_ENI": "1"})
    node.wait_pool(lambda pool: pool["free"] == 3)
    node.exec("ip", "link", "add", "floating0", "type", "bridge")
    node.exec("ip", "link", "set", "floating0", "up")
    return node


def pool_of(node):
    (eni,) = node.simulator.enis(node.name)
    return [address for address in eni["addresses"] if address != node.address]


def warned(node):
    return sorted(warning["subject"] for warning in node.status()["warnings"])


def wait_warned(node, *addresses):
    wait_until(lambda: warned(node) == sorted(addresses), DEADLINE_S, why=f"warnings of {addresses}")


def local_addresses(node, link):
    return [info["local"] for info in node.ip("-4", "address", "show", "dev", link)[0]["addr_info"]]


OCCUPATIONS = {
    "on a link of its own": ("ip address add {}/32 dev floating0", "ip address del {}/32 dev floating0"),
    "as a floating address on eth0": ("ip address add {}/32 dev eth0", "ip address del {}/32 dev eth0"),
    "by a local route": ("ip route add local {}/32 dev lo", "ip route del local {}/32 dev lo table local"),
}


@pytest.mark.parametrize(("take", "leave"), OCCUPATIONS.values(), ids=OCCUPATIONS)
def test_an_address_that_the_host_has_is_given_to_no_pod(node, take, leave):
    taken, *others = sorted(pool_of(node))
    node.exec(*take.format(taken).split())
    wait_warned(node, taken)
    node.restart()
    wait_warned(node, taken)
    assert sorted(pod.address for pod in node.add_pods(["p0", "p1"])) == others
    assert node.pool()["free"] == 0
    assert not node.status()["impaired"]
    node.exec(*leave.format(taken).split())
    wait_warned(node)
    wait_until(lambda: node.pool()["free"] == 1, DEADLINE_S)
    assert node.add_pod("p2").address == taken


def test_the_pool_grows_past_what_the_host_has(make_node):
    """What is withheld is no capacity that is on its way."""
    node = make_node("n1", env={"WARM_IP_TARGET": "1", "MAX_ENI": "1", "IP_COOLDOWN_PERIOD": "0"})
    node.wait_pool(lambda pool: pool["free"] == 1)
    (taken,) = pool_of(node)
    node.exec("ip", "address", "add", f"{taken}/32", "dev", "lo")
    node.wait_pool(lambda pool: pool["free"] == 1 and pool["total"] == 2)
    assert node.add_pod("p0").address != taken


def test_all_of_an_enis_addresses_on_its_link(node):
    """As cloud-init and its like do it: the pod's is taken off at once, what is free is the host's until it says else."""
    pod, other = node.add_pod("p0"), node.add_pod("p1")
    (free,) = set(pool_of(node)) - {pod.address, other.address}
    for address in pool_of(node):
        node.exec("ip", "address", "add", f"{address}/24", "dev", "eth0")
    wait_until(lambda: sorted(local_addresses(node, "eth0")) == sorted([node.address, free]), DEADLINE_S)
    wait_warned(node, free)

    def told():
        entries = [json.loads(line) for line in node.proc.text().splitlines()]
        return {entry["address"] for entry in entries if "removed from an ENI's link" in entry["msg"]}

    wait_until(lambda: told() == {pod.address, other.address}, DEADLINE_S, why="the log tells of both")
    with echo.serving(pod.netns, other.netns):
        echo.assert_source(pod.netns, [other.address], pod.address)


def test_a_pods_address_on_a_link_that_is_not_ours(node):
    """Not ours to take off; but the pod is cut off, and that is reported until it is over."""
    pod = node.add_pod("p0")
    node.exec("ip", "address", "add", f"{pod.address}/32", "dev", "floating0")
    wait_warned(node, pod.address)

    def impaired():
        status = node.status()
        return status["impaired"] and "floating0" in status["impaired_reason"]

    wait_until(impaired, DEADLINE_S, why="the pod is known to be cut off")
    assert local_addresses(node, "floating0") == [pod.address]
    node.exec("ip", "address", "del", f"{pod.address}/32", "dev", "floating0")
    wait_warned(node)
    wait_until(lambda: not node.status()["impaired"], DEADLINE_S)


def test_a_pod_without_a_lease_and_an_alias_keeps_its_address(node):
    """The database is lost, and its link's alias too: all that is left is the route by a veth that is up."""
    pod = node.add_pod("p0")
    node.stop()
    for file in node.folder.glob("ipam.db*"):
        file.unlink()
    node.exec("ip", "link", "set", node.ip("-4", "route", "show", "table", "512")[0]["dev"], "alias", "")
    node.start()
    wait_warned(node, pod.address)
    wait_until(lambda: node.pool()["free"] == 2, DEADLINE_S)
    assert pod.address not in [late.address for late in node.add_pods(["p1", "p2"])]
    assert [route["dst"] for route in node.ip("-4", "route", "show", "table", "512") if route["dst"] == pod.address]
