# SPDX-License-Identifier: Apache-2.0
"""Trunk and branch ENIs on a node: ipamd beside a trunk, and packets of branches, which are VLANs (802.1Q) on a trunk's link."""
import os
import subprocess

import pytest

from vpc.ping import answers, ping
from vpc.process import wait_until
from vpc.simulator import SUBNET_A, SUBNET_B

USER = {"access_key_id": "AKIAVPCSIMTEST000001", "secret_access_key": "a/secret+of=40characters0123456789abcdef"}
MAKE_VLAN = "ip link add name veth-a type veth peer name veth-b && ip link add link veth-a name vlan-a type vlan id 1"
NO_VLANS = "Unknown device type"  # as the kernel says it; any other failure is none to skip for


def kernel_has_vlans():
    done = subprocess.run(["unshare", "--net", "sh", "-c", MAKE_VLAN], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or NO_VLANS in done.stderr or os.geteuid() != 0, done.stderr
    return done.returncode == 0


vlans = pytest.mark.skipif(not kernel_has_vlans(), reason="this kernel has no VLANs (CONFIG_VLAN_8021Q)")
pytestmark = pytest.mark.world(users=[USER])
DETACH, DELETE, UNASSIGN = "DetachNetworkInterface", "DeleteNetworkInterface", "UnassignPrivateIpAddresses"
TRUNK_INDEX = 2  # the last of an m5.large, as the VPC resource controller chooses it
LINK = f"eth{TRUNK_INDEX}"


def add_trunk(ec2, node):
    """Attached as the VPC resource controller does it; its ENI."""
    eni = ec2.create_network_interface(SubnetId=SUBNET_A, InterfaceType="trunk")["NetworkInterface"]
    ec2.attach_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"], InstanceId=node.facts["instance_id"], DeviceIndex=TRUNK_INDEX)
    wait_until(lambda: LINK in {link["ifname"] for link in node.ip("link", "show")}, why="the trunk's link is there")
    node.ip("link", "set", LINK, "up")
    return eni["NetworkInterfaceId"]


def add_branch(ec2, node, trunk, vlan, subnet=SUBNET_A):
    """An ENI on the trunk, wired in the node as a pod with security groups is: its address."""
    eni = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    ec2.associate_trunk_interface(TrunkInterfaceId=trunk, BranchInterfaceId=eni["NetworkInterfaceId"], VlanId=vlan)
    address, name, table = eni["PrivateIpAddress"], f"vlan.eth.{vlan}", str(100 + vlan)
    gateway = address.rpartition(".")[0] + ".1"
    node.exec("ip", "link", "add", "link", LINK, "name", name, "address", eni["MacAddress"], "type", "vlan", "id", str(vlan))
    node.ip("link", "set", name, "up")
    node.ip("address", "add", f"{address}/32", "dev", name)
    node.ip("route", "add", gateway, "dev", name, "table", table)
    node.ip("route", "add", "default", "via", gateway, "dev", name, "table", table)
    node.ip("rule", "add", "from", address, "lookup", table, "priority", "10")
    return eni["NetworkInterfaceId"], address


def test_ipamd_leaves_a_trunk_alone(vpc, make_node):
    """It is no ENI of the pool: no address more, no rule, and it stays."""
    node = make_node("n1", instance_type="m5.large", env={"VPCWIRE_RESYNC_PERIOD": "10", "WARM_ENI_TARGET": "1"})
    ec2 = vpc.client(USER)
    trunk = add_trunk(ec2, node)
    resyncs = vpc.calls()["DescribeNetworkInterfaces"]
    wait_until(lambda: vpc.calls()["DescribeNetworkInterfaces"] >= resyncs + 2, 60, why="ipamd has looked at EC2 twice")
    node.add_pod("p0")
    known, = [eni for eni in vpc.enis("n1") if eni["id"] == trunk]
    assert known["type"] == "trunk" and len(known["addresses"]) == 1 and known["attachment"]["status"] == "attached"
    # One that is still being created has no id yet.
    assert [(eni["total"], eni["leased"]) for eni in node.call("List")["enis"] if eni.get("eni_id") == trunk] == [(0, 0)]
    assert not {DETACH, DELETE, UNASSIGN} & set(vpc.calls())
    assert not [rule for rule in node.ip("rule", "show") if known["addresses"][0] in rule.values()]


@vlans
def test_packets_of_branches(vpc, make_node):
    here, there = (make_node(name, instance_type="m5.large", start=False) for name in ("n1", "n2"))
    ec2 = vpc.client(USER)
    trunks = [add_trunk(ec2, node) for node in (here, there)]
    _, red = add_branch(ec2, here, trunks[0], 1)
    blue_eni, blue = add_branch(ec2, there, trunks[1], 1)
    assert answers(here, blue, source=red) and answers(there, red, source=blue)
    assert answers(here, there.address, source=red) and answers(there, red)
    ec2.assign_private_ip_addresses(NetworkInterfaceId=blue_eni, PrivateIpAddresses=["10.0.1.222"])
    there.ip("address", "add", "10.0.1.222/32", "dev", "vlan.eth.1")
    there.ip("rule", "add", "from", "10.0.1.222", "lookup", "101", "priority", "10")
    assert answers(here, "10.0.1.222", source=red)
    association, = [item["AssociationId"] for item in ec2.describe_trunk_interface_associations()["InterfaceAssociations"] if item["BranchInterfaceId"] == blue_eni]
    ec2.disassociate_trunk_interface(AssociationId=association)
    assert not ping(here, blue, source=red) and answers(here, there.address, source=red)
    ec2.associate_trunk_interface(TrunkInterfaceId=trunks[1], BranchInterfaceId=blue_eni, VlanId=1)
    assert answers(here, blue, source=red), "its VLAN has come again"


@vlans
def test_pods_of_ipamd_beside_branches(vpc, make_node):
    """A branch on the same node does not disturb what ipamd does for its pods, nor that the branch."""
    node = make_node("n1", instance_type="m5.large", env={"WARM_ENI_TARGET": "0"})
    ec2 = vpc.client(USER)
    other = vpc.add_node("n2", subnet=SUBNET_B)
    _, branch = add_branch(ec2, node, add_trunk(ec2, node), 7)
    pod = node.add_pod("p0")
    assert answers(node, other["primary_address"], source=branch)
    assert answers(node, other["primary_address"], source=node.address) and answers(pod, other["primary_address"])
