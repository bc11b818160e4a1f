# SPDX-License-Identifier: Apache-2.0
"""What a pod must not do to others and to the node; each attack is seen to succeed where its guard has been taken away."""
import socket
import struct

import pytest

from vpc import netns, patient, wait_until
from vpc.attack import (ARP_GUARD, DEADLINE_S, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, GUARD, Listener, arp, arp_answers, counter,
                        host_link, icmp6, ip_packet, send_raw, standing_still, sysctl, take_away)
from vpc.links import rename
from vpc.ping import answers

IMDS = "169.254.169.254"
EVERYBODY = b"\x33\x33\0\0\0\x01"  # ff02::1
# Defaults as bad as a host can have them.
HOSTILE = {
    "ipv4.conf.all.rp_filter": 0, "ipv4.conf.default.rp_filter": 0, "ipv4.conf.default.forwarding": 0,
    "ipv4.conf.all.accept_redirects": 1, "ipv4.conf.default.accept_redirects": 1, "ipv4.conf.default.accept_source_route": 1,
    "ipv4.conf.default.accept_local": 1, "ipv4.conf.default.route_localnet": 1, "ipv4.conf.default.proxy_arp": 1,
    "ipv4.conf.default.arp_accept": 1, "ipv6.conf.default.accept_ra": 2, "ipv6.conf.default.accept_redirects": 1,
    "ipv6.conf.default.proxy_ndp": 1,
}


def test_a_source_that_is_not_its_own(node):
    """Another pod's, the node's, one from elsewhere. Two guards: nftables however lax rp_filter is, and rp_filter without nftables."""
    pod, other, third = node.add_pods(["attacker", "victim", "third"])
    link = host_link(pod)
    forged = ["8.8.8.8", "10.0.2.77", third.address, node.address]

    def attack():
        for source in [*forged, pod.address]:
            send_raw(pod, ETH_P_IP, ip_packet(source, other.address))

    with Listener(other.netns, other.address) as listener, standing_still(node):
        for key in ("all", link):
            sysctl(node, f"ipv4.conf.{key}.rp_filter", 0)
        before = counter(node, "wrong_source_ipv4")
        attack()
        wait_until(lambda: counter(node, "wrong_source_ipv4") == before + len(forged), DEADLINE_S, why="dropped and counted")
        listener.wait_heard([pod.address], "only the honest packet arrives")
        take_away(node, GUARD)
        sysctl(node, f"ipv4.conf.{link}.rp_filter", 1)
        attack()
        listener.wait_heard([pod.address], "rp_filter does it, too")
        sysctl(node, f"ipv4.conf.{link}.rp_filter", 0)
        attack()  # the kernel itself never takes its own address from outside
        listener.wait_heard([*forged[:-1], pod.address], "without the guards it works")


def test_the_nodes_loopback(node):
    """A service that listens on 127.0.0.1 of the node, with route_localnet as kube-proxy sets it (CVE-2020-8558)."""
    pod = node.add_pod("attacker")

    def attack():
        send_raw(pod, ETH_P_IP, ip_packet(pod.address, "127.0.0.1"))

    with Listener(node.netns, "127.0.0.1") as listener, standing_still(node):
        for key in ("all", host_link(pod)):
            sysctl(node, f"ipv4.conf.{key}.route_localnet", 1)
        before = counter(node, "to_loopback")
        attack()
        wait_until(lambda: counter(node, "to_loopback") == before + 1, DEADLINE_S, why="dropped and counted")
        assert listener.heard() == []
        take_away(node, GUARD)
        attack()
        listener.wait_heard([pod.address], "without the guard it works")


def neighbours(node, link):
    return {entry["dst"]: entry for entry in node.ip("neigh", "show", "dev", link)}


@pytest.mark.parametrize("renamed", [False, True], ids=["by its own name", "renamed"])
def test_arp_for_others(node, renamed):
    """A pod says that it is the VPC's router, the metadata service or another pod: the node makes no such entry."""
    pod, other = node.add_pods(["attacker", "victim"])
    link = host_link(pod)
    if renamed:
        rename(node, link, "uplink7")
        link = "uplink7"
    broadcast = b"\xff" * 6
    claims = ["10.0.1.1", "169.254.169.254"]

    def attack():
        for claim in claims:
            for operation in (1, 2):
                send_raw(pod, ETH_P_ARP, arp(operation, claim, node.address), broadcast)
                send_raw(pod, ETH_P_ARP, arp(operation, claim, claim), broadcast)  # gratuitous
        # what is behind the attack in the queue has been seen, so the attack has, too
        send_raw(pod, ETH_P_ARP, arp(1, pod.address, node.address), broadcast)
        wait_until(lambda: neighbours(node, link).get(pod.address, {}).get("lladdr") == "02:00:00:00:00:66", DEADLINE_S)
        node.exec("ip", "neigh", "del", pod.address, "dev", link)

    attack()
    assert not set(claims) & set(neighbours(node, link)), "with all guards"
    with standing_still(node):
        for key in ("arp_accept", "accept_local"):
            sysctl(node, f"ipv4.conf.{link}.{key}", 1)
        sysctl(node, f"ipv4.conf.{link}.rp_filter", 0)
        attack()
        assert not set(claims) & set(neighbours(node, link)), "nftables alone"
        take_away(node, ARP_GUARD)
        attack()
        # another processor may still have the claims in its queue when the last one has been seen
        wait_until(lambda: set(claims) <= set(neighbours(node, link)), DEADLINE_S, why="without the guard it works")
    assert answers(node, other.address)


def test_the_node_answers_arp_for_nobody_else(node):
    """Of all that a pod can ask for, the node answers for itself and the pods' gateway; proxy_arp would make it speak for all."""
    pod, other = node.add_pods(["asker", "other"])
    link = host_link(pod)
    sysctl(node, f"ipv4.neigh.{link}.proxy_delay", 0)
    others = [other.address, "10.0.1.1", "169.254.169.254"]
    assert arp_answers(pod, ["169.254.1.1", *others], node.address) == {"169.254.1.1"}
    with standing_still(node):
        sysctl(node, f"ipv4.conf.{link}.proxy_arp", 1)
        assert arp_answers(pod, others, node.address) == set(others), "without the guard it does"


def router_advertisement():
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    return icmp6("fe80::66", "ff02::1", struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix)


def ipv6_routes(node):
    return [route["dst"] for route in node.ip("-6", "route", "show")]


def test_router_advertisements(node):
    """A pod makes itself the node's IPv6 router (CVE-2020-10749). Two guards: nftables, and accept_ra without it."""
    pod = node.add_pod("attacker")
    link = host_link(pod)
    learnt = {"2001:db8:bad::/64", "default"}

    def attack():
        send_raw(pod, ETH_P_IPV6, router_advertisement(), EVERYBODY)

    def attack_and_look():
        attack()
        return learnt & set(ipv6_routes(node))

    with standing_still(node):
        for key, value in (("disable_ipv6", 0), ("autoconf", 1), ("forwarding", 0), ("accept_ra", 2)):
            sysctl(node, f"ipv6.conf.{link}.{key}", value)
        wait_until(lambda: "fe80::/64" in ipv6_routes(node), DEADLINE_S, why="the link speaks IPv6")
        before = counter(node, "router_messages")
        attack()
        wait_until(lambda: counter(node, "router_messages") == before + 1, DEADLINE_S, why="dropped and counted")
        assert not attack_and_look()
        take_away(node, GUARD)
        sysctl(node, f"ipv6.conf.{link}.accept_ra", 0)
        for _ in range(5):
            assert not attack_and_look(), "accept_ra does it, too"
        sysctl(node, f"ipv6.conf.{link}.accept_ra", 2)
        wait_until(lambda: attack_and_look() == learnt, DEADLINE_S, why="without the guards it works")


def metadata_answers(namespace, address=IMDS):
    """Whether there is an answer by HTTP, whatever it is. A refusal counts as none, at once."""

    def ask():
        try:
            with socket.create_connection((address, 80), timeout=patient(5)) as connection:
                connection.sendall(b"PUT /latest/api/token HTTP/1.1\r\nHost: i\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1")
        except OSError:
            return False

    return netns.call_in(namespace, ask)


@pytest.mark.node(env={"VPCWIRE_BLOCK_IMDS": "true"}, hop_limit=2)
def test_metadata_is_blocked_for_pods(node):
    """By setting; the node itself, and pods in its namespace, still reach it."""
    pods = node.add_pods(f"p{i}" for i in range(5))
    assert len({lease["device_index"] for lease in node.leases()}) > 1
    for pod in pods:
        assert not metadata_answers(pod.netns)
    assert metadata_answers(node.netns)
    with standing_still(node):
        node.exec("nft", "flush", "chain", "ip", "vpcwire", "block_imds")
        for pod in pods:
            assert metadata_answers(pod.netns), "without the guard it answers"


def test_metadata_is_reachable_by_default(vpc, make_node):
    node = make_node("n1", hop_limit=2)
    for pod in node.add_pods(f"p{i}" for i in range(2)):
        assert metadata_answers(pod.netns)
    assert metadata_answers(node.netns)


WANTED_OF_PODS = {
    "ipv4": {"rp_filter": "1", "forwarding": "1", "accept_redirects": "0", "accept_source_route": "0", "accept_local": "0",
             "route_localnet": "0", "proxy_arp": "0", "arp_accept": "0"},
    "ipv6": {"accept_ra": "0", "accept_redirects": "0", "proxy_ndp": "0"},
}
LEFT = {"route_localnet", "proxy_arp", "proxy_ndp"}  # to plugins after ours, and administrators
TOLD = {"rp_filter", "forwarding"}  # the kernel tells of a change
WANTED_OF_ENIS = {"ipv4": {"rp_filter": "0", "accept_local": "1", "forwarding": "1", "accept_redirects": "0", "proxy_arp": "0"},
                  "ipv6": {"accept_ra": "0", "accept_redirects": "0"}}


def wrong_sysctls(node, link, wanted):
    return {
        f"{family}.{name}": found
        for family, names in wanted.items()
        for name, value in names.items()
        if (found := sysctl(node, f"{family}.conf.{link}.{name}")) != value
    }


def test_sysctls_whatever_the_hosts_defaults(make_node):
    """Of pods' links and of a new ENI's; and put back when somebody flips them."""
    node = make_node("n1", start=False)
    for key, value in HOSTILE.items():
        sysctl(node, key, value)
    node.start()
    pods = node.add_pods(f"p{i}" for i in range(4))
    secondary = node.wait_until(lambda: [link["ifname"] for link in node.ip("link", "show") if link["ifname"] == "eth1"], DEADLINE_S)
    for pod in pods:
        assert wrong_sysctls(node, host_link(pod), WANTED_OF_PODS) == {}
    wait_until(lambda: wrong_sysctls(node, secondary[0], WANTED_OF_ENIS) == {}, DEADLINE_S, why="the new ENI's")
    link = host_link(pods[0])
    sysctl(node, f"ipv4.conf.{secondary[0]}.rp_filter", 1)
    wait_until(lambda: wrong_sysctls(node, secondary[0], WANTED_OF_ENIS) == {}, DEADLINE_S, why="an ENI's is put back")
    kept = {family: {name: value for name, value in names.items() if name not in LEFT} for family, names in WANTED_OF_PODS.items()}
    for family, names in WANTED_OF_PODS.items():
        for name in names.keys() - TOLD:
            sysctl(node, f"{family}.conf.{link}.{name}", 1)
    for name in sorted(TOLD):  # by the kernel's word; the resync that follows sees all the others, too
        sysctl(node, f"ipv4.conf.{link}.{name}", 1 - int(WANTED_OF_PODS["ipv4"][name]))
        wait_until(lambda: wrong_sysctls(node, link, kept) == {}, DEADLINE_S, why=f"a pod's are put back after {name}")
    assert {key.split(".")[1] for key in wrong_sysctls(node, link, WANTED_OF_PODS)} == LEFT, "what somebody set on purpose stays"
