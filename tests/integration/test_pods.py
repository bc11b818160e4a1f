# SPDX-License-Identifier: Apache-2.0
"""Pods with VPC addresses reach each other, the nodes and the internet, and everybody sees the right source."""
import pytest

from vpc import echo, wait_until

INTERNET_HOST = "198.51.100.10"


@pytest.fixture
def internet(vpc):
    """A host on the internet that answers with the source it saw."""
    vpc.ctl("internet-address", address=INTERNET_HOST)
    return INTERNET_HOST


def enis_in_use(node):
    return [eni for eni in node.enis() if eni["leased"] > 0]


def delete_all(node):
    for future in [node.start_thread(pod.delete) for pod in list(node.pods)]:
        future.result()
    assert node.leases() == []
    node.check_kernel()


def test_twelve_pods_on_two_nodes_reach_everybody(vpc, nodes, internet):
    pods = [pod for node in nodes for pod in node.add_pods(f"{node.name}-{i}" for i in range(6))]
    addresses = [pod.address for pod in pods]
    assert len(set(addresses)) == 12
    for node in nodes:
        assert len(enis_in_use(node)) == 2, "six pods fill two ENIs of a t3.small"
        node.check_kernel()
        node.wait_quiet()
        node.check_database()

    spaces = [pod.netns for pod in pods] + [node.netns for node in nodes] + [vpc.internet]
    with echo.serving(*spaces):
        for pod in pods:
            others = [address for address in addresses if address != pod.address]
            echo.assert_source(pod.netns, others + [node.address for node in nodes], pod.address)
            echo.assert_source(pod.netns, [internet], pod.node.public_address)
        for node in nodes:
            echo.assert_source(node.netns, addresses, node.address)
            echo.assert_source(node.netns, [internet], node.public_address)
    for node in nodes:
        delete_all(node)


@pytest.mark.node(instance_type="m5.4xlarge")
def test_58_pods_on_a_large_node(node):
    pods = node.add_pods(f"p{i}" for i in range(58))
    addresses = [pod.address for pod in pods]
    assert len(set(addresses)) == 58
    assert len(enis_in_use(node)) >= 2
    node.check_kernel()
    node.wait_quiet()
    node.check_database()
    with echo.serving(*(pod.netns for pod in pods)):
        for pod in pods:
            echo.assert_source(pod.netns, [address for address in addresses if address != pod.address], pod.address)
        echo.assert_source(node.netns, addresses, node.address)
    delete_all(node)


def test_large_packets_pass(nodes):
    """The MTU of pods is what the VPC carries: a packet of that size, not to be fragmented, arrives; no larger one."""
    here, there = (node.add_pod(f"{node.name}-p") for node in nodes)
    mtu = next(link["mtu"] for link in here.node.ip("-n", here.netns, "link", "show", "eth0"))
    header_bytes = 28
    ping = ["ping", "-n", "-c", "1", "-W", "3", "-M", "do", there.address, "-s"]
    wait_until(lambda: here.exec(*ping, str(mtu - header_bytes)), 60, why="the largest packet arrives")
    assert here.exec(*ping, str(mtu - header_bytes + 1), check=False).returncode != 0


def test_a_pod_cannot_send_from_another_source(vpc, nodes):
    """What a pod makes up as its source does not leave the node: it would be counted by the fabric as a wrong source."""
    here, there = (node.add_pod(f"{node.name}-p") for node in nodes)
    for source in ("10.0.1.250", "192.0.2.1"):
        here.exec("ip", "address", "add", f"{source}/32", "dev", "eth0")
        here.exec("ping", "-n", "-c", "1", "-W", "1", "-I", source, there.address, check=False)
    assert vpc.wrong_source_packets() == 0


def test_an_address_goes_round(make_node):
    """An address that was released cools down, then serves another pod; nobody answers for it in between."""
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "1", "WARM_ENI_TARGET": "0", "MAX_ENI": "1"})
    other = node.add_pod("other")
    seen = set()
    for i in range(9):
        pod = node.add_pod(f"p{i}")
        seen.add(pod.address)
        with echo.serving(pod.netns):
            echo.assert_source(other.netns, [pod.address], other.address)
        pod.delete()
    assert len(seen) == 2, "one ENI of a t3.small has three addresses, one is taken"
    node.check_kernel()
