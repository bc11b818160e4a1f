# SPDX-License-Identifier: Apache-2.0
"""Pods have no IPv6 addresses from us, and the kernel speaks it all the same: what a pod must not do by it. Each attack is seen to
succeed where its guard has been taken away."""
import socket

import pytest

from vpc import netns, patient, wait_until
from vpc.attack import DEADLINE_S, ETH_P_IPV6, GUARD, Listener, counter, host_link, send_raw, standing_still, sysctl, take_away, udp6
from vpc.links import rename

IMDS, BESIDE_IMDS = "fd00:ec2::254", "fd00:ec2::253"
ATTACKER, FORGED = "fd01::2", "fd01::99"
ROUTER = "fe80::1"


def lead_to(pod, link, *addresses):
    """The node's routes to addresses of a pod, by that link."""
    mac = netns.ip(pod.netns, "link", "show", "eth0")[0]["address"]
    for address in addresses:
        pod.node.exec("ip", "-6", "neigh", "replace", address, "lladdr", mac, "dev", link, "nud", "permanent")
        pod.node.exec("ip", "-6", "route", "replace", f"{address}/128", "dev", link)


def add_address(namespace, address, link):
    """Also with nodad a worker of the kernel comes for it, when nobody changes links: before that it is nobody's."""
    netns.execute(namespace, "ip", "-6", "address", "add", f"{address}/128", "dev", link, "nodad")

    def is_ours():
        return address in [route["dst"] for route in netns.ip(namespace, "-6", "route", "show", "table", "local")]

    wait_until(is_ours, DEADLINE_S, why=f"{address} is local")


def give_address(pod, *addresses):
    """What an administrator would do for IPv6 in a pod: addresses, a default route, and the node's routes back."""
    node, link = pod.node, host_link(pod)
    sysctl(node, f"ipv6.conf.{link}.disable_ipv6", 0)
    sysctl(node, "ipv6.conf.all.forwarding", 1)
    host_mac = node.ip("link", "show", link)[0]["address"]
    pod.exec("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
    pod.exec("ip", "-6", "neigh", "replace", ROUTER, "lladdr", host_mac, "dev", "eth0", "nud", "permanent")
    pod.exec("ip", "-6", "route", "add", "default", "via", ROUTER, "dev", "eth0")
    for address in addresses:
        add_address(pod.netns, address, "eth0")
    lead_to(pod, link, *addresses)


def link_local(namespace, link):
    """The link's own address, when it may be used."""

    def look():
        known = netns.ip(namespace, "-6", "address", "show", "dev", link)[0]["addr_info"]
        found = [a["local"] for a in known if a.get("scope") == "link" and not a.get("tentative")]
        return found[0] if found else None

    return wait_until(look, DEADLINE_S, why=f"IPv6 on {link}")


def connects(namespace, address):
    def ask():
        try:
            socket.create_connection((address, 80), timeout=patient(20)).close()
            return True
        except OSError:
            return False

    return netns.call_in(namespace, ask)


@pytest.fixture
def pods(node):
    """One that attacks, and one that has the metadata service's address and the one beside it."""
    attacker, server = node.add_pods(["attacker", "server"])
    give_address(attacker, ATTACKER)
    give_address(server, IMDS, BESIDE_IMDS)
    return attacker, server


@pytest.mark.node(env={"VPCWIRE_BLOCK_IMDS": "true"})
def test_metadata_is_blocked_for_pods(node, pods):
    """By setting; the node itself still reaches it, and the pods what is beside it."""
    attacker, server = pods
    add_address(node.netns, "fd01::1", "lo")
    with netns.call_in(server.netns, lambda: socket.create_server(("::", 80), family=socket.AF_INET6)):
        assert connects(attacker.netns, BESIDE_IMDS) and connects(node.netns, IMDS)
        assert not connects(attacker.netns, IMDS)
        with standing_still(node):
            rename(node, host_link(attacker), "uplink7")
            lead_to(attacker, "uplink7", ATTACKER)
            assert not connects(attacker.netns, IMDS), "its link has another name"
            take_away(node, GUARD)
            assert connects(attacker.netns, IMDS), "without the guard it answers"


def test_metadata_is_reachable_by_default(node, pods):
    attacker, server = pods
    with netns.call_in(server.netns, lambda: socket.create_server(("::", 80), family=socket.AF_INET6)):
        assert connects(attacker.netns, IMDS)


def test_a_source_that_is_not_its_own(node, pods):
    attacker, server = pods

    def attack():
        for source in (FORGED, IMDS, ATTACKER):
            send_raw(attacker, ETH_P_IPV6, udp6(source, BESIDE_IMDS))

    with Listener(server.netns, BESIDE_IMDS) as listener, standing_still(node):
        before = counter(node, "wrong_source_ipv6")
        attack()
        wait_until(lambda: counter(node, "wrong_source_ipv6") == before + 2, DEADLINE_S, why="dropped and counted")
        listener.wait_heard([ATTACKER], "only the honest packet arrives")
        take_away(node, GUARD)
        attack()
        listener.wait_heard([FORGED, IMDS, ATTACKER], "without the guard it works")


def test_the_nodes_link_local_services(node, pods):
    """What listens on all of the node's addresses listens on the pods' links, too, where no firewall looks for it."""
    attacker, _ = pods
    link = host_link(attacker)
    target, source = link_local(node.netns, link), link_local(attacker.netns, "eth0")

    def attack():
        send_raw(attacker, ETH_P_IPV6, udp6(source, target))

    with Listener(node.netns, f"{target}%{link}") as listener, standing_still(node):
        before = counter(node, "link_local_ipv6")
        attack()
        wait_until(lambda: counter(node, "link_local_ipv6") > before, DEADLINE_S, why="dropped and counted")
        assert listener.heard() == []
        take_away(node, GUARD)
        attack()
        listener.wait_heard([source], "without the guard it works")
