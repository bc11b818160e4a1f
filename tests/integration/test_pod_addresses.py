# SPDX-License-Identifier: Apache-2.0
"""What becomes of packets to an address of the pool that no pod has, and who may send with a pod's address by another plugin's link.
Each attack, or accident, is seen to happen where its guard has been taken away."""
import contextlib
import errno
import socket

import pytest

from vpc import echo, netns, patient, wait_until
from vpc.attack import DEADLINE_S, ETH_P_IP, Listener, ip_packet, send_raw, standing_still, sysctl
from vpc.runtime import Attachment

IP_RECVERR = 11
BURST, TTL = 10, 255
ONCE_MAX = 5 * BURST  # a packet that circles comes in more than 100 times


def packets_in(node):
    """That came in by the ENIs."""
    links = netns.ip(node.netns, "-s", "link", "show")
    return sum(link["stats64"]["rx"]["packets"] for link in links if link["ifname"].startswith("eth"))


def without_redirects(node):
    """A packet that would leave by the link it came by is answered with a redirect, too, and the kernel counts both against the sender:
    after nine redirects it answers with nothing for as long as packets come."""
    for link in ("all", *(link["ifname"] for link in node.ip("link", "show") if link["ifname"].startswith("eth"))):
        sysctl(node, f"ipv4.conf.{link}.send_redirects", 0)


class Sender:
    """A UDP socket of a namespace with a high TTL, connected to an echo server."""

    def __init__(self, namespace, address, port=echo.PORT):
        def connect():
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, TTL)
            opened.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            opened.settimeout(patient(1))
            opened.connect((address, port))
            return opened

        self.socket = netns.call_in(namespace, connect)

    def ask(self):
        """The source that the server sees; a link that has just been made may lose the first question."""

        def once():
            self.socket.send(b"who am I?")
            return self.socket.recv(64).decode()

        return wait_until(once, DEADLINE_S, why="an answer")

    def burst(self):
        for _ in range(BURST):
            with contextlib.suppress(OSError):  # that the one before was answered with
                self.socket.send(b"anybody there?")

    def error(self):
        """What packets are answered with; not each is, for the kernel answers one destination only so often."""

        def look():
            try:
                self.socket.send(b"anybody there?")
                self.socket.settimeout(1)
                self.socket.recv(64)
            except OSError as error:
                return error.errno  # None: no answer yet
            raise AssertionError("answered")

        return wait_until(look, DEADLINE_S, why="an error")


@pytest.mark.parametrize("device", [0, 1], ids=["primary", "secondary"])
def test_packets_to_a_pod_that_is_gone_do_not_circle(vpc, node, device):
    """From elsewhere in the VPC, and from a pod of the node on another ENI; with a connection from before, and without."""
    vpc.add_node("other")
    pods = node.add_pods(f"p{i}" for i in range(4))
    node.wait_quiet()
    node.wait_start_calls(looks=2)  # their packets come in by the ENIs, too
    without_redirects(node)
    device_of = {lease["address"]: lease["device_index"] for lease in node.leases()}
    gone = next(pod for pod in pods if device_of[pod.address] == device)
    near = next(pod for pod in pods if device_of[pod.address] != device)
    spaces = [vpc.namespace("other"), near.netns]
    with echo.serving(*(pod.netns for pod in pods)):
        before = [Sender(space, gone.address) for space in spaces]
        assert [sender.ask() for sender in before][1] == near.address
        gone.delete()
        for sender in [*before, *(Sender(space, gone.address) for space in spaces)]:
            seen = packets_in(node)
            sender.burst()
            assert sender.error() == errno.EHOSTUNREACH
            assert packets_in(node) - seen < ONCE_MAX
        with standing_still(node):
            node.exec("nft", "flush", "chain", "ip", "vpcwire", "no_pod")
            seen = packets_in(node)
            before[1].burst()  # the VPC itself drops what does not come from the node
            wait_until(lambda: packets_in(node) - seen > ONCE_MAX, DEADLINE_S, why="without the guard they circle")
        for pod in pods:
            if pod is not gone:
                others = [other.address for other in pods if other not in (pod, gone)]
                echo.assert_source(pod.netns, others, pod.address)


PTP = {"type": "ptp"}
BRIDGE = {"type": "bridge", "bridge": "br-test", "isGateway": True}


@pytest.mark.parametrize("plugin", [PTP, BRIDGE], ids=lambda plugin: plugin["type"])
def test_a_source_of_another_pod_by_another_plugins_link(node, plugin):
    """A pod that another plugin wired sends with the address of one of ours, and of one like itself."""
    ipam = {"type": "vpcwire", "socket": str(node.socket)}
    attacker, like = (Attachment(node, name, [{**each, "ipam": ipam}]) for name, each in (("attacker", plugin), ("like", PTP)))
    for pod in (attacker, like):
        pod.add()
    ours, victim = node.add_pods(["ours", "victim"])
    forged = [ours.address, like.address]
    gateway = bytes.fromhex(attacker.result["interfaces"][0]["mac"].replace(":", ""))

    def attack():
        for source in (*forged, attacker.address):
            send_raw(attacker, ETH_P_IP, ip_packet(source, victim.address), gateway)

    with Listener(victim.netns, victim.address) as listener, standing_still(node):
        attack()
        listener.wait_heard([attacker.address], "only the honest packet arrives")
        node.exec("nft", "flush", "chain", "ip", "vpcwire", "other_link")
        attack()
        listener.wait_heard([*forged, attacker.address], "without the guard it works")
    for pod in (attacker, like):
        pod.delete()
