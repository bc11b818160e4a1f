# SPDX-License-Identifier: Apache-2.0
"""Each action of ipamd/cloud/ec2.h against each EC2: what we send is understood, what they answer is read right."""
import ipaddress
import secrets

import pytest

from client import Refused

TAG = "node.k8s.amazonaws.com/instance_id"
PAGE = 200  # EC2_PAGE_RESULTS


def create(server, client, **changes):
    request = {
        "subnet_id": server.subnet_id,
        "description": "an ENI & its <friends>, 100 % ours",
        "client_token": secrets.token_hex(16),
        "groups": [server.group_id],
    }
    return client.create_eni(**{**request, **changes})


def refused(failure_class, call, **arguments):
    try:
        result = call(**arguments)
    except Refused as refusal:
        assert refusal.failure_class == failure_class, refusal
        return refusal
    raise AssertionError(f"not refused: {result}")


def only(found):
    assert len(found) == 1, found
    return found[0]


@pytest.fixture
def eni(server, client):
    """A fresh ENI with two secondary addresses and a tag of its own. It stays: the server goes with the session."""
    return create(server, client, secondary_addresses=2, tags={TAG: f"i-{secrets.token_hex(8)}", "name": "a=b&c d/é"})


@pytest.fixture
def instance(server):
    """(id, primary ENI) of a fresh instance, so that no test sees what another one attached."""
    return server.new_instance()


@pytest.fixture
def attached(client, instance, eni):
    """(ENI, its attachment's id), at device index 1."""
    return eni, client.attach_eni(eni_id=eni["eni_id"], instance_id=instance[0], device_index=1)


def test_create(server, eni):
    shown = server.eni(eni["eni_id"])
    assert eni["mac"] == shown["MacAddress"] and eni["primary"] == shown["PrivateIpAddress"]
    addresses = [item["PrivateIpAddress"] for item in shown["PrivateIpAddresses"]]
    assert len(eni["secondary"]) == 2 and sorted([eni["primary"], *eni["secondary"]]) == sorted(addresses)
    assert eni["subnet_id"] == server.subnet_id
    assert eni["groups"] == [server.group_id] == [group["GroupId"] for group in shown["Groups"]]
    assert eni["tags"] == {tag["Key"]: tag["Value"] for tag in shown["TagSet"]}
    assert eni["tags"].keys() == {TAG, "name"} and eni["tags"]["name"] == "a=b&c d/é"
    assert eni["description"] == shown["Description"] == "an ENI & its <friends>, 100 % ours"
    assert eni["attachment"] is None
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network("10.0.0.0/17") for address in addresses)


def test_describe(server, client, eni):
    found = only(client.describe_enis(ids=[eni["eni_id"]]))
    assert found["status"] == "available" and found["attachment"] is None
    changing = {"status", "attachment"}
    assert {k: v for k, v in found.items() if k not in changing} == {k: v for k, v in eni.items() if k not in changing}
    tag = {f"tag:{TAG}": eni["tags"][TAG]}
    assert only(client.describe_enis(filters=tag)) == found
    assert only(client.describe_enis(filters={**tag, "subnet-id": server.subnet_id})) == found
    assert client.describe_enis(filters={f"tag:{TAG}": "i-nobody"}) == []


def test_describe_of_an_instance(client, instance, attached):
    (instance_id, own), (eni, attachment_id) = instance, attached
    found = {item["eni_id"]: item for item in client.describe_enis(filters={"attachment.instance-id": instance_id})}
    assert sorted(found) == sorted([eni["eni_id"], own["NetworkInterfaceId"]])
    primary = found[own["NetworkInterfaceId"]]
    assert primary["attachment"]["device_index"] == 0 and primary["primary"] == own["PrivateIpAddress"]
    shown = found[eni["eni_id"]]
    assert shown["status"] == "in-use"
    wanted = {"attachment_id": attachment_id, "status": "attached"}
    assert shown["attachment"].items() >= {**wanted, "device_index": 1, "network_card": 0}.items()


def test_assign_and_unassign(client, attached):
    eni, _ = attached
    answer = client.assign_addresses(eni_id=eni["eni_id"], count=1)
    now = only(client.describe_enis(ids=[eni["eni_id"]]))
    new = set(now["secondary"]) - set(eni["secondary"])
    assert len(new) == 1 and new <= set(answer)
    gone = [eni["secondary"][0], *new]
    client.unassign_addresses(eni_id=eni["eni_id"], addresses=gone)
    left = only(client.describe_enis(ids=[eni["eni_id"]]))
    assert left["secondary"] == [eni["secondary"][1]] and left["primary"] == eni["primary"]


def test_groups(server, client, attached):
    """All three have one group in the VPC alone: what is asked for is taken."""
    eni, _ = attached
    client.set_groups(eni_id=eni["eni_id"], groups=[server.group_id])
    assert only(client.describe_enis(ids=[eni["eni_id"]]))["groups"] == [server.group_id]


def test_detach_and_delete(client, attached):
    eni, attachment_id = attached
    client.set_delete_on_termination(eni_id=eni["eni_id"], attachment_id=attachment_id)
    client.detach_eni(attachment_id=attachment_id)
    found = only(client.describe_enis(ids=[eni["eni_id"]]))
    assert found["status"] == "available" and found["attachment"] is None
    client.delete_eni(eni_id=eni["eni_id"])
    refused("gone", client.describe_enis, ids=[eni["eni_id"]])
    assert client.describe_enis(filters={f"tag:{TAG}": eni["tags"][TAG]}) == []


def test_describe_subnets(server, client):
    found = only(client.describe_subnets(ids=[server.subnet_id]))
    assert found == only(client.describe_subnets(filters={"subnet-id": server.subnet_id}))
    shown = server.ec2.describe_subnets(SubnetIds=[server.subnet_id])["Subnets"][0]
    assert found == {
        "subnet_id": server.subnet_id,
        "vpc_id": server.vpc_id,
        "availability_zone": "us-east-1a",
        "state": "available",
        "cidr": "10.0.0.0/17",
        "available_addresses": shown["AvailableIpAddressCount"],
        "tags": {},
    }
    in_vpc = client.describe_subnets(filters={"vpc-id": server.vpc_id})
    assert {subnet["subnet_id"] for subnet in in_vpc} == {server.subnet_id, server.small_subnet_id}


def test_describe_instance_type(client):
    for name, enis, addresses in (("t3.small", 3, 4), ("m5.large", 3, 10), ("m5.4xlarge", 8, 30)):
        found = client.describe_instance_type(instance_type=name)
        assert (found["name"], found["max_enis"], found["ipv4_per_eni"]) == (name, enis, addresses)


NOBODY, NOWHERE = "eni-00000000000000000", "subnet-00000000000000000"


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("describe_enis", {"ids": [NOBODY]}, "InvalidNetworkInterfaceID.NotFound"),
        ("describe_subnets", {"ids": [NOWHERE]}, "InvalidSubnetID.NotFound"),
        ("describe_instance_type", {"instance_type": "x9.huge"}, "InvalidInstanceType"),
        ("create_eni", {"subnet_id": NOWHERE, "client_token": "t"}, "InvalidSubnetID.NotFound"),
        ("attach_eni", {"eni_id": NOBODY, "instance_id": None, "device_index": 2}, "InvalidNetworkInterfaceID.NotFound"),
        ("set_delete_on_termination", {"eni_id": NOBODY, "attachment_id": "eni-attach-00000000000000000"},
         "InvalidNetworkInterfaceID.NotFound"),
        ("assign_addresses", {"eni_id": NOBODY, "count": 1}, "InvalidNetworkInterfaceID.NotFound"),
        ("unassign_addresses", {"eni_id": NOBODY, "addresses": ["10.0.0.9"]}, "InvalidNetworkInterfaceID.NotFound"),
        ("detach_eni", {"attachment_id": "eni-attach-00000000000000000"}, "InvalidAttachmentID.NotFound"),
        ("delete_eni", {"eni_id": NOBODY}, "InvalidNetworkInterfaceID.NotFound"),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value else "",
)
def test_things_that_are_not_there(server, client, call, arguments, code):
    if "instance_id" in arguments:
        arguments = {**arguments, "instance_id": server.instance_id}
    failure = refused("gone", getattr(client, call), **arguments)
    assert failure.code == code and failure.http_status == 400 and failure.err_code == "not-found"


@pytest.mark.needs("stumbles")
def test_a_server_that_stumbles(client, attached):
    """A filter that moto dies of: moto answers with a page of HTML, LocalStack with an error of EC2's form."""
    failure = refused("transient", client.describe_enis, filters={"attachment.device-index": "1"})
    assert failure.http_status >= 500 and failure.err_code == "again"
    assert only(client.describe_enis(ids=[attached[0]["eni_id"]]))  # and it is well


def test_attach_to_nobody(client, eni):
    failure = refused("gone", client.attach_eni, eni_id=eni["eni_id"], instance_id="i-00000000000000000", device_index=1)
    assert failure.code == "InvalidInstanceID.NotFound"


@pytest.mark.needs("unknown-group")
def test_unknown_group(server, client):
    failure = refused("request", lambda: create(server, client, groups=["sg-00000000000000000"]))
    assert failure.code == "InvalidGroup.NotFound"


@pytest.mark.needs("client-token")
def test_client_token(server, client):
    token = secrets.token_hex(16)
    first, again = (create(server, client, client_token=token) for _ in range(2))
    assert first["eni_id"] == again["eni_id"]
    refused("token-used", lambda: create(server, client, client_token=token, description="another"))


@pytest.mark.needs("delete-on-termination")
def test_delete_on_termination(client, attached):
    eni, attachment_id = attached
    client.set_delete_on_termination(eni_id=eni["eni_id"], attachment_id=attachment_id)
    assert only(client.describe_enis(ids=[eni["eni_id"]]))["attachment"]["delete_on_termination"] is True


@pytest.mark.needs("assign-new-only")
def test_assign_answers_with_the_new_ones(client, eni):
    answer = client.assign_addresses(eni_id=eni["eni_id"], count=1)
    assert len(answer) == 1 and answer[0] not in eni["secondary"]


@pytest.mark.needs("unassign-unknown")
def test_unassign_what_is_not_assigned(client, eni):
    refused("gone", client.unassign_addresses, eni_id=eni["eni_id"], addresses=["10.0.127.9"])


@pytest.mark.needs("in-use")
def test_delete_in_use(client, attached):
    refused("in-use", client.delete_eni, eni_id=attached[0]["eni_id"])


@pytest.mark.needs("in-use")
def test_device_index_in_use(client, instance, eni):
    refused("in-use", client.attach_eni, eni_id=eni["eni_id"], instance_id=instance[0], device_index=0)


@pytest.mark.needs("limits")
def test_addresses_of_an_eni(client, attached):
    failure = refused("capacity-eni", client.assign_addresses, eni_id=attached[0]["eni_id"], count=2)
    assert failure.code == "PrivateIpAddressLimitExceeded" and failure.err_code == "limit"


@pytest.mark.needs("limits")
def test_enis_of_an_instance(server, client, instance):
    enis = [create(server, client)["eni_id"] for _ in range(3)]
    for index, eni_id in enumerate(enis[:2], 1):
        client.attach_eni(eni_id=eni_id, instance_id=instance[0], device_index=index)
    failure = refused("capacity-instance", client.attach_eni, eni_id=enis[2], instance_id=instance[0], device_index=3)
    assert failure.code == "AttachmentLimitExceeded" and failure.err_code == "limit"


@pytest.mark.needs("subnet-full")
def test_full_subnet(server, client):
    """A /28 has 11 addresses to give."""
    made = create(server, client, subnet_id=server.small_subnet_id, secondary_addresses=9)
    refused("capacity-subnet", client.assign_addresses, eni_id=made["eni_id"], count=2)
    client.assign_addresses(eni_id=made["eni_id"], count=1)
    failure = refused("capacity-subnet", lambda: create(server, client, subnet_id=server.small_subnet_id))
    assert failure.code == "InsufficientFreeAddressesInSubnet" and failure.err_code == "limit"


@pytest.mark.needs("pagination")
def test_pages(server, client):
    """More than a page holds: vpcsim cuts, our client puts together."""
    make = server.ec2.create_network_interface  # by boto3: our client keeps its pace
    made = (make(SubnetId=server.subnet_id, Description="one of many") for _ in range(PAGE + 5))
    enis = [reply["NetworkInterface"]["NetworkInterfaceId"] for reply in made]
    reply = server.ec2.describe_network_interfaces(MaxResults=PAGE)
    assert len(reply["NetworkInterfaces"]) == PAGE and reply.get("NextToken")
    found = client.describe_enis(filters={"description": "one of many"})
    assert sorted(eni["eni_id"] for eni in found) == sorted(enis)
