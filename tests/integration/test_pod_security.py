# SPDX-License-Identifier: Apache-2.0
"""What a pod must not do to others and to the node; each attack is seen to succeed where its guard has been taken away."""
import hashlib
import signal
import socket
import struct

import pytest

from vpc import netns, wait_until
from vpc.process import run

ETH_P_ALL, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 = 3, 0x0806, 0x0800, 0x86DD
GUARD = ("inet", "vpcwire")
IMDS = "169.254.169.254"
PORT = 9999
# Defaults as bad as a host can have them.
HOSTILE = {
    "ipv4.conf.all.rp_filter": 0, "ipv4.conf.default.rp_filter": 0, "ipv4.conf.default.forwarding": 0,
    "ipv4.conf.all.accept_redirects": 1, "ipv4.conf.default.accept_redirects": 1, "ipv4.conf.default.accept_source_route": 1,
    "ipv4.conf.default.accept_local": 1, "ipv4.conf.default.route_localnet": 1, "ipv4.conf.default.proxy_arp": 1,
    "ipv4.conf.default.arp_accept": 1, "ipv6.conf.default.accept_ra": 2, "ipv6.conf.default.accept_redirects": 1,
}


def sysctl(node, key, value=None):
    if value is not None:
        node.exec("sysctl", "-qw", f"net.{key}={value}")
    return node.exec("sysctl", "-n", f"net.{key}").stdout.strip()


def host_link(pod):
    """Computed, for the daemon may stand still."""
    return "eni" + hashlib.sha1(f"{pod.namespace}.{pod.name}".encode()).hexdigest()[:11]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(source, target, payload=b"attack", port=PORT):
    """UDP over IPv4 with whatever source."""
    udp = struct.pack("!HHHH", 1111, port, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + udp


def icmp6(source, target, message):
    source, target = (socket.inet_pton(socket.AF_INET6, address) for address in (source, target))
    pseudo = source + target + struct.pack("!I3xB", len(message), 58)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    return struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + source + target + message


def send_raw(pod, protocol, packet, mac=None):
    """A frame out of the pod's eth0, to its gateway unless said otherwise."""

    def send():
        if mac is None:
            neighbour = run("ip", "-n", pod.netns, "-j", "neigh", "show", "169.254.1.1").stdout
            to = bytes.fromhex(neighbour.split('"lladdr":"')[1][:17].replace(":", ""))
        else:
            to = mac
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as raw:
            raw.bind(("eth0", 0))
            raw.send(to + raw.getsockname()[4] + struct.pack("!H", protocol) + packet)

    netns.call_in(pod.netns, send)


def listen(namespace, address, port=PORT):
    def bind():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((address, port))
        opened.settimeout(0.1)
        return opened

    return netns.call_in(namespace, bind)


def heard(listener):
    """The sources of all datagrams that have come."""
    sources = []
    try:
        while True:
            sources.append(listener.recvfrom(2048)[1][0])
    except socket.timeout:
        return sources


def counter(node, name):
    return int(node.exec("nft", "list", "counter", *GUARD, name).stdout.split("packets ")[1].split()[0])


def without_guard(node):
    """Until the daemon puts it back, the guards' table is gone, and rp_filter is off."""
    node.proc.process.send_signal(signal.SIGSTOP)
    node.exec("nft", "delete", "table", *GUARD)
    node.exec("nft", "delete", "table", "arp", "vpcwire")


def with_guard(node):
    node.proc.process.send_signal(signal.SIGCONT)
    wait_until(lambda: node.exec("nft", "list", "table", *GUARD), 20, why="the guards are back")


def test_a_source_that_is_not_its_own(node):
    """The address of another pod, the node's, one from elsewhere; however lax the host's rp_filter is."""
    pod, other = node.add_pods(["attacker", "victim"])
    for key in ("all", host_link(pod)):
        sysctl(node, f"ipv4.conf.{key}.rp_filter", 0)
    listener = listen(other.netns, other.address)
    forged = ["8.8.8.8", "10.0.2.77"]
    before = counter(node, "wrong_source_ipv4")
    for source in [*forged, node.address]:
        send_raw(pod, ETH_P_IP, ip_packet(source, other.address))
    send_raw(pod, ETH_P_IP, ip_packet(pod.address, other.address))
    wait_until(lambda: heard(listener) == [pod.address], 10, why="only the honest packet arrives")
    assert counter(node, "wrong_source_ipv4") - before == 3
    without_guard(node)
    sysctl(node, f"ipv4.conf.{host_link(pod)}.rp_filter", 0)
    for source in forged:
        send_raw(pod, ETH_P_IP, ip_packet(source, other.address))
    wait_until(lambda: heard(listener) == forged, 10, why="without the guard it works")
    with_guard(node)
    listener.close()


def test_the_nodes_loopback(node):
    """A service that listens on 127.0.0.1 of the node, with route_localnet as kube-proxy sets it (CVE-2020-8558)."""
    pod = node.add_pod("attacker")
    link = host_link(pod)
    listener = listen(node.netns, "127.0.0.1")
    sysctl(node, "ipv4.conf.all.route_localnet", 1)
    before = counter(node, "to_loopback")
    send_raw(pod, ETH_P_IP, ip_packet(pod.address, "127.0.0.1"))
    wait_until(lambda: counter(node, "to_loopback") == before + 1, 10, why="dropped and counted")
    assert heard(listener) == []
    without_guard(node)
    sysctl(node, f"ipv4.conf.{link}.route_localnet", 1)
    send_raw(pod, ETH_P_IP, ip_packet(pod.address, "127.0.0.1"))
    wait_until(lambda: heard(listener) == [pod.address], 10, why="without the guard it works")
    with_guard(node)
    listener.close()


def neighbours(node, link):
    return {entry["dst"]: entry for entry in node.ip("neigh", "show", "dev", link)}


def arp(operation, sender, target, mac=b"\x02\0\0\0\0\x66"):
    return struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, operation) + mac + socket.inet_aton(sender) + b"\0" * 6 + socket.inet_aton(target)


def test_arp_for_others(node):
    """A pod says that it is the VPC's router or another pod: the node makes no such entry."""
    pod, other = node.add_pods(["attacker", "victim"])
    link = host_link(pod)
    broadcast = b"\xff" * 6
    claims = ["10.0.1.1", "169.254.169.254"]
    for claim in claims:
        for operation in (1, 2):
            send_raw(pod, ETH_P_ARP, arp(operation, claim, node.address), broadcast)
            send_raw(pod, ETH_P_ARP, arp(operation, claim, claim), broadcast)  # gratuitous
    node.exec("ping", "-c", "1", "-W", "5", other.address)
    assert not set(claims) & set(neighbours(node, link)), neighbours(node, link)
    without_guard(node)
    sysctl(node, f"ipv4.conf.{link}.arp_accept", 1)
    sysctl(node, f"ipv4.conf.{link}.rp_filter", 0)
    send_raw(pod, ETH_P_ARP, arp(1, claims[0], claims[0]), broadcast)
    wait_until(lambda: claims[0] in neighbours(node, link), 10, why="without the guard it works")
    with_guard(node)


def router_advertisement():
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    return icmp6("fe80::66", "ff02::1", struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix)


def ipv6_routes(node):
    return [route["dst"] for route in node.ip("-6", "route", "show")]


def test_router_advertisements(node):
    """A pod makes itself the node's IPv6 router (CVE-2020-10749)."""
    pod = node.add_pod("attacker")
    link = host_link(pod)
    everybody = b"\x33\x33\0\0\0\x01"
    before = counter(node, "router_messages")
    send_raw(pod, ETH_P_IPV6, router_advertisement(), everybody)
    wait_until(lambda: counter(node, "router_messages") == before + 1, 10, why="dropped and counted")
    assert "2001:db8:bad::/64" not in ipv6_routes(node) and "default" not in ipv6_routes(node)
    without_guard(node)
    for key, value in (("accept_ra", 2), ("forwarding", 0), ("disable_ipv6", 0), ("autoconf", 1)):
        sysctl(node, f"ipv6.conf.{link}.{key}", value)

    def accepted():
        send_raw(pod, ETH_P_IPV6, router_advertisement(), everybody)
        return "2001:db8:bad::/64" in ipv6_routes(node)

    wait_until(accepted, 20, why="without the guard it works")
    with_guard(node)


def imds_answers(namespace):
    def ask():
        try:
            with socket.create_connection((IMDS, 80), timeout=3) as connection:
                connection.sendall(b"PUT /latest/api/token HTTP/1.1\r\nHost: i\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1")
        except OSError:
            return False

    return netns.call_in(namespace, ask)


@pytest.mark.node(env={"VPCWIRE_BLOCK_IMDS": "true"})
def test_metadata_is_blocked_for_pods(node):
    """By setting; the node itself, and pods in its namespace, still reach it. IPv6 is refused by the same guard."""
    pods = node.add_pods(f"p{i}" for i in range(5))
    assert len({lease["device_index"] for lease in node.leases()}) > 1
    for pod in pods:
        assert not imds_answers(pod.netns)
    assert imds_answers(node.netns)
    assert "fd00:ec2::254" in node.exec("nft", "list", "table", *GUARD).stdout


def test_metadata_is_reachable_by_default(vpc, make_node):
    node = make_node("n1", hop_limit=2)
    for pod in node.add_pods(f"p{i}" for i in range(2)):
        assert imds_answers(pod.netns)
    assert imds_answers(node.netns)


WANTED_OF_PODS = {
    "ipv4": {"rp_filter": "1", "forwarding": "1", "accept_redirects": "0", "accept_source_route": "0", "accept_local": "0",
             "route_localnet": "0", "proxy_arp": "0", "arp_accept": "0"},
    "ipv6": {"accept_ra": "0", "accept_redirects": "0", "proxy_ndp": "0"},
}
TOLD = {"rp_filter", "forwarding", "proxy_arp"}  # the kernel tells of a change
WANTED_OF_ENIS = {"ipv4": {"rp_filter": "2", "forwarding": "1", "accept_redirects": "0", "proxy_arp": "0"},
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
    secondary = node.wait_until(lambda: [link["ifname"] for link in node.ip("link", "show") if link["ifname"] == "eth1"], 20)
    for pod in pods:
        assert wrong_sysctls(node, host_link(pod), WANTED_OF_PODS) == {}
    wait_until(lambda: wrong_sysctls(node, secondary[0], WANTED_OF_ENIS) == {}, 20, why="the new ENI's")
    link = host_link(pods[0])
    sysctl(node, f"ipv4.conf.{secondary[0]}.rp_filter", 0)
    wait_until(lambda: wrong_sysctls(node, secondary[0], WANTED_OF_ENIS) == {}, 20, why="an ENI's is put back")
    for family, names in WANTED_OF_PODS.items():
        for name in names.keys() - TOLD:
            sysctl(node, f"{family}.conf.{link}.{name}", 1)
    for name in sorted(TOLD):  # by the kernel's word; the look that follows sees all the others, too
        sysctl(node, f"ipv4.conf.{link}.{name}", 1 - int(WANTED_OF_PODS["ipv4"][name]))
        wait_until(lambda: wrong_sysctls(node, link, WANTED_OF_PODS) == {}, 20, why=f"a pod's are put back after {name}")
