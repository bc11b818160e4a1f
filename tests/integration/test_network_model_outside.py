# SPDX-License-Identifier: Apache-2.0
"""Out of the VPC: on-premises hosts behind a gateway, and the internet by the node's public address."""
import collections
import signal
import socket
import threading

import pytest

from vpc import echo, netns, shared, wait_until

pytestmark = pytest.mark.xdist_group("network_model_outside")

ON_PREMISES = "192.168.1.10"
ON_PREMISES_CIDR = "192.168.0.0/16"
INTERNET = "198.51.100.10"
PODS = 5
CLASHING_PORTS = 2000  # of every pod, to one port of one host
CONNECTIONS = 20000
PORTS = {"prng": "fully-random", "hashrandom": "random", "none": ""}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    networks = [{"name": "onprem", "cidr": ON_PREMISES_CIDR, "mtu": 1500, "hosts": [ON_PREMISES]}]
    with shared.world(tmp_path_factory.mktemp("outside"), networks=networks) as made:
        made.simulator.ctl("internet-address", address=INTERNET)
        made.node("n1").add_pods(f"a{i}" for i in range(PODS))
        with echo.serving(*(pod.netns for pod in made.nodes[0].pods), made.namespace("onprem"), made.simulator.internet) as made.echo:
            yield made


@pytest.fixture
def node(world):
    """The node with its settings as they are at the start; a test that changes them leaves them so."""
    (node,) = world.nodes
    yield node
    set_border(node)


def set_border(node, **settings):
    """In the node's own file, read again on SIGHUP; returns when it has effect."""
    node.conf.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    before = node.proc.text().count("settings read again")
    node.proc.process.send_signal(signal.SIGHUP)
    wait_until(lambda: node.proc.text().count("settings read again") > before, 10, why="settings read again")
    wait_until(lambda: masquerades(node) == (settings.get("AWS_VPC_K8S_CNI_EXTERNALSNAT") != "true"), 10, why="the packet filter follows")


def masquerades(node):
    """New connections out of the VPC are marked, to get the node's address."""
    return "ct state new" in rules(node)


def rules(node):
    return node.exec("nft", "list", "table", "ip", "vpcwire").stdout


def wait_source(pod, address, source):
    wait_until(lambda: echo.assert_source(pod.netns, [address], source) is None, 20, why=f"{address} sees {source}")


def test_on_premises_hosts_see_the_node_unless_they_are_exempt(world, node):
    for pod in node.pods:
        echo.assert_source(pod.netns, [ON_PREMISES], node.address)
    set_border(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=ON_PREMISES_CIDR)
    for pod in node.pods:
        wait_source(pod, ON_PREMISES, pod.address)
        echo.assert_source(pod.netns, [INTERNET], node.public_address)


def test_on_premises_hosts_open_connections_to_pods(world, node):
    """Answers keep the pod's address, on whichever ENI it is and whatever the settings: it is not the pod's connection."""
    addresses = [pod.address for pod in node.pods]
    for settings in ({}, {"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": ON_PREMISES_CIDR}, {"AWS_VPC_K8S_CNI_EXTERNALSNAT": "true"}):
        set_border(node, **settings)
        echo.assert_source(world.namespace("onprem"), addresses, ON_PREMISES)


def test_external_snat_leaves_every_source_alone(world, node):
    """A NAT gateway does it then. Here is none: what a pod sends to the internet gets no further than the VPC's border."""
    set_border(node, AWS_VPC_K8S_CNI_EXTERNALSNAT="true")
    dropped = world.simulator.ctl("counters")["no_public_packets"]
    for pod in node.pods:
        wait_source(pod, ON_PREMISES, pod.address)
    seen = echo.sources_seen(node.pods[0].netns, [INTERNET])
    assert all("Error" in source or "imeout" in source for source in seen.values()), seen
    assert world.simulator.ctl("counters")["no_public_packets"] > dropped
    echo.assert_source(node.netns, [INTERNET], node.public_address)


def test_connections_outlive_a_change_of_settings(world, node):
    """What was begun with the node's address goes on with it; only new connections follow the new settings."""
    pod = node.pods[-1]
    listener = netns.call_in(world.namespace("onprem"), socket.create_server, (ON_PREMISES, 8080))
    client = netns.call_in(pod.netns, socket.create_connection, (ON_PREMISES, 8080), 10)
    server, peer = listener.accept()
    assert peer[0] == node.address
    set_border(node, AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS=ON_PREMISES_CIDR)
    wait_source(pod, ON_PREMISES, pod.address)
    for _ in range(3):
        client.sendall(b"still here")
        assert server.recv(64) == b"still here"
        server.sendall(b"so am I")
        assert client.recv(64) == b"so am I"
    for end in (client, server, listener):
        end.close()


class Counter:
    """A TCP server that counts the (address, port) pairs which it saw; one thread."""

    def __init__(self, namespace, address, port):
        self.seen = collections.Counter()
        self.listener = netns.call_in(namespace, socket.create_server, (address, port), backlog=4096)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            self.seen[peer] += 1
            with connection:
                connection.sendall(b"!")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def connect_from_ports(address, port, ports):
    """One connection after the other, each from its own port; how many were answered."""
    answered = 0
    for source in ports:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.settimeout(10)
            client.bind(("0.0.0.0", source))
            client.connect((address, port))
            answered += client.recv(1) == b"!"
    return answered


@pytest.mark.parametrize("mode", PORTS)
def test_20000_connections_without_a_port_clash(world, node, mode):
    """All pods use the same ports to one port of one host, so the node's one address needs a port for each connection.

    20,000 in the default mode; in the others enough to see that a port taken is never taken again."""
    set_border(node, AWS_VPC_K8S_CNI_RANDOMIZESNAT=mode)
    wait_until(lambda: (PORTS[mode] in rules(node)) and (mode != "none" or "random" not in rules(node)), 10, why=mode)
    rounds = CONNECTIONS // (PODS * CLASHING_PORTS) if mode == "prng" else 1
    port = 9000 + list(PORTS).index(mode)
    counter = Counter(world.simulator.internet, INTERNET, port)
    try:
        for number in range(rounds):
            ports = range(20000 + number * CLASHING_PORTS, 20000 + (number + 1) * CLASHING_PORTS)
            running = [node.start_thread(netns.call_in, pod.netns, connect_from_ports, INTERNET, port, ports) for pod in node.pods]
            assert [future.result() for future in running] == [CLASHING_PORTS] * PODS
    finally:
        counter.close()
    assert len(counter.seen) == rounds * PODS * CLASHING_PORTS, "no two connections with one port of the node's address"
    assert {address for address, _ in counter.seen} == {node.public_address}
