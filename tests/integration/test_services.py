# SPDX-License-Identifier: Apache-2.0
"""Services as kube-proxy makes them, to pods on every ENI of both nodes. Each test runs with each of kube-proxy's modes."""
import dataclasses

import pytest

from vpc import echo
from vpc.cluster import INTERNET_HOST, Cluster
from vpc.kube_proxy import MODES, Service, missing_for_ipvs

pytestmark = pytest.mark.xdist_group("services")
PODS_PER_NODE = 7  # an ENI of a t3.medium has five: two are on the second one
LOAD_BALANCER = "203.0.113.200"
PLACES = ("here0", "here1", "there0", "there1")


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    """One world for the module."""
    made = Cluster(tmp_path_factory.mktemp("services"), PODS_PER_NODE)
    failed_before = request.session.testsfailed
    spaces = [pod.netns for pod in made.pods]
    try:
        with echo.serving(*spaces):
            yield made
        if request.session.testsfailed == failed_before:
            made.close()
    finally:
        made.destroy()


@dataclasses.dataclass
class Place:
    """A pod to be reached, and the Services that it alone is behind: policy Cluster, and policy Local."""

    pod: object
    service: Service
    local: Service


class World:
    """The cluster with kube-proxy on both nodes; places by name: node and ENI."""

    def __init__(self, cluster, mode):
        self.cluster, self.here, self.there = cluster, cluster.here, cluster.there
        self.mode, self.proxies = MODES[mode], []
        # another mode's connections that are still in the nodes' conntrack are to other addresses and ports
        self.number = list(MODES).index(mode)
        self.places = {}
        for node, name in ((self.here, "here"), (self.there, "there")):
            for eni in (0, 1):
                self.places[f"{name}{eni}"] = self._place(cluster.on_eni(node, eni)[-1], f"{name}{eni}")
        self.clients = {f"{name}{eni}": cluster.on_eni(node, eni)[0] for node, name in ((self.here, "here"), (self.there, "there")) for eni in (0, 1)}
        addresses = tuple(place.pod.address for place in self.places.values())
        self.all = self._service("all", addresses)
        self.balanced = self._service("lb", (self.places["here1"].pod.address,), load_balancer_ip=LOAD_BALANCER)
        self.services = [self.all, self.balanced]
        self.services += [service for place in self.places.values() for service in (place.service, place.local)]

    def _service(self, name, endpoints, **more):
        serial = PLACES.index(name.split("-")[0]) * 2 + name.endswith("local") if name.split("-")[0] in PLACES else 50 + len(name)
        options = {"port": 80, "target_port": echo.PORT, "node_port": 30000 + 100 * self.number + serial, **more}
        return Service(f"default/{name}:echo", f"172.20.{self.number}.{10 + serial}", endpoints, **options)

    def _place(self, pod, name):
        return Place(pod, self._service(name, (pod.address,)), self._service(f"{name}-local", (pod.address,), local=True))

    def start(self, detect_local=""):
        for node in self.cluster.nodes:
            addresses = [self.cluster.eni_address(node, eni["device_index"]) for eni in node.enis()]
            proxy = self.mode(node.netns, addresses, {pod.address for pod in node.pods}, detect_local)
            self.proxies.append(proxy)
            proxy.sync(self.services)

    def stop(self):
        while self.proxies:
            self.proxies.pop().remove()


@pytest.fixture(scope="module", params=MODES)
def world(cluster, request):
    missing = MODES[request.param].missing(cluster.here.netns)
    if missing:
        pytest.skip(f"missing here: {missing}")
    made = World(cluster, request.param)
    made.start()
    yield made
    made.stop()


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
        seen = echo.sources_seen(client.netns, [target.pod.node.address], target.service.node_port)
        addresses = {eni["primary_address"] for eni in target.pod.node.enis()}
        assert set(seen.values()) <= addresses, seen


@pytest.mark.parametrize("place", PLACES)
def test_a_node_port_at_a_secondary_enis_address(world, place):
    """The reply leaves by that ENI, whichever one the pod's address is on."""
    target = world.places[place]
    node = target.pod.node
    for client in (world.cluster.other_netns, world.clients["here1"].netns, world.clients["there1"].netns):
        asked = world.cluster.eni_address(node, 1)
        for port in (target.service.node_port, target.local.node_port):
            seen = echo.sources_seen(client, [asked], port)
            assert not [text for text in seen.values() if "Error" in text or "timed out" in text], seen


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


# ---- the modes ----


def test_ipvs_mode():
    """Tells what is missing; kube-proxy's IPVS mode is to be tested where a kernel has it."""
    pytest.skip(f"missing here: {missing_for_ipvs()}")
