# SPDX-License-Identifier: Apache-2.0
"""vpcsim's prefixes and IPv6 as boto3 and a plain HTTP client see them; and their packets."""
import ipaddress

import pytest

from vpc.ping import answers, ping
from vpc.plain import SMALL, SUBNET_A, SUBNET_B, USER, VPC, WORLD
from vpc.plain import addresses, create, ec2, eni_of, free, refused, sim  # noqa: F401 (fixtures)
from vpc.process import run, wait_until
from vpc.simulator import Simulator, default_world

IPV6 = {
    "vpc": {**WORLD["vpc"], "ipv6_cidrs": ["2001:db8:1:100::/56"]},
    "subnets": [{**WORLD["subnets"][0], "ipv6_cidr": "2001:db8:1:101::/64"}, *WORLD["subnets"][1:]],
}


def prefixes(eni):
    return [item["Ipv4Prefix"] for item in eni.get("Ipv4Prefixes", [])]


def ipv6(eni):
    """(addresses, prefixes)"""
    return [item["Ipv6Address"] for item in eni["Ipv6Addresses"]], [item["Ipv6Prefix"] for item in eni.get("Ipv6Prefixes", [])]


# ---- IPv4 prefixes ----


def test_prefixes_come_and_go(sim, ec2):
    eni_id = create(ec2, SUBNET_B)["NetworkInterfaceId"]
    assert "Ipv4Prefixes" not in eni_of(ec2, eni_id)
    before = free(ec2, SUBNET_B)
    reply = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=2)
    assert [item["Ipv4Prefix"] for item in reply["AssignedIpv4Prefixes"]] == ["10.0.2.16/28", "10.0.2.32/28"]
    assert reply["AssignedPrivateIpAddresses"] == [] and reply["NetworkInterfaceId"] == eni_id
    assert free(ec2, SUBNET_B) == before - 32
    reply = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4Prefixes=["10.0.2.64/28"])
    assert [item["Ipv4Prefix"] for item in reply["AssignedIpv4Prefixes"]] == ["10.0.2.64/28"]
    reply = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, SecondaryPrivateIpAddressCount=1)
    assert reply["AssignedIpv4Prefixes"] == [] and len(reply["AssignedPrivateIpAddresses"]) == 1
    eni = eni_of(ec2, eni_id)
    assert prefixes(eni) == ["10.0.2.16/28", "10.0.2.32/28", "10.0.2.64/28"]
    assert addresses(eni) == ["10.0.2.4", "10.0.2.5"]
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4Prefixes=["10.0.2.32/28", "10.0.2.64/28"])
    assert prefixes(eni_of(ec2, eni_id)) == ["10.0.2.16/28"]
    unassign = ec2.unassign_private_ip_addresses
    refused("InvalidParameterValue", unassign, NetworkInterfaceId=eni_id, Ipv4Prefixes=["10.0.2.32/28"])
    refused("InvalidParameterValue", unassign, NetworkInterfaceId=eni_id, PrivateIpAddresses=["10.0.2.17"])
    refused("MissingParameter", unassign, NetworkInterfaceId=eni_id)
    ec2.delete_network_interface(NetworkInterfaceId=eni_id)
    assert free(ec2, SUBNET_B) == before + 1


def test_created_with_prefixes(sim, ec2):
    eni = create(ec2, SUBNET_B, Ipv4PrefixCount=2)
    assert prefixes(eni) == ["10.0.2.16/28", "10.0.2.32/28"] and addresses(eni) == ["10.0.2.4"]
    eni = create(ec2, SUBNET_B, Ipv4Prefixes=[{"Ipv4Prefix": "10.0.2.48/28"}], PrivateIpAddress="10.0.2.9")
    assert prefixes(eni) == ["10.0.2.48/28"] and addresses(eni) == ["10.0.2.9"]
    primary = {"PrivateIpAddress": "10.0.2.8", "Primary": True}  # it is another matter
    eni = create(ec2, SUBNET_B, PrivateIpAddresses=[primary], SecondaryPrivateIpAddressCount=1)
    assert addresses(eni) == ["10.0.2.8", "10.0.2.5"]
    first = ec2.create_network_interface(SubnetId=SUBNET_B, ClientToken="t", Ipv4PrefixCount=1)
    again = ec2.create_network_interface(SubnetId=SUBNET_B, ClientToken="t", Ipv4PrefixCount=1)
    assert prefixes(first["NetworkInterface"]) == prefixes(again["NetworkInterface"]) == ["10.0.2.64/28"]


def test_one_kind_in_one_call(ec2):
    eni_id = create(ec2)["NetworkInterfaceId"]
    count, some = {"SecondaryPrivateIpAddressCount": 1}, {"PrivateIpAddresses": ["10.0.1.99"]}
    for mixture in (
        {**count, "Ipv4PrefixCount": 1},
        {**count, **some},
        {**some, "Ipv4Prefixes": ["10.0.1.16/28"]},
        {"Ipv4Prefixes": ["10.0.1.16/28"], "Ipv4PrefixCount": 1},
    ):
        refused("InvalidParameterCombination", ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id, **mixture)
    for mixture in (
        {**count, "Ipv4PrefixCount": 1},
        {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.99", "Primary": False}], "Ipv4PrefixCount": 1},
        {"Ipv4Prefixes": [{"Ipv4Prefix": "10.0.1.16/28"}], "Ipv4PrefixCount": 1},
    ):
        refused("InvalidParameterCombination", create, ec2, **mixture)
    for bad in ("10.0.1.16", "10.0.1.16/32", "10.0.1.20/28", "10.0.1.16/27", "10.0.2.16/28", "10.0.1.0/28", "x"):
        refused("InvalidParameterValue", ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id, Ipv4Prefixes=[bad])
    refused("InvalidParameterValue", ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id, Ipv4PrefixCount=0)
    assert addresses(eni_of(ec2, eni_id)) == ["10.0.1.6"] and "Ipv4Prefixes" not in eni_of(ec2, eni_id)


def test_a_prefix_is_one_slot(sim, ec2):
    """A t3.small takes 4 addresses on an ENI, and the primary one is the first of them."""
    primary = sim.node["n1"]["primary_eni"]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=primary, Ipv4PrefixCount=3)
    for more in ({"Ipv4PrefixCount": 1}, {"SecondaryPrivateIpAddressCount": 1}):
        message = refused(
            "PrivateIpAddressLimitExceeded", ec2.assign_private_ip_addresses, NetworkInterfaceId=primary, **more
        )
        assert message == "Number of private addresses will exceed limit."
    assert len(prefixes(eni_of(ec2, primary))) == 3


# ---- fault 2: the subnet has addresses, but no block of them ----


@pytest.mark.world(taken={SUBNET_B: 1})
def test_fragmented(sim, ec2):
    eni_id = create(ec2, SUBNET_B)["NetworkInterfaceId"]
    assert free(ec2, SUBNET_B) == 251 - 1 - 13
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=1)
    full = "The specified subnet does not have enough free cidr blocks to satisfy the request."
    for _ in range(2):
        message = refused(
            "InsufficientCidrBlocks", ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id, Ipv4PrefixCount=1
        )
        assert message == full
    assert refused("InsufficientCidrBlocks", create, ec2, SUBNET_B, Ipv4PrefixCount=1) == full
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, SecondaryPrivateIpAddressCount=5)  # single ones are there
    sim.ctl("set-taken")
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=13)
    sim.ctl("set-taken", **{SUBNET_B: ["10.0.2.250"]})
    assert free(ec2, SUBNET_B) == 251 - 6 - 14 * 16 - 1
    message = refused("InvalidParameterValue", create, ec2, SUBNET_B, PrivateIpAddress="10.0.2.250")
    assert message == "Address 10.0.2.250 is in use."


def test_too_few_addresses_for_a_prefix(ec2):
    """This many addresses are not left at all: another code for it."""
    message = refused("InvalidParameterValue", create, ec2, SMALL, Ipv4PrefixCount=1)
    assert message == "There aren't sufficient free Ipv4 addresses or prefixes"
    assert free(ec2, SMALL) == 11


@pytest.mark.world(
    subnets=[
        *WORLD["subnets"][:2],
        {**WORLD["subnets"][2], "cidr": "10.0.3.0/26", "reservations": [{"cidr": "10.0.3.32/27", "type": "prefix"}]},
    ]
)
def test_reserved_for_prefixes(ec2):
    """Single addresses leave the reservation whole, until the rest of the subnet is used up."""
    full = create(ec2, SMALL, SecondaryPrivateIpAddressCount=27)
    assert all(ipaddress.ip_address(item) < ipaddress.ip_address("10.0.3.32") for item in addresses(full))
    refused("InsufficientFreeAddressesInSubnet", create, ec2, SMALL)
    assert free(ec2, SMALL) == 31  # the last address of the subnet is EC2's
    eni_id = full["NetworkInterfaceId"]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=1)
    assert prefixes(eni_of(ec2, eni_id)) == ["10.0.3.32/28"]


# ---- IPv6 ----


@pytest.mark.world(**IPV6)
def test_ipv6_comes_and_goes(sim, ec2):
    eni = create(ec2, Ipv6AddressCount=1)
    eni_id = eni["NetworkInterfaceId"]
    assert ipv6(eni) == (["2001:db8:1:101::4"], [])
    assert ipv6(create(ec2, Ipv6Addresses=[{"Ipv6Address": "2001:db8:1:101::77"}])) == (["2001:db8:1:101::77"], [])
    assert ipv6(create(ec2, Ipv6PrefixCount=1)) == ([], ["2001:db8:1:101:1::/80"])
    assert ipv6(create(ec2, Ipv6Prefixes=[{"Ipv6Prefix": "2001:db8:1:101:9::/80"}])) == ([], ["2001:db8:1:101:9::/80"])
    assert ipv6(create(ec2, Ipv6AddressCount=0)) == ([], [])

    reply = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6AddressCount=2)
    assert reply["AssignedIpv6Addresses"] == ["2001:db8:1:101::5", "2001:db8:1:101::6"] and reply["AssignedIpv6Prefixes"] == []
    reply = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6PrefixCount=1)
    assert reply["AssignedIpv6Prefixes"] == ["2001:db8:1:101:2::/80"] and reply["NetworkInterfaceId"] == eni_id
    ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6Addresses=["2001:db8:1:101:0:0:0:aa"])
    ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6Prefixes=["2001:db8:1:101:3::/80"])
    assert ipv6(eni_of(ec2, eni_id)) == (
        ["2001:db8:1:101::4", "2001:db8:1:101::5", "2001:db8:1:101::6", "2001:db8:1:101::aa"],
        ["2001:db8:1:101:2::/80", "2001:db8:1:101:3::/80"],
    )
    found = ec2.describe_network_interfaces(
        Filters=[{"Name": "ipv6-addresses.ipv6-address", "Values": ["2001:db8:1:101::aa"]}]
    )["NetworkInterfaces"]
    assert [item["NetworkInterfaceId"] for item in found] == [eni_id]
    reply = ec2.unassign_ipv6_addresses(
        NetworkInterfaceId=eni_id, Ipv6Addresses=["2001:db8:1:101::5"], Ipv6Prefixes=["2001:db8:1:101:2::/80"]
    )
    assert (reply["UnassignedIpv6Addresses"], reply["UnassignedIpv6Prefixes"]) == (
        ["2001:db8:1:101::5"],
        ["2001:db8:1:101:2::/80"],
    )
    assert addresses(eni_of(ec2, eni_id)) == addresses(eni)  # IPv4 is another matter
    unassign = ec2.unassign_ipv6_addresses
    refused("InvalidParameterValue", unassign, NetworkInterfaceId=eni_id, Ipv6Prefixes=["2001:db8:1:101:2::/80"])
    refused("MissingParameter", unassign, NetworkInterfaceId=eni_id)


@pytest.mark.world(**IPV6)
def test_ipv6_that_is_refused(sim, ec2):
    eni_id = create(ec2)["NetworkInterfaceId"]
    assign = ec2.assign_ipv6_addresses
    message = refused("InvalidParameterValue", assign, NetworkInterfaceId=eni_id, Ipv6AddressCount=1, Ipv6PrefixCount=1)
    assert message.startswith("You can and can only specify one of ipv6-addresses")
    refused("InvalidParameterValue", create, ec2, Ipv6AddressCount=1, Ipv6Prefixes=[{"Ipv6Prefix": "2001:db8:1:101:3::/80"}])
    for bad in ("2001:db8:1:101:3::/64", "2001:db8:1:102:3::/80", "10.0.1.16/28", "2001:db8:1:101:3::1/80"):
        refused("InvalidParameterValue", assign, NetworkInterfaceId=eni_id, Ipv6Prefixes=[bad])
    refused("InvalidParameterValue", assign, NetworkInterfaceId=eni_id, Ipv6Addresses=["10.0.1.99"])
    without = create(ec2, SUBNET_B)["NetworkInterfaceId"]
    refused("InvalidParameterValue", assign, NetworkInterfaceId=without, Ipv6AddressCount=1)
    primary = sim.node["n1"]["primary_eni"]
    assign(NetworkInterfaceId=primary, Ipv6PrefixCount=4)
    refused("PrivateIpAddressLimitExceeded", assign, NetworkInterfaceId=primary, Ipv6PrefixCount=1)


@pytest.mark.world(**IPV6)
def test_ipv6_of_subnets_and_vpcs(ec2):
    dual, only4, _ = ec2.describe_subnets()["Subnets"]
    assert [(item["Ipv6CidrBlock"], item["Ipv6CidrBlockState"]["State"]) for item in dual["Ipv6CidrBlockAssociationSet"]] == [
        ("2001:db8:1:101::/64", "associated")
    ]
    assert dual["Ipv6Native"] is False and only4["Ipv6CidrBlockAssociationSet"] == []
    vpc = ec2.describe_vpcs(VpcIds=[VPC])["Vpcs"][0]
    assert [item["Ipv6CidrBlock"] for item in vpc["Ipv6CidrBlockAssociationSet"]] == ["2001:db8:1:100::/56"]
    network = ec2.describe_instance_types(InstanceTypes=["m5.large"])["InstanceTypes"][0]["NetworkInfo"]
    assert (network["Ipv6Supported"], network["Ipv6AddressesPerInterface"]) == (True, 10)


# ---- metadata; fault 34 ----

LEAVES = ("ipv6s", "ipv4-prefix", "ipv6-prefix", "subnet-ipv6-cidr-blocks", "vpc-ipv6-cidr-blocks")


def leaves(sim, mac):
    return {leaf: sim.imds(f"network/interfaces/macs/{mac}/{leaf}") for leaf in LEAVES}


def test_metadata_without_prefixes_and_ipv6(sim):
    mac = sim.node["n1"]["mac"]
    assert set(leaves(sim, mac).values()) == {None} and sim.imds("ipv6") is None
    assert not set(LEAVES) & set(sim.imds(f"network/interfaces/macs/{mac}").split())
    sim.ctl("set-faults", rules=[{"service": "imds", "action": "*/network-card", "effect": "error", "status": 404}])
    assert sim.imds(f"network/interfaces/macs/{mac}/network-card") is None


@pytest.mark.world(**IPV6)
def test_metadata_of_prefixes_and_ipv6(sim, ec2):
    n1 = sim.node["n1"]
    cidrs = {"subnet-ipv6-cidr-blocks": "2001:db8:1:101::/64", "vpc-ipv6-cidr-blocks": "2001:db8:1:100::/56"}
    nothing = {"ipv6s": None, "ipv4-prefix": None, "ipv6-prefix": None, **cidrs}
    assert leaves(sim, n1["mac"]) == nothing
    sim.ctl("set-stale", imds=True)
    ec2.assign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], Ipv4PrefixCount=2)
    ec2.assign_ipv6_addresses(NetworkInterfaceId=n1["primary_eni"], Ipv6AddressCount=2)
    ec2.assign_ipv6_addresses(NetworkInterfaceId=n1["primary_eni"], Ipv6PrefixCount=1)
    assert leaves(sim, n1["mac"]) == nothing
    sim.ctl("set-stale", imds=False)
    all_of_it = {
        "ipv6s": "2001:db8:1:101::4\n2001:db8:1:101::5",
        "ipv4-prefix": "10.0.1.16/28\n10.0.1.32/28",
        "ipv6-prefix": "2001:db8:1:101:1::/80",
        **cidrs,
    }
    assert leaves(sim, n1["mac"]) == all_of_it and sim.imds("ipv6") == "2001:db8:1:101::4"
    assert sim.imds(f"network/interfaces/macs/{n1['mac']}/local-ipv4s") == n1["primary_address"]
    sim.ctl("set-delays", imds_lag_ms=3000)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], Ipv4Prefixes=["10.0.1.16/28", "10.0.1.32/28"])
    assert leaves(sim, n1["mac"]) == all_of_it
    wait_until(lambda: leaves(sim, n1["mac"]) == {**all_of_it, "ipv4-prefix": None})


@pytest.mark.world(**{**IPV6, "nodes": [{**WORLD["nodes"][0], "ipv6": True}], "delays": {"imds_lag_ms": 3600000}})
def test_a_node_with_ipv6(sim, ec2):
    assert sim.imds("ipv6") == "2001:db8:1:101::4"
    assert ipv6(eni_of(ec2, sim.node["n1"]["primary_eni"])) == (["2001:db8:1:101::4"], [])


# ---- packets ----

FABRIC_IPV6 = {
    "users": [USER],
    "vpc": {"id": VPC, "cidrs": ["10.0.0.0/16"], "ipv6_cidrs": ["2001:db8:1:100::/56"]},
    "subnets": [{"id": SUBNET_A, "cidr": "10.0.1.0/24", "ipv6_cidr": "2001:db8:1:101::/64", "zone": "us-east-1a"}],
}


def links(node):
    return {link["ifname"] for link in node.ip("link", "show")}


@pytest.mark.world(users=[USER])
def test_packets_of_a_prefix(vpc, make_node):
    """All addresses of a prefix are the ENI's: they are delivered to it and may leave from it; and not any more afterwards."""
    here, there = (make_node(name, start=False) for name in ("n1", "n2"))
    ec2 = vpc.client(USER)
    eni_id = there.facts["primary_eni"]
    prefix = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=1)["AssignedIpv4Prefixes"][0]
    ends = [str(address) for address in ipaddress.ip_network(prefix["Ipv4Prefix"])]
    for address in (ends[0], ends[-1]):
        there.ip("address", "add", f"{address}/32", "dev", "lo")
        assert answers(here, address) and answers(there, here.address, source=address)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4Prefixes=[prefix["Ipv4Prefix"]])
    assert not ping(here, ends[0])


@pytest.mark.world(**FABRIC_IPV6)
def test_ipv6_packets(vpc, make_node):
    here, there = (make_node(name, start=False, ipv6=True) for name in ("n1", "n2"))
    ec2 = vpc.client(USER)
    assert answers(here, "2001:db8:1:101::5") and answers(there, "2001:db8:1:101::4")
    eni_id = there.facts["primary_eni"]
    prefix = ec2.assign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6PrefixCount=1)["AssignedIpv6Prefixes"][0]
    pod = str(ipaddress.ip_network(prefix)[0xABCDEF012345])
    there.ip("address", "add", f"{pod}/128", "dev", "lo")
    assert answers(here, pod) and answers(there, "2001:db8:1:101::4", source=pod)
    # an ENI without IPv6 at its attachment, and one that takes its own along
    second = ec2.create_network_interface(SubnetId=SUBNET_A, Ipv6AddressCount=1)["NetworkInterface"]
    ec2.attach_network_interface(
        NetworkInterfaceId=second["NetworkInterfaceId"], InstanceId=there.facts["instance_id"], DeviceIndex=1
    )
    address = second["Ipv6Addresses"][0]["Ipv6Address"]
    wait_until(lambda: "eth1" in links(there))
    there.ip("link", "set", "eth1", "up")
    there.ip("address", "add", f"{address}/128", "dev", "eth1", "nodad")
    there.ip("-6", "route", "add", "default", "via", "fe80::1", "dev", "eth1", "table", "2")
    there.ip("-6", "rule", "add", "from", address, "lookup", "2")
    assert answers(here, address)
    ec2.unassign_ipv6_addresses(NetworkInterfaceId=eni_id, Ipv6Prefixes=[prefix])
    assert not ping(here, pod) and answers(here, "2001:db8:1:101::5")
    attachment = eni_of(ec2, second["NetworkInterfaceId"])["Attachment"]["AttachmentId"]
    ec2.detach_network_interface(AttachmentId=attachment)
    wait_until(lambda: "eth1" not in links(there))


def test_addresses_of_somebody_else(tmp_path):
    """What an ENI sends from an address that is not its own is dropped, and reported, unless its check is off."""
    vpc = Simulator(default_world(**FABRIC_IPV6), tmp_path / "vpc")
    try:
        for name in ("n1", "n2"):
            vpc.add_node(name, ipv6=True)
        inside = ["ip", "netns", "exec", vpc.namespace("n1")]
        run(*inside, "ip", "address", "add", "2001:db8:1:101:1::7/128", "dev", "lo")

        def send(source, destination):
            """Once, and nobody answers."""
            assert run(*inside, "ping", "-c", "1", "-W", "1", "-I", source, destination, check=False).returncode != 0

        def offender_of(source, destination):
            send(source, destination)  # a slow machine's link may not be ready for the first
            return vpc.ctl("offenders")["offenders"][0]

        offender = wait_until(lambda: offender_of("2001:db8:1:101:1::7", "2001:db8:1:101::5"), 30, why="it is reported")
        assert (offender["source"], offender["destination"]) == ("2001:db8:1:101:1::7", "2001:db8:1:101::5")
        assert vpc.wrong_source_packets() == offender["packets"] > 0
        # unless nobody is to look
        eni_id, before = vpc.enis("n1")[0]["id"], vpc.ctl("counters")
        vpc.client(USER).modify_network_interface_attribute(NetworkInterfaceId=eni_id, SourceDestCheck={"Value": False})
        run(*inside, "ip", "address", "add", "10.0.1.99/32", "dev", "lo")

        def forwarded():
            send("2001:db8:1:101:1::7", "2001:db8:1:101::5")
            send("10.0.1.99", "10.0.1.5")
            return vpc.ctl("counters")["forwarded_packets"] >= before["forwarded_packets"] + 2

        wait_until(forwarded, 30, why="they are let through")
        assert vpc.ctl("counters")["wrong_source_packets"] == before["wrong_source_packets"]
        vpc.stop()
    finally:
        vpc.destroy()
