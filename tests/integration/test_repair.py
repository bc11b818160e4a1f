# SPDX-License-Identifier: Apache-2.0
"""What others delete of the host network comes back at once; what belongs to others stays as it is."""
import json
import os
import signal
import subprocess
import time

import pytest

from vpc import echo, happens_within

HEAL_DEADLINE_S = 30  # by kernel events: the daemon looks by itself once a minute. tests/bench/figures.py has the times

SOON_S = 15  # less than that minute


def volatile_removed(value):
    """nft's JSON without handles and counters, which change when a table is made again."""
    if isinstance(value, dict):
        return {k: volatile_removed(v) for k, v in value.items() if k not in ("handle", "packets", "bytes", "metainfo")}
    return [volatile_removed(item) for item in value] if isinstance(value, list) else value


def settled(route):
    """As JSON, without what follows from a link's carrier, which comes a moment after the link."""
    return json.dumps({**route, "flags": [flag for flag in route["flags"] if flag != "linkdown"]}, sort_keys=True)


def host_network(node):
    """Rules, routes of all tables, our nftables table, addresses of the ENIs' links."""
    nft = json.loads(node.exec("nft", "-j", "list", "table", "ip", "vpcwire").stdout)["nftables"]
    links = [link for link in node.ip("address", "show") if link["ifname"].startswith("eth")]
    return {
        "rules": sorted(json.dumps(rule, sort_keys=True) for rule in node.ip("rule", "show")),
        "routes": sorted(map(settled, node.ip("-4", "route", "show", "table", "all"))),
        "nft": sorted(json.dumps(item, sort_keys=True) for item in volatile_removed(nft)),
        "addresses": sorted(a["local"] for link in links for a in link["addr_info"] if a["family"] == "inet"),
        "up": sorted(link["ifname"] for link in links if "UP" in link["flags"]),
    }


@pytest.fixture
def wired(node):
    """A node whose two ENIs carry six pods, all quiet."""
    node.add_pods(f"p{i}" for i in range(6))
    node.wait_until(lambda: len(node.enis()) == 3 and node.quiet(), 60, why="the pool grows")
    return node


DAMAGE = {
    "pods' rule": ["ip rule del priority 512"],
    "mark rules": ["ip rule del priority 1536", "ip rule del priority 1024"],
    "all rules": ["ip rule flush", *(f"ip rule add priority {p} protocol kernel lookup {t}" for p, t in ((32766, "main"), (32767, "default")))],
    "pods' routes": ["ip route flush table 512"],
    "an ENI's table": ["ip route flush table 2"],
    "nftables table": ["nft delete table ip vpcwire"],
    "nftables rules": ["nft flush table ip vpcwire"],
    "whole ruleset": ["nft flush ruleset"],
    "an ENI's address": ["ip address flush dev eth1"],
    "an ENI's link": ["ip link set eth1 down"],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_healed(wired, damage):
    before = host_network(wired)
    for command in damage:
        wired.exec(*command.split())
    started = time.monotonic()

    def healed():
        now = host_network(wired)
        assert now == before, {key: [set(now[key]) ^ set(before[key])] for key in now if now[key] != before[key]}
        return True

    happens_within(healed, HEAL_DEADLINE_S)
    print(f"healed within {(time.monotonic() - started) * 1000:.0f} ms")
    wired.check_kernel()
    with echo.serving(*(pod.netns for pod in wired.pods)):
        for pod in wired.pods:
            echo.assert_source(pod.netns, [p.address for p in wired.pods if p is not pod], pod.address)


def test_what_is_not_ours_is_left_alone(wired):
    foreign = [
        "ip rule add priority 100 fwmark 0x1 lookup 100",
        "ip rule add priority 1536 fwmark 0x40000/0x40000 lookup 4000",
        "ip route add 192.0.2.0/24 via 10.0.1.1 dev eth0",
        "ip route add 192.0.2.128/25 dev eth0 table 512",
        "nft add table ip foreign",
        "nft add chain ip foreign forward { type filter hook forward priority 0; policy accept; }",
    ]
    for command in foreign:
        wired.exec(*command.split())
    theirs = host_network(wired)
    for command in DAMAGE["pods' rule"] + DAMAGE["nftables table"]:
        wired.exec(*command.split())

    def healed():
        assert host_network(wired) == theirs
        return True

    happens_within(healed, HEAL_DEADLINE_S)
    wired.restart()
    happens_within(healed, HEAL_DEADLINE_S)
    assert "forward" in wired.exec("nft", "list", "table", "ip", "foreign").stdout


def test_stopping_the_daemon_takes_nothing_away(wired):
    before = host_network(wired)
    wired.stop()
    assert host_network(wired) == before
    wired.start()
    assert host_network(wired) == before


def test_a_pods_route_that_was_deleted(wired):
    pod = wired.pods[0]
    wired.exec("ip", "route", "del", f"{pod.address}/32", "table", "512")
    started = time.monotonic()
    happens_within(lambda: pod.address in wired.pod_routes(), HEAL_DEADLINE_S)
    print(f"healed within {(time.monotonic() - started) * 1000:.0f} ms")
    wired.check_kernel()


MORE_THAN_THE_BUFFER_HOLDS = """
ip link add flood0 type veth peer name flood1
for i in $(seq 20000); do echo address add 100.64.77.1/32 dev flood0; echo address del 100.64.77.1/32 dev flood0; done > "$1"
ip -batch "$1"
ip link del flood0
"""


def test_a_route_of_nobodys_goes_soon(wired):
    """The daemon looks twice, and not a minute apart: the plugin may have made it for a lease that the first look did not have yet."""
    wired.exec("ip", "route", "add", "192.0.2.77/32", "dev", "eth0", "table", "512", "protocol", "118")
    happens_within(lambda: "192.0.2.77" not in wired.exec("ip", "route", "show", "table", "512").stdout, SOON_S)


def test_notifications_that_were_lost(wired, tmp_path):
    """A daemon that stood still has missed some of the kernel's: it is told of what comes after as before."""
    before = host_network(wired)
    os.kill(wired.proc.pid, signal.SIGSTOP)
    try:
        wired.exec("sh", "-c", MORE_THAN_THE_BUFFER_HOLDS, "flood", tmp_path / "batch")
    finally:
        os.kill(wired.proc.pid, signal.SIGCONT)
    assert wired.status()["ready"]
    for _ in range(2):  # what was done meanwhile is found by the resync that follows, and so may the first be
        wired.exec(*DAMAGE["pods' rule"][0].split())
        happens_within(lambda: host_network(wired)["rules"] == before["rules"], HEAL_DEADLINE_S)


STORM = """
ip link add storm0 type veth peer name storm1
for i in $(seq 1000); do echo address add 100.64.77.1/32 dev storm0; echo address del 100.64.77.1/32 dev storm0; done > "$1"
while :; do ip -batch "$1"; done
"""


def test_a_storm_of_others_changes(node, tmp_path):
    """Somebody changes what is not ours all the time: all other work goes on, damage is healed, and the log says nothing of it."""
    node.add_pod("p0")
    node.wait_quiet()
    command = ["ip", "netns", "exec", node.netns, "sh", "-c", STORM, "storm", tmp_path / "batch"]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as storm:
        try:
            node.wait_until(lambda: node.ip("address", "show", "dev", "storm0"), 30)
            permissions = node.call("Probe")["permissions"]
            assert not [p for p in permissions if p["result"] == "unknown"], permissions
            node.add_pods(f"p{i}" for i in range(1, 6))
            node.wait_until(lambda: len(node.enis()) == 3 and node.quiet(), 60, why="the pool grows")
            before = host_network(node)
            node.exec(*DAMAGE["pods' rule"][0].split())
            happens_within(lambda: host_network(node)["rules"] == before["rules"], HEAL_DEADLINE_S)
        finally:
            os.killpg(storm.pid, signal.SIGKILL)
    node.check_kernel()
    assert "does not settle" not in node.proc.text()


def test_a_link_with_the_mac_of_an_eni_is_not_taken_for_it(make_node):
    """Listed before the ENI's: somebody gave its MAC to a veth of his own while the ENI was away from this daemon's eyes."""
    node = make_node("n1", env={"MAX_ENI": "2", "WARM_IP_TARGET": "0", "MINIMUM_IP_TARGET": "1"})
    node.wait_quiet()
    node.exec("ip", "link", "add", "stray", "type", "veth", "peer", "name", "stray-peer")
    node.add_pods(f"p{i}" for i in range(6))
    node.wait_until(lambda: len(node.enis()) == 2 and node.quiet(), 60, why="two ENIs")
    node.stop()
    mac = node.ip("link", "show", "dev", "eth1")[0]["address"]
    node.exec("ip", "link", "set", "stray", "address", mac)
    first = [link["ifname"] for link in node.ip("link", "show") if link["address"] == mac]
    node.start()
    node.wait_quiet()
    assert "stray" in first
    (stray,) = node.ip("address", "show", "dev", "stray")
    assert "UP" not in stray["flags"] and not [a for a in stray["addr_info"] if a["family"] == "inet"], stray
    assert [route["dev"] for route in node.ip("-4", "route", "show", "table", "2") if route["dst"] == "default"] == ["eth1"]
