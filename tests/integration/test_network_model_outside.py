# SPDX-License-Identifier: Apache-2.0
"""Out of the VPC: on-premises hosts behind a gateway, and the internet by the node's public address."""
import resource
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
CLASHING_PORTS = 1000  # of every pod, to one port of one host
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
    """A TCP server that keeps every connection open and knows its peer; one thread."""

    def __init__(self, namespace, address, port):
        self.connections = []
        self.listener = netns.call_in(namespace, socket.create_server, (address, port), backlog=4096)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            self.connections.append((connection, peer))
            connection.sendall(b"!")

    def peers(self):
        return [peer for _, peer in self.connections]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)
        for connection, _ in self.connections:
            connection.close()


def connect_from_ports(address, port, ports):
    """Connections, each from its own port, answered and still open."""
    clients = []
    for source in ports:
        client = socket.socket()
        clients.append(client)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.settimeout(10)
        client.bind(("0.0.0.0", source))
        client.connect((address, port))
        assert client.recv(1) == b"!"
    return clients


@pytest.fixture
def many_files():
    """As many as the machine allows: both ends of 5,000 connections are open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("mode", PORTS)
def test_20000_connections_without_a_port_clash(world, node, many_files, mode):
    """All pods use the same ports to one port of one host, so the node's one address needs a port for each connection.

    20,000 in the default mode, 5,000 at a time; in the others one time."""
    set_border(node, AWS_VPC_K8S_CNI_RANDOMIZESNAT=mode)
    wait_until(lambda: (PORTS[mode] in rules(node)) and (mode != "none" or "random" not in rules(node)), 10, why=mode)
    at_once = PODS * CLASHING_PORTS
    for number in range(CONNECTIONS // at_once if mode == "prng" else 1):
        port = 9000 + 10 * list(PORTS).index(mode) + number
        ports = range(20000, 20000 + CLASHING_PORTS)
        counter = Counter(world.simulator.internet, INTERNET, port)
        running = [node.start_thread(netns.call_in, pod.netns, connect_from_ports, INTERNET, port, ports) for pod in node.pods]
        try:
            clients = [client for future in running for client in future.result()]
            assert len(clients) == len(set(counter.peers())) == at_once, "no two connections with one port of the node's address"
            assert {address for address, _ in counter.peers()} == {node.public_address}
            for client in clients:
                client.close()
        finally:
            counter.close()
