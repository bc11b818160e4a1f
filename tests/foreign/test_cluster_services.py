# SPDX-License-Identifier: Apache-2.0
"""Services in a cluster of real parts, by Kubernetes' own kube-proxy in each of its modes, to pods on each ENI of both nodes."""
import socket

import pytest

from cluster_objects import DNS_ADDRESS, DOMAIN, WEB_PORT, service
from kubernetes_cluster import WEB, address, name_of
from vpc import dns, netns, wait_until
from vpc.cluster import INTERNET_HOST

pytestmark = pytest.mark.xdist_group("cluster")
MODES = ("nftables", "iptables")
PLACE = "place"  # the label of a pod that a Service has for its only one
TRY_S = 2
NODE_PORTS = {"Cluster": 30080, "Local": 30081}


@pytest.fixture(scope="module")
def places(cluster, web):
    """{(node, device of its ENI): (pod, the address of a Service with that pod only)}, and a Service in front of all."""
    found = {}
    for (node, device), pod in cluster.places(cluster.pods(WEB)).items():
        label = f"{node}-{device}"
        cluster.kubectl("label", "pod", name_of(pod), f"{PLACE}={label}")
        cluster.apply(service(f"at-{label}", {PLACE: label}))
        found[node, device] = (pod, cluster.get("service", f"at-{label}")["spec"]["clusterIP"])
    cluster.apply(service("all", {"app": WEB}))
    yield found
    cluster.delete("service", "all", *(f"at-{node}-{device}" for node, device in found))
    cluster.kubectl("label", "pods", "--all", f"{PLACE}-")


@pytest.fixture(scope="module", params=MODES)
def mode(cluster, request):
    """kube-proxy in this mode on both nodes, its rules written, and nothing of the other's."""
    for node in cluster.nodes.values():
        cluster.start_proxy(node, request.param)
    for name, node in cluster.nodes.items():
        wait_until(lambda node=node: netns.call_in(node.node.netns, connects, DNS_ADDRESS, dns.PORT), 60, why=f"kube-proxy of {name} has written its rules")
    return request.param


def connects(target, port):
    """A try is short: what was sent before there were rules is never answered."""
    with socket.create_connection((target, port), timeout=TRY_S):
        return True


def answers(cluster, space, target, port, expected, bind=""):
    """Once kube-proxy has written its rules, whoever asks there is answered by the pod of that name, which sees that source."""

    def asked():
        said = cluster.ask(space, target, port, bind)
        assert said == expected, said
        return True

    wait_until(asked, 60, why=f"{target}:{port} answers {expected}")


def test_near_far_and_hairpin(cluster, mode, places):
    """From pods on each ENI to a Service of each: the client's address is seen; a pod that reaches itself is masqueraded."""
    for here, (client, _) in places.items():
        for there, (server, service_address) in places.items():
            node = cluster.nodes[here[0]].node
            source = node.address if here == there else address(client)
            answers(cluster, cluster.netns(client), service_address, WEB_PORT, [name_of(server), source])


def test_from_the_node(cluster, mode, places):
    for (name, _), _ in places.items():
        node = cluster.nodes[name].node
        for server, service_address in places.values():
            answers(cluster, node.netns, service_address, WEB_PORT, [name_of(server), node.address])


def test_one_service_of_all(cluster, mode, places):
    """Pods of both nodes answer."""
    spec = cluster.get("service", "all")["spec"]
    nodes = {name_of(pod): pod["spec"]["nodeName"] for pod in cluster.pods(WEB)}
    (client, _), *_ = places.values()
    seen = set()

    def both():
        seen.add(nodes[cluster.ask(cluster.netns(client), spec["clusterIP"])[0]])
        return seen == set(cluster.nodes)

    wait_until(both, 60, why="pods of both nodes answer")


def test_headless(cluster, mode, places):
    """Names lead to the pods themselves."""
    cluster.apply(service("headless", {"app": WEB}, clusterIP="None"))
    pods = {address(pod): name_of(pod) for pod in cluster.pods(WEB)}
    for client, _ in places.values():
        space = cluster.netns(client)
        found = wait_until(lambda space=space: netns.call_in(space, dns.lookup_tcp, DNS_ADDRESS, f"headless.default.svc.{DOMAIN}"), 60)
        assert cluster.ask(space, found) == [pods[found], address(client)]
    cluster.delete("service", "headless")


@pytest.fixture(params=NODE_PORTS)
def node_port(cluster, mode, places, request):
    """(policy, port) of a Service for each place in turn: node_port(place)."""
    policy = request.param
    port = NODE_PORTS[policy]

    def make(place):
        selector = {PLACE: f"{place[0]}-{place[1]}"}
        cluster.apply(service("ported", selector, node_port=port, type="NodePort", externalTrafficPolicy=policy))
        return policy, port

    yield make
    cluster.delete("service", "ported")


def test_node_ports(cluster, places, node_port):
    """From the internet and from the VPC. Policy Cluster: each node answers, and the pod sees the node; Local: its own node, and it sees the client."""
    vpc = cluster.simulator.namespace("control")
    for place, (pod, _) in places.items():
        policy, port = node_port(place)
        for name, node in ((name, made.node) for name, made in cluster.nodes.items()):
            if policy == "Local" and name != place[0]:
                continue
            clients = ((cluster.simulator.internet, node.public_address, INTERNET_HOST), (vpc, node.address, cluster.control["primary_address"]))
            for space, target, source in clients:
                answers(cluster, space, target, port, [name_of(pod), source if policy == "Local" else node.address], bind=source)


def test_dns(cluster, mode, places):
    """UDP and TCP through the Service."""
    expected = cluster.get("service", "kubernetes")["spec"]["clusterIP"]
    for client, _ in places.values():
        for lookup in (dns.lookup_udp, dns.lookup_tcp):
            assert netns.call_in(cluster.netns(client), lookup, DNS_ADDRESS, f"kubernetes.default.svc.{DOMAIN}") == expected
