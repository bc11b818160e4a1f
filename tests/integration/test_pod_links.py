# SPDX-License-Identifier: Apache-2.0
"""A pod's host link is known by its alias, its route or its name: whoever changes one of them takes nothing from the pod."""
import json

import pytest

from vpc import echo, wait_until
from vpc.links import rename

HEAL_DEADLINE_S = 60  # only ends a hang
ENV = {"IP_COOLDOWN_PERIOD": "0", "VPCWIRE_ORPHAN_GRACE_PERIOD": "1"}

NEW_NAME = "uplink7"


def renamed(node, link):
    rename(node, link, NEW_NAME)


def set_down(node, link):
    node.ip("link", "set", link, "down")


def set_up(node, link):
    node.ip("link", "set", link, "up")


def alias_cleared(node, link):
    node.ip("link", "set", link, "alias", "")


CHANGES = {
    "renamed": [renamed],
    "renamed while it is down": [set_down, renamed, set_up],
    "alias cleared": [alias_cleared],
    "renamed and alias cleared": [renamed, alias_cleared],
}


@pytest.fixture
def node(make_node):
    return make_node("n1", env=ENV)


def link_of(node, pod):
    """The host link whose other end is the pod's."""
    peer = json.loads(pod.exec("ip", "-j", "link", "show", "eth0").stdout)[0]["link_index"]
    return next(link for link in node.ip("link", "show") if link["ifindex"] == peer)


def change(node, pod, steps):
    for step in steps:
        step(node, link_of(node, pod)["ifname"])


def reclaim_another(node, name):
    """A pod whose link vanishes: when its lease has gone, all leases have been looked at."""
    gone = node.add_pod(name)
    gone.remove_netns()
    wait_until(lambda: gone.address not in [lease["address"] for lease in node.leases()], HEAL_DEADLINE_S)


def route_of(node, address):
    routes = node.ip("-4", "route", "show", "table", "512")
    return [route["dev"] for route in routes if route["dst"] == address]


@pytest.mark.parametrize("steps", CHANGES.values(), ids=CHANGES)
def test_a_changed_link_keeps_its_pod(node, steps):
    pod, other = node.add_pod("p0"), node.add_pod("p1")
    before = link_of(node, pod)
    change(node, pod, steps)
    for i in range(2):
        reclaim_another(node, f"gone{i}")
    assert pod.address in [lease["address"] for lease in node.leases()]

    def healed():
        now = link_of(node, pod)
        assert now["ifindex"] == before["ifindex"]
        assert now.get("ifalias") == before["ifalias"]
        assert route_of(node, pod.address) == [now["ifname"]]
        return True

    wait_until(healed, HEAL_DEADLINE_S)
    with echo.serving(pod.netns, other.netns):
        echo.assert_source(pod.netns, [other.address], pod.address)
    node.restart()
    reclaim_another(node, "gone-later")
    assert pod.address in [lease["address"] for lease in node.leases()]
    assert node.add_pod("p2").address != pod.address
    pod.delete()
    assert pod.address not in [lease["address"] for lease in node.leases()]
    wait_until(lambda: not route_of(node, pod.address), HEAL_DEADLINE_S)  # a renamed link goes with the pod's namespace


@pytest.mark.parametrize("steps", CHANGES.values(), ids=CHANGES)
def test_del_takes_a_changed_link_away(node, steps):
    """At once, though the pod's namespace stays: not only when the kernel comes to it."""
    pod = node.add_pod("p0")
    ifindex = link_of(node, pod)["ifindex"]
    change(node, pod, steps)
    assert pod.cni("DEL").rc == 0
    assert ifindex not in [link["ifindex"] for link in node.ip("link", "show")]
    assert node.leases() == [] and route_of(node, pod.address) == []


def test_an_export_follows_a_renamed_link(node, tmp_path):
    pod = node.add_pod("p0")
    node.wait_quiet()
    change(node, pod, CHANGES["renamed"])
    node.export("--output", tmp_path / "ipam.json")
    main = node.ip("-4", "route", "show", "table", "main")
    assert [route["dev"] for route in main if route["dst"] == pod.address] == [NEW_NAME]


MISLEADING = {
    "by hand": "ip route replace {address} dev {other} table 512 proto static",
    "by hand, before ours": "ip route prepend {address} dev {other} table 512 proto static scope link",
    "by a plugin that is late": "ip route replace {address} dev {other} table 512 proto 118",
    "to nowhere": "ip route replace blackhole {address} table 512",
}


@pytest.mark.parametrize("command", MISLEADING.values(), ids=MISLEADING)
def test_a_pods_packets_are_led_to_another(node, command):
    """The lease says whose the address is: the route is taken back, and the log says who had it."""
    pod, other = node.add_pod("p0"), node.add_pod("p1")
    node.wait_quiet()
    link = link_of(node, pod)["ifname"]
    node.exec(*command.format(address=pod.address, other=link_of(node, other)["ifname"]).split())
    wait_until(lambda: route_of(node, pod.address) == [link], HEAL_DEADLINE_S)

    def told():
        entries = map(json.loads, node.proc.text().splitlines())
        return [entry["address"] for entry in entries if "another program's route to a pod replaced by ours" in entry["msg"]]

    wait_until(lambda: told() == [pod.address], HEAL_DEADLINE_S)
    assert not node.status()["impaired"]
    node.check_kernel()


def test_another_has_a_pods_packets_and_its_link_is_gone(node):
    """Nobody can tell who is right: nothing is touched or given away, and it is reported until it is over."""
    pod, other = node.add_pod("p0"), node.add_pod("p1")
    node.wait_quiet()
    node.exec("ip", "link", "del", link_of(node, pod)["ifname"])
    node.exec("ip", "route", "add", pod.address, "dev", link_of(node, other)["ifname"], "table", "512", "proto", "static")

    def told():
        status = node.status()
        assert [warning["subject"] for warning in status["warnings"]] == [pod.address]
        assert status["impaired"] and pod.address in status["impaired_reason"], status
        return True

    wait_until(told, HEAL_DEADLINE_S)
    for i in range(2):
        reclaim_another(node, f"gone{i}")
    assert pod.address in [lease["address"] for lease in node.leases()]
    wait_until(told, HEAL_DEADLINE_S)
    node.exec("ip", "route", "del", pod.address, "table", "512")
    wait_until(lambda: not node.status()["impaired"] and not node.status()["warnings"], HEAL_DEADLINE_S)
    reclaim_another(node, "last")
    wait_until(lambda: pod.address not in [lease["address"] for lease in node.leases()], HEAL_DEADLINE_S)
