# SPDX-License-Identifier: Apache-2.0
"""Prefixes and IPv6 of each EC2, by boto3: what the others lack is in gaps.py."""
import ipaddress

import botocore.exceptions
import pytest


@pytest.fixture
def eni_id(server):
    return server.ec2.create_network_interface(SubnetId=server.subnet_id)["NetworkInterface"]["NetworkInterfaceId"]


def test_ipv6_addresses(server, eni_id):
    subnet = server.ec2.describe_subnets(SubnetIds=[server.subnet_id])["Subnets"][0]
    network = ipaddress.ip_network(subnet["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
    assigned = server.ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6AddressCount=2)["AssignedIpv6Addresses"]
    assert len(set(assigned)) == 2 and all(ipaddress.ip_address(address) in network for address in assigned)
    assert [item["Ipv6Address"] for item in server.eni(eni_id)["Ipv6Addresses"]] == assigned
    server.ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6Addresses=assigned[:1])
    assert [item["Ipv6Address"] for item in server.eni(eni_id)["Ipv6Addresses"]] == assigned[1:]


@pytest.mark.needs("prefixes")
def test_ipv4_prefixes(server, eni_id):
    reply = server.ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=1)
    assigned = [item["Ipv4Prefix"] for item in reply.get("AssignedIpv4Prefixes", [])]
    assert len(assigned) == 1 and ipaddress.ip_network(assigned[0]).prefixlen == 28
    assert server.eni(eni_id)["Ipv4Prefixes"] == [{"Ipv4Prefix": assigned[0]}]


@pytest.mark.needs("prefixes")
def test_ipv6_prefixes(server, eni_id):
    reply = server.ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6PrefixCount=1)
    assigned = reply.get("AssignedIpv6Prefixes", [])
    assert len(assigned) == 1 and ipaddress.ip_network(assigned[0]).prefixlen == 80


@pytest.mark.needs("prefixes")
def test_created_with_a_prefix(server):
    made = server.ec2.create_network_interface(SubnetId=server.subnet_id, Ipv4PrefixCount=1)["NetworkInterface"]
    assert len(made.get("Ipv4Prefixes", [])) == 1


@pytest.mark.needs("ipv6-exclusive")
def test_one_kind_in_one_call(server, eni_id):
    try:
        server.ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6AddressCount=1, Ipv6PrefixCount=1)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidParameterValue"
    else:
        raise AssertionError("not refused")
