# SPDX-License-Identifier: Apache-2.0
"""Services as kube-proxy makes them, to pods on every ENI of both nodes. Each test runs with each of kube-proxy's modes."""
import concurrent.futures
import dataclasses
import json

import pytest

from vpc import dns, echo, netns, wait_until
from vpc.cluster import INTERNET_HOST, Cluster
from vpc.kube_proxy import MODES, Service

pytestmark = pytest.mark.xdist_group("services")
PODS_PER_NODE = 10  # an ENI of a t3.medium has five: they fill two
LOOKUPS = 1000
LOAD_BALANCER = "203.0.113.200"
PLACES = ("here0", "here1", "there0", "there1")


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    """One world for the module."""
    made = Cluster(tmp_path_factory.mktemp("services"), PODS_PER_NODE)
    failed_before = request.session.testsfailed
    spaces = [pod.netns for pod in made.pods] + [made.simulator.internet]
    try:
        with echo.serving(*spaces):
            yield made
        if request.session.testsfailed == failed_before:
            made.close()
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def dns_pod(cluster, tmp_path_factory):
    """dnsmasq in a pod on the third ENI of the other node."""
    if dns.missing():
        pytest.skip(f"missing here: {dns.missing()}")
    pod = cluster.there.add_pod("dns")
    assert pod in cluster.on_eni(cluster.there, 2)
    server = dns.start_server(pod, tmp_path_factory.mktemp("dns"))
    try:
        wait_until(lambda: netns.call_in(pod.netns, dns.lookup_udp, pod.address, f"x.{dns.DOMAIN}") == dns.ANSWER, dns.TRY_S)
        yield pod
    finally:
        server.stop()


@dataclasses.dataclass
class Place:
    """A pod to be reached, and the Services that it alone is behind: policy Cluster, and policy Local."""

    pod: object
    service: Service
    local: Service


class World:
    """The cluster with kube-proxy on both nodes; places and clients by name: node and ENI."""

    def __init__(self, cluster, modes, mode):
        self.cluster, self.here, self.there = cluster, cluster.here, cluster.there
        self.mode, self.proxies, self.services = modes[mode], {}, []
        # another mode's connections that are still in the nodes' conntrack are to other addresses and ports
        self.number = list(modes).index(mode)
        pods = {f"{name}{eni}": cluster.on_eni(node, eni) for name, node in (("here", self.here), ("there", self.there)) for eni in (0, 1)}
        self.clients = {name: on_eni[0] for name, on_eni in pods.items()}
        self.places = {name: self._place(on_eni[-1], name) for name, on_eni in pods.items()}
        self.all = self._add("all", [place.pod for place in self.places.values()])
        self.balanced = self._add("balanced", [self.places["here1"].pod], load_balancer_ip=LOAD_BALANCER)

    def _add(self, name, pods, **more):
        """A Service in front of pods; addresses and ports are given out in order."""
        serial = len(self.services)
        options = {"target_port": echo.PORT, "node_port": 30000 + 100 * self.number + serial, **more}
        addresses = tuple(pod.address for pod in pods)
        self.services.append(Service(f"default/{name}:main", f"172.20.{self.number}.{10 + serial}", addresses, **options))
        return self.services[-1]

    def _place(self, pod, name):
        return Place(pod, self._add(name, [pod]), self._add(f"{name}-local", [pod], local=True))

    def add_dns(self, pod):
        service = self._add("dns", [pod], port=dns.PORT, target_port=dns.PORT, node_port=0)
        self.sync()
        return service

    def sync(self, detect_local="", **options):
        """Both kube-proxies write all their rules."""
        for node in self.cluster.nodes:
            if node.name not in self.proxies:
                self.proxies[node.name] = self.mode(node.netns)
            proxy = self.proxies[node.name]
            proxy.node_addresses = [eni["primary_address"] for eni in node.enis() if eni["state"] == "ready"]
            proxy.local_pods, proxy.detect_local = {pod.address for pod in node.pods}, detect_local
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda proxy: proxy.sync(self.services, **options), self.proxies.values()))

    def remove(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda proxy: proxy.remove(), self.proxies.values()))


def with_mode(cluster, modes, mode):
    """For `yield from`: a World with kube-proxy in that mode."""
    missing = modes[mode].missing(cluster.here.netns)
    if missing:
        pytest.skip(f"missing here: {missing}")
    made = World(cluster, modes, mode)
    try:
        made.sync()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module", params=MODES)
def world(cluster, request):
    yield from with_mode(cluster, MODES, request.param)


@pytest.fixture(autouse=True)
def _no_wrong_source(cluster):
    """Nothing left a node by an ENI that does not own its source, in any test."""
    before = cluster.simulator.wrong_source_packets()
    yield
    assert cluster.simulator.wrong_source_packets() == before, cluster.simulator.ctl("offenders")


# ---- ClusterIP ----


@pytest.mark.parametrize("place", PLACES)
def test_a_pod_reaches_a_service_and_its_address_is_seen(world, place):
    target = world.places[place].service
    for client in world.clients.values():
        echo.assert_source(client.netns, [target.cluster_ip], client.address, port=target.port)


@pytest.mark.parametrize("place", PLACES)
def test_a_pod_reaches_itself_through_its_service(world, place):
    """kube-proxy's promise for this is the node's address: a pod that saw its own would answer itself past the node."""
    target = world.places[place]
    echo.assert_source(target.pod.netns, [target.service.cluster_ip], target.pod.node.address, port=target.service.port)


def test_the_node_reaches_services(world):
    for place in world.places.values():
        echo.assert_source(world.here.netns, [place.service.cluster_ip], world.here.address, port=place.service.port)


def test_a_service_with_many_pods(world):
    for client in world.clients.values():
        for _ in range(10):
            echo.assert_source(client.netns, [world.all.cluster_ip], client.address, port=world.all.port)


# ---- NodePort ----


@pytest.mark.parametrize("place", PLACES)
def test_a_node_port_from_the_internet(world, place):
    """Policy Cluster: the node that was asked is what the pod sees."""
    target = world.places[place].service
    internet = world.cluster.simulator.internet
    echo.assert_source(internet, [world.here.public_address], world.here.address, target.node_port, INTERNET_HOST)


@pytest.mark.parametrize("place", PLACES)
def test_a_node_port_from_the_internet_with_policy_local_keeps_the_client(world, place):
    target = world.places[place]
    internet = world.cluster.simulator.internet
    echo.assert_source(internet, [target.pod.node.public_address], INTERNET_HOST, target.local.node_port, INTERNET_HOST)


@pytest.mark.parametrize("place", PLACES)
def test_a_node_port_from_another_node(world, place):
    target = world.places[place]
    asked, client = (world.here, world.there) if target.pod.node is world.here else (world.there, world.here)
    echo.assert_source(client.netns, [asked.address], asked.address, target.service.node_port)
    echo.assert_source(client.netns, [asked.address], client.address, target.local.node_port)


@pytest.mark.parametrize("place", PLACES)
def test_a_node_port_from_pods_of_both_nodes(world, place):
    """With policy Local a pod's own address is seen, also on the node that is asked."""
    target = world.places[place]
    for client in world.clients.values():
        echo.assert_source(client.netns, [target.pod.node.address], client.address, target.local.node_port)
        assert_masqueraded(target.pod.node, client.netns, target.pod.node.address, target.service.node_port)


@pytest.mark.parametrize("place", PLACES)
def test_a_node_port_at_a_secondary_enis_address(world, place):
    """The reply leaves by that ENI, whichever ENI or node the pod's address is on."""
    target = world.places[place]
    other = (world.cluster.other_netns, world.cluster.other["primary_address"])
    for client, address in [other] + [(pod.netns, pod.address) for pod in world.clients.values()]:
        asked = world.cluster.eni_address(target.pod.node, 1)
        echo.assert_source(client, [asked], address, target.local.node_port)
        assert_masqueraded(world.here, client, world.cluster.eni_address(world.here, 1), target.service.node_port)


def assert_masqueraded(node, client, asked, port):
    """Asked from a namespace, the pod sees an address of the node that was asked: of the ENI by which the request left."""
    seen = echo.sources_seen(client, [asked], port)
    assert set(seen.values()) <= {eni["primary_address"] for eni in node.enis()}, seen


WATCH = "table ip watch { chain out { type filter hook postrouting priority 300; %s; }; }"


@pytest.mark.parametrize("eni", [0, 1, 2])
def test_replies_leave_by_the_interface_of_the_request(world, eni):
    """Counted where they leave the node, for pods on all ENIs and both policies."""
    node = world.here
    links = {index: f"eth{index}" for index in sorted(known["device_index"] for known in node.enis())}
    ports = [service.node_port for place in world.places.values() for service in (place.service, place.local) if place.pod.node is node]
    ports.append(world.places["there1"].service.node_port)
    rules = [f'oifname "{link}" tcp sport {{ {", ".join(map(str, ports))} }} counter' for link in links.values()]
    node.exec("nft", "-f", "-", input=WATCH % "; ".join(rules))
    try:
        for port in ports:
            seen = echo.sources_seen(world.cluster.other_netns, [world.cluster.eni_address(node, eni)], port)
            assert all(text.startswith("10.0.") for text in seen.values()), seen
        listing = json.loads(node.exec("nft", "-j", "list", "chain", "ip", "watch", "out").stdout)["nftables"]
    finally:
        node.exec("nft", "delete", "table", "ip", "watch")
    counted = [part["counter"]["packets"] for item in listing if "rule" in item for part in item["rule"]["expr"] if "counter" in part]
    packets = dict(zip(links.values(), counted, strict=True))
    assert {link for link, count in packets.items() if count} == {links[eni]}, packets


# ---- LoadBalancer ----


def test_pods_and_nodes_reach_a_load_balancers_address(world):
    """kube-proxy answers for the load balancer inside the cluster."""
    target = world.balanced
    for client in [pod.netns for pod in world.clients.values()] + [world.here.netns]:
        seen = echo.sources_seen(client, [LOAD_BALANCER], target.port)
        assert all(text.startswith("10.0.") for text in seen.values()), seen


def test_a_load_balancer_in_the_vpc_reaches_pods_directly(world):
    """As an ALB with IP targets does: to the pods' addresses, past the nodes' Services."""
    addresses = [place.pod.address for place in world.places.values()]
    echo.assert_source(world.cluster.other_netns, addresses, world.cluster.other["primary_address"])


# ---- DNS ----


def test_no_lookup_is_lost(world, dns_pod):
    """UDP and TCP through a Service, from 20 pods at once."""
    service = world.add_dns(dns_pod)
    pods = [pod for pod in world.cluster.pods if pod is not dns_pod]
    assert len(pods) == 20
    asking = [pod.node.start_thread(netns.call_in, pod.netns, dns.lookups, service.cluster_ip, LOOKUPS // len(pods), pod.name) for pod in pods]
    wrong = [text for future in asking for text in future.result()]
    assert not wrong, f"{len(wrong)} of {LOOKUPS}: {wrong[:10]}; thrown away: {dns.where_lost(dns_pod, world.cluster.nodes)}"


# ---- kube-proxy and we ----


def assert_services(world):
    """A little of all of the above."""
    internet, place = world.cluster.simulator.internet, world.places["here1"]
    for client in world.clients.values():
        echo.assert_source(client.netns, [world.all.cluster_ip], client.address, world.all.port)
        echo.assert_source(client.netns, [INTERNET_HOST], client.node.public_address)
    echo.assert_source(place.pod.netns, [place.service.cluster_ip], world.here.address, place.service.port)
    echo.assert_source(world.here.netns, [place.service.cluster_ip], world.here.address, place.service.port)
    echo.assert_source(internet, [world.here.public_address], world.here.address, place.service.node_port, INTERNET_HOST)
    echo.assert_source(internet, [world.here.public_address], INTERNET_HOST, place.local.node_port, INTERNET_HOST)
    assert_masqueraded(world.here, world.clients["there1"].netns, world.here.address, place.service.node_port)


def test_in_either_order_of_start(world):
    """Chains of one hook and priority run in the order in which they were made: both orders must do."""
    world.remove()
    world.sync()
    assert_services(world)
    for node in world.cluster.nodes:
        node.exec("nft", "delete", "table", "ip", "vpcwire")
        node.restart()
        assert "snat_pods" in node.exec("nft", "list", "table", "ip", "vpcwire").stdout
    assert_services(world)


def test_pods_that_are_known_by_their_interfaces(world):
    """detectLocalMode InterfaceNamePrefix: what comes from elsewhere to a ClusterIP is masqueraded."""
    world.sync(detect_local="eni")
    try:
        assert_services(world)
    finally:
        world.sync()


@pytest.mark.parametrize("world", ["ipvs"], indirect=True, scope="module")
def test_with_strict_arp(world):
    """IPVS mode's setting: the node then answers ARP for an address on the link alone that has it."""
    world.sync(strict_arp=True)
    for node in world.cluster.nodes:
        node.ip("neigh", "flush", "all")
    try:
        assert_services(world)
    finally:
        world.sync()


@pytest.mark.parametrize("world", ["ipvs"], indirect=True, scope="module")
def test_a_local_node_port_without_a_pod_on_the_node(world):
    """IPVS mode alone leads the node's own pods to pods elsewhere then: with their own addresses."""
    target = world.places["there0"].local
    for name in ("here0", "here1"):
        client = world.clients[name]
        echo.assert_source(client.netns, [world.here.address], client.address, target.node_port)
