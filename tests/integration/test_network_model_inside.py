# SPDX-License-Identifier: Apache-2.0
"""Inside the VPC and what it is peered with: whoever a pod talks to sees the pod's own address, on whichever ENI it is."""
import ipaddress
import re
import socket
import time

import pytest

from vpc import echo, netns, patient, shared, wait_until
from vpc.simulator import SUBNET_A, SUBNET_B

pytestmark = pytest.mark.xdist_group("network_model_inside")

SUBNET_C = "subnet-cccc0000000000003"
JUMBO = 9001
NEAR, FAR = "10.9.1.10", "10.8.1.10"  # peered in the region and in another one, which narrows the way
FAR_MTU = 8500
PING_HEADERS = 28
CIDR_DEADLINE_S = 30


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    subnets = [
        {"id": SUBNET_A, "cidr": "10.0.1.0/24", "zone": "us-east-1a"},
        {"id": SUBNET_B, "cidr": "10.0.2.0/24", "zone": "us-east-1b"},
        {"id": SUBNET_C, "cidr": "100.64.1.0/24", "zone": "us-east-1b"},
    ]
    networks = [
        {"name": "near", "cidr": "10.9.0.0/16", "hosts": [NEAR]},
        {"name": "far", "cidr": "10.8.0.0/16", "mtu": FAR_MTU, "hosts": [FAR]},
    ]
    cidrs = {"id": "vpc-0123456789abcdef0", "cidrs": ["10.0.0.0/16", "100.64.0.0/16"]}
    with shared.world(tmp_path_factory.mktemp("inside"), vpc=cidrs, subnets=subnets, networks=networks) as made:
        peered = {"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS": "10.9.0.0/16, 10.8.0.0/16"}
        made.node("n1", env=peered).add_pods(f"a{i}" for i in range(5))
        made.node("n2", subnet=SUBNET_B, env=peered).add_pods(f"b{i}" for i in range(5))
        made.node("n3", subnet=SUBNET_C).add_pods(f"c{i}" for i in range(5))
        spaces = [pod.netns for node in made.nodes for pod in node.pods] + [node.netns for node in made.nodes]
        with echo.serving(*spaces, made.namespace("near"), made.namespace("far")) as made.echo:
            yield made


def all_pods(world):
    return [pod for node in world.nodes for pod in node.pods]


def one_of_each_eni(node):
    """A pod on the primary ENI and one on a secondary ENI."""
    device = {eni["eni_id"]: eni["device_index"] for eni in node.enis()}
    by_address = {lease["address"]: device[lease["eni_id"]] for lease in node.leases()}
    primary = [pod for pod in node.pods if by_address[pod.address] == 0]
    secondary = [pod for pod in node.pods if by_address[pod.address] > 0]
    assert primary and secondary, by_address
    return primary[0], secondary[0]


def ping(namespace, address, packet_bytes, check=True):
    """One packet of that size that must not be fragmented."""
    size = str(packet_bytes - PING_HEADERS)
    command = ["ping", "-n", "-c", "1", "-W", f"{patient(3):.0f}", "-M", "do", "-s", size, address]
    return netns.execute(namespace, *command, check=check)


def test_containers_of_one_pod_share_localhost_and_the_ports(world):
    """Also where no loopback plugin is: lo is up after ADD. Processes are containers, as far as the network goes."""
    node = world.nodes[0]
    pod = node.pod_netns("shared")
    netns.execute(pod.netns, "ip", "link", "set", "lo", "down")
    pod.add()
    port = 8080
    serve = "import socket,sys; s=socket.create_server(('', 8080)); print('up', flush=True); c,_=s.accept(); c.sendall(b'hi'); sys.stdin.read()"
    with netns.threads(pod.netns) as container, netns.threads(world.nodes[0].pods[0].netns) as other:
        server = container.call(netns.popen, "python3", "-c", serve)
        try:
            assert server.stdout.readline() == "up\n"
            with container.call(socket.create_connection, ("127.0.0.1", port), patient(5)) as client:
                assert client.recv(2) == b"hi"
            with pytest.raises(OSError, match="in use"):
                container.call(socket.create_server, ("", port))
            other.call(socket.create_server, ("", port)).close()
        finally:
            server.kill()
            server.communicate()
    pod.delete()


def test_pods_of_one_node_reach_each_other_without_nat(world):
    for node in world.nodes:
        primary, secondary = one_of_each_eni(node)
        for pod in node.pods:
            others = [other.address for other in node.pods if other is not pod]
            echo.assert_source(pod.netns, others, pod.address)
        for one, other in ((primary, secondary), (secondary, primary)):
            said = ping(one.netns, other.address, JUMBO).stdout
            assert "ttl=63" in said, f"one hop, the node, and not by way of the VPC: {said}"


def test_the_node_reaches_its_pods_and_they_reach_it(world):
    for node in world.nodes:
        echo.assert_source(node.netns, [pod.address for pod in node.pods], node.address)
        for pod in node.pods:
            echo.assert_source(pod.netns, [node.address], pod.address)
        for pod in one_of_each_eni(node):
            ping(node.netns, pod.address, JUMBO)
            ping(pod.netns, node.address, JUMBO)
            assert ping(pod.netns, node.address, JUMBO + 1, check=False).returncode != 0


def test_other_nodes_subnets_and_vpc_cidrs_without_nat(world):
    for pod in all_pods(world):
        elsewhere = [other for other in all_pods(world) if other.node is not pod.node]
        nodes = [node.address for node in world.nodes if node is not pod.node]
        echo.assert_source(pod.netns, [other.address for other in elsewhere] + nodes, pod.address)
    for here in one_of_each_eni(world.nodes[0]):
        for there in one_of_each_eni(world.nodes[2]):
            ping(here.netns, there.address, JUMBO)
            ping(there.netns, here.address, JUMBO)


def test_peered_vpcs_see_the_pods_where_their_cidrs_are_exempt(world):
    """As with aws-vpc-cni, it is told of peered CIDRs; where it is not, they see the node. They reach pods in any case."""
    for node in world.nodes[:2]:
        for pod in node.pods:
            echo.assert_source(pod.netns, [NEAR, FAR], pod.address)
    for pod in world.nodes[2].pods:
        echo.assert_source(pod.netns, [NEAR, FAR], pod.node.address)
    for name, host in (("near", NEAR), ("far", FAR)):
        echo.assert_source(world.namespace(name), [pod.address for pod in all_pods(world)], host)


def test_a_peering_that_narrows_the_way_is_found_out(world):
    for pod in one_of_each_eni(world.nodes[0]) + one_of_each_eni(world.nodes[2]):
        wait_until(lambda pod=pod: ping(pod.netns, NEAR, JUMBO) and ping(pod.netns, FAR, FAR_MTU), 60, why="what fits arrives")
        too_large = ping(pod.netns, FAR, FAR_MTU + 1, check=False)
        assert too_large.returncode != 0
        assert re.search(rf"mtu ?= ?{FAR_MTU}", too_large.stdout + too_large.stderr), too_large


def test_a_cidr_added_at_run_time_is_honoured(world):
    """Without a restart, and connections that were begun before go on."""
    network = ipaddress.ip_network("100.65.0.0/16")
    newcomer = "newcomer"
    world.simulator.ctl("add-vpc-cidr", cidr=str(network))
    world.simulator.ctl("add-subnet", id="subnet-dddd0000000000004", cidr="100.65.1.0/24", zone="us-east-1a")
    facts = world.simulator.add_node(newcomer, subnet="subnet-dddd0000000000004")
    host = facts["primary_address"]
    assert ipaddress.ip_address(host) in network
    world.echo.add(world.namespace(newcomer))
    pods = one_of_each_eni(world.nodes[0]) + one_of_each_eni(world.nodes[2])
    listener = netns.call_in(world.namespace(newcomer), socket.create_server, (host, 8888))
    early = []
    for pod in pods:
        client = netns.call_in(pod.netns, socket.create_connection, (host, 8888), patient(5))
        early.append((client, *listener.accept()))

    def honoured():
        for pod in pods:
            echo.assert_source(pod.netns, [host], pod.address)
        return True

    wait_until(honoured, CIDR_DEADLINE_S, why="pods' own addresses seen in the new CIDR")
    for client, server, _ in early:
        client.sendall(b"still here")
        assert server.recv(10) == b"still here"
    for each in [end for client, server, _ in early for end in (client, server)] + [listener]:
        each.close()
    echo.assert_source(world.namespace(newcomer), [pod.address for pod in all_pods(world)], host)
