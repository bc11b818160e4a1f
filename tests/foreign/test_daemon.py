# SPDX-License-Identifier: Apache-2.0
"""
The whole daemon and the plugin, with moto's or LocalStack's EC2 behind them: AWS_EC2_ENDPOINT points to the server, keys come
from its STS. Simulated are the metadata service and the packets only: see foreign_vpc.py.
"""
import os

import pytest

import servers
from foreign_vpc import ForeignVpc
from vpc import Node, echo, wait_until

SECONDARIES = 3  # of an ENI of a t3.small
SHRINK_DEADLINE_S = 120
ENV = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "1", "IP_COOLDOWN_PERIOD": "0"}


@pytest.fixture(params=["moto", "localstack"])
def foreign(request, tmp_path):
    """A server of its own: what another test made of it is not there."""
    if os.geteuid() != 0:
        pytest.skip("root is needed to make network namespaces")
    server = servers.start(request.param, tmp_path / request.param)
    vpc = ForeignVpc(server)
    try:
        yield vpc
        assert vpc.plugs.error is None, vpc.plugs.error
    finally:
        vpc.close()
        server.stop()


@pytest.fixture
def node(foreign, tmp_path):
    made = Node(foreign, "n1", tmp_path / "n1", env=ENV)
    made.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = foreign.ready["imds"]
    made.env["AWS_EC2_ENDPOINT"] = foreign.ready["ec2"]
    try:
        yield made.start()
        made.stop()
    finally:
        if made.proc is not None and made.proc.alive():
            made.kill9()
        made.close()
        print(made.log.read_text(errors="replace")[-6000:])


def listed(foreign):
    """Secondary addresses that the foreign EC2 lists on the instance's ENIs."""
    return {address for eni in foreign.enis() for address in eni["addresses"]}


def test_pods_get_addresses_that_the_foreign_ec2_lists(foreign, node):
    pods = [node.add_pod(f"p{n}") for n in range(SECONDARIES + 2)]
    addresses = [pod.address for pod in pods]
    assert len(set(addresses)) == len(pods) and set(addresses) <= listed(foreign)
    assert len(foreign.enis()) >= 2  # more pods than the first ENI has addresses for
    node.check_kernel()
    node.wait_quiet()
    node.check_database()
    with echo.serving(foreign.namespace("vpc"), pods[0].netns, pods[-1].netns):
        for pod in pods[1:]:
            echo.assert_source(pod.netns, [pods[0].address, foreign.gateway], pod.address)
        echo.assert_source(foreign.namespace("vpc"), [pods[0].address, pods[-1].address], foreign.gateway)


def test_enis_come_with_tags_and_go(foreign, node):
    node.conf.write_text("VPCWIRE_SHRINK_DELAY=3\n")
    node.restart()
    pods = [node.add_pod(f"p{n}") for n in range(SECONDARIES + 1)]
    ours = [eni for eni in foreign.attached() if eni["Attachment"]["DeviceIndex"] != 0]
    assert ours
    for eni in ours:
        tags = {tag["Key"]: tag["Value"] for tag in eni["TagSet"]}
        assert tags["node.k8s.amazonaws.com/instance_id"] == foreign.server.instance_id
        assert [group["GroupId"] for group in eni["Groups"]] == [foreign.server.group_id]
    for pod in pods:
        pod.delete()

    def only_the_primary():
        wanted = [{"Name": "vpc-id", "Values": [foreign.server.vpc_id]}]
        left = foreign.server.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        return [eni["NetworkInterfaceId"] for eni in left] == [foreign.server.primary_eni["NetworkInterfaceId"]]

    wait_until(only_the_primary, SHRINK_DEADLINE_S, why="ENIs given back and deleted")
    wait_until(lambda: len(listed(foreign)) == 1, 60, why="addresses given back")
    node.check_database()


def test_a_new_life_adopts_what_the_old_one_made(foreign, node):
    for number in range(SECONDARIES + 1):
        node.add_pod(f"p{number}")
    before = {eni["id"]: sorted(eni["addresses"]) for eni in foreign.enis()}
    node.kill9()
    for path in node.folder.glob("ipam.db*"):
        path.unlink()
    for pod in list(node.pods):
        pod.remove_netns()  # a lost database and running pods are another history: tests/integration tells it
    node.wait_until(lambda: node.pod_links() == {}, 60, why="the kernel removes a namespace's links when it has time")
    node.start()
    node.wait_until(lambda: {eni["eni_id"] for eni in node.enis()} >= set(before), 30, why="ENIs adopted")
    again = [node.add_pod(f"q{n}") for n in range(SECONDARIES + 1)]
    assert {pod.address for pod in again} <= listed(foreign)
    assert {eni["id"] for eni in foreign.enis()} == set(before)
    node.check_kernel()
