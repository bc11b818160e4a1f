# SPDX-License-Identifier: Apache-2.0
"""Packets that a pod should not send, and the guards of the node against them: there, counted, and taken away."""
import contextlib
import hashlib
import os
import signal
import socket
import struct

from . import netns
from .deadline import patient
from .links import carry
from .process import run, wait_until

ETH_P_ALL, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 = 3, 0x0806, 0x0800, 0x86DD
UDP, ICMPV6 = 17, 58
GUARD = ("inet", "vpcwire")
ARP_GUARD = ("arp", "vpcwire")
PORT = 9999
DEADLINE_S = 60


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


def _ipv6_packet(source, target, protocol, message, sum_at, hops):
    """IPv6 with whatever source; the message's checksum, at sum_at, is still zero."""
    source, target = (socket.inet_pton(socket.AF_INET6, address) for address in (source, target))
    pseudo = source + target + struct.pack("!I3xB", len(message), protocol)
    message = message[:sum_at] + struct.pack("!H", checksum(pseudo + message)) + message[sum_at + 2 :]
    return struct.pack("!IHBB", 6 << 28, len(message), protocol, hops) + source + target + message


def icmp6(source, target, message):
    return _ipv6_packet(source, target, ICMPV6, message, 2, 255)


def udp6(source, target, payload=b"attack", port=PORT):
    return _ipv6_packet(source, target, UDP, struct.pack("!HHHH", 1111, port, 8 + len(payload), 0) + payload, 6, 64)


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


class Listener:
    """A UDP socket in a namespace; an IPv6 address may have a %link."""

    def __init__(self, namespace, address, port=PORT):
        def bind():
            family, kind, _, _, name = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
            opened = socket.socket(family, kind)
            opened.bind(name)
            opened.setblocking(False)
            return opened

        self.socket = netns.call_in(namespace, bind)
        self.sources = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def heard(self):
        """The sources of all datagrams that have come since the last forget(), in their order."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.sources.append(self.socket.recvfrom(2048)[1][0].split("%")[0])
        return self.sources

    def forget(self):
        self.sources = []

    def wait_heard(self, sources, why):
        """Until these and no others have been heard, in whatever order processors pass them on; then they are forgotten."""
        wait_until(lambda: sorted(self.heard()) == sorted(sources), DEADLINE_S, why=f"{why}; heard {self.sources}")
        self.forget()


def counter(node, name):
    return int(node.exec("nft", "list", "counter", *GUARD, name).stdout.split("packets ")[1].split()[0])


@contextlib.contextmanager
def standing_still(node):
    """The daemon does, so that what is taken away stays away; at the end it runs again, and its guards are back. Before that the
    links carry."""
    wait_until(lambda: carry(node), DEADLINE_S, why="the pods' links carry")
    node.proc.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        node.proc.process.send_signal(signal.SIGCONT)
    wait_until(lambda: node.exec("nft", "list", "table", *GUARD), DEADLINE_S, why="the guards are back")
    wait_until(lambda: node.exec("nft", "list", "table", *ARP_GUARD), DEADLINE_S, why="the guards are back")


def take_away(node, table):
    node.exec("nft", "delete", "table", *table)


def arp(operation, sender, target, mac=b"\x02\0\0\0\0\x66"):
    return struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, operation) + mac + socket.inet_aton(sender) + b"\0" * 6 + socket.inet_aton(target)


def arp_answers(pod, addresses, last):
    """Those of the addresses that somebody on the pod's link answers ARP for. `last` is one that is answered: when its answer is
    here, the others are, if the node does not wait before it answers (proxy_delay)."""

    def ask(questions, timeout_s):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # this thread's: what one processor sends stays in its order
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as raw:
            raw.bind(("eth0", ETH_P_ARP))
            raw.settimeout(timeout_s)
            own = raw.getsockname()[4]
            for address in questions:
                raw.send(b"\xff" * 6 + own + struct.pack("!H", ETH_P_ARP) + arp(1, pod.address, address, own))
            answered = set()
            while last not in answered:
                frame = raw.recv(128)
                if frame[20:22] == b"\0\2":
                    answered.add(socket.inet_ntoa(frame[28:32]))
        return answered

    # A link that has just been made carries the node's answers a little later than ours.
    wait_until(lambda: netns.call_in(pod.netns, ask, [last], patient(1)), DEADLINE_S, why=f"ARP for {last} is answered")
    return netns.call_in(pod.netns, ask, [*addresses, last], patient(DEADLINE_S)) & set(addresses)
