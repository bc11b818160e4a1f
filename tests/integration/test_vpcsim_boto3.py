# SPDX-License-Identifier: Apache-2.0
"""vpcsim's EC2 API and metadata service as boto3 and a plain HTTP client see them. No packets: nothing here needs root."""
import datetime
import json
import re
import secrets
import time

import botocore.exceptions
import pytest

from vpc.plain import REGION, SMALL, SUBNET_A, SUBNET_B, TOKEN_HEADER, TTL_HEADER, USER, VPC, WORLD
from vpc.plain import addresses, create, ec2, eni_of, free, refused, sim  # noqa: F401 (fixtures)
from vpc.process import wait_until


def test_the_life_of_an_eni(sim, ec2):
    instance = sim.node["n1"]["instance_id"]
    sim.ctl("set-delays", attach_ms=3000, detach_ms=3000)
    eni = create(
        ec2,
        Description="a & <b> 'ü'",
        SecondaryPrivateIpAddressCount=2,
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [{"Key": "k", "Value": "v\"&"}]}],
    )
    eni_id = eni["NetworkInterfaceId"]
    assert re.fullmatch(r"eni-[0-9a-f]{17}", eni_id)
    assert eni["Status"] == "available" and "Attachment" not in eni
    assert eni["Description"] == "a & <b> 'ü'" and eni["TagSet"] == [{"Key": "k", "Value": 'v"&'}]
    assert eni["AvailabilityZone"] == "us-east-1a" and eni["VpcId"] == VPC and eni["MacAddress"].startswith("02:")
    assert [item["Primary"] for item in eni["PrivateIpAddresses"]] == [True, False, False]

    attachment = ec2.attach_network_interface(NetworkInterfaceId=eni_id, InstanceId=instance, DeviceIndex=1)
    attachment = attachment["AttachmentId"]
    state = eni_of(ec2, eni_id)
    assert (state["Status"], state["Attachment"]["Status"]) == ("in-use", "attaching")
    assert state["Attachment"]["AttachmentId"] == attachment
    assert state["Attachment"]["DeleteOnTermination"] is False
    wait_until(lambda: eni_of(ec2, eni_id)["Attachment"]["Status"] == "attached")
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni_id, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True}
    )
    assert eni_of(ec2, eni_id)["Attachment"]["DeleteOnTermination"] is True

    assert "currently in use" in refused(
        "InvalidParameterValue", ec2.delete_network_interface, NetworkInterfaceId=eni_id
    )
    ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    assert eni_of(ec2, eni_id)["Attachment"]["Status"] == "detaching"
    wait_until(lambda: eni_of(ec2, eni_id)["Status"] == "available")
    ec2.delete_network_interface(NetworkInterfaceId=eni_id)
    refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, NetworkInterfaceIds=[eni_id])


def test_waiter_and_paginator(sim, ec2):
    made = {create(ec2, SMALL)["NetworkInterfaceId"] for _ in range(11)}
    waiter = ec2.get_waiter("network_interface_available")
    waiter.wait(NetworkInterfaceIds=sorted(made)[:3], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    pages = list(
        ec2.get_paginator("describe_network_interfaces").paginate(
            Filters=[{"Name": "subnet-id", "Values": [SMALL]}], PaginationConfig={"PageSize": 5}
        )
    )
    assert [len(page["NetworkInterfaces"]) for page in pages] == [5, 5, 1]
    assert {eni["NetworkInterfaceId"] for page in pages for eni in page["NetworkInterfaces"]} == made
    refused("InvalidNextToken", ec2.describe_network_interfaces, NextToken="x", MaxResults=5)
    refused("InvalidNextToken", ec2.describe_subnets, NextToken=pages[0]["NextToken"], MaxResults=5)


def test_a_subnet_runs_out(ec2):
    eni = create(ec2, SMALL, SecondaryPrivateIpAddressCount=9)
    assert addresses(eni) == [f"10.0.3.{n}" for n in range(4, 14)]
    assert free(ec2, SMALL) == 1
    message = refused(
        "InsufficientFreeAddressesInSubnet",
        ec2.create_network_interface,
        SubnetId=SMALL,
        SecondaryPrivateIpAddressCount=1,
    )
    assert message == "The specified subnet does not have enough free addresses to satisfy the request."
    assert free(ec2, SMALL) == 1
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    assert free(ec2, SMALL) == 11


def test_addresses(sim, ec2):
    eni_id = create(ec2, SMALL)["NetworkInterfaceId"]
    other = create(ec2, SMALL, PrivateIpAddress="10.0.3.10")["NetworkInterfaceId"]
    reply = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, SecondaryPrivateIpAddressCount=2)
    assert [item["PrivateIpAddress"] for item in reply["AssignedPrivateIpAddresses"]] == ["10.0.3.5", "10.0.3.6"]
    assert reply["NetworkInterfaceId"] == eni_id
    reply = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, PrivateIpAddresses=["10.0.3.12"])
    assert [item["PrivateIpAddress"] for item in reply["AssignedPrivateIpAddresses"]] == ["10.0.3.12"]
    for bad in ("10.0.3.1", "10.0.3.15", "10.0.9.9", "10.0.3.10", "10.0.3.5"):
        refused(
            "InvalidParameterValue", ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id, PrivateIpAddresses=[bad]
        )
    ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.3.5"], AllowReassignment=True)
    assert addresses(eni_of(ec2, eni_id)) == ["10.0.3.4", "10.0.3.6", "10.0.3.12"]

    message = refused(
        "InvalidParameterValue",
        ec2.unassign_private_ip_addresses,
        NetworkInterfaceId=eni_id,
        PrivateIpAddresses=["10.0.3.6", "10.0.3.13"],
    )
    assert message == f"Some of the specified addresses are not assigned to interface {eni_id}"
    refused(
        "InvalidParameterValue",
        ec2.unassign_private_ip_addresses,
        NetworkInterfaceId=eni_id,
        PrivateIpAddresses=["10.0.3.4"],
    )
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni_id, PrivateIpAddresses=["10.0.3.6"])
    assert addresses(eni_of(ec2, eni_id)) == ["10.0.3.4", "10.0.3.12"]
    refused("MissingParameter", ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id)
    unknown = {"EnablePrimaryIpv6": True}  # of a parameter that vpcsim does not know
    refused("UnknownParameter", ec2.create_network_interface, SubnetId=SMALL, **unknown)


def test_given_addresses_at_creation(ec2):
    eni = create(
        ec2,
        SMALL,
        PrivateIpAddresses=[
            {"PrivateIpAddress": "10.0.3.9", "Primary": False},
            {"PrivateIpAddress": "10.0.3.8", "Primary": True},
        ],
    )
    assert eni["PrivateIpAddress"] == "10.0.3.8" and addresses(eni) == ["10.0.3.8", "10.0.3.9"]
    in_use = refused("InvalidParameterValue", ec2.create_network_interface, SubnetId=SMALL, PrivateIpAddress="10.0.3.9")
    assert in_use == "Address 10.0.3.9 is in use."


def test_limits(sim, ec2):
    instance = sim.node["n1"]["instance_id"]
    full = create(ec2, SecondaryPrivateIpAddressCount=3)["NetworkInterfaceId"]
    ec2.attach_network_interface(NetworkInterfaceId=full, InstanceId=instance, DeviceIndex=1)
    message = refused(
        "PrivateIpAddressLimitExceeded",
        ec2.assign_private_ip_addresses,
        NetworkInterfaceId=full,
        SecondaryPrivateIpAddressCount=1,
    )
    assert message == "Number of private addresses will exceed limit."
    second, third, large = (create(ec2, **more)["NetworkInterfaceId"] for more in ({}, {}, {"SecondaryPrivateIpAddressCount": 4}))
    attach = ec2.attach_network_interface
    message = refused("InvalidParameterValue", attach, NetworkInterfaceId=second, InstanceId=instance, DeviceIndex=1)
    assert message == f"Instance '{instance}' already has an interface attached at device index '1'."
    refused("PrivateIpAddressLimitExceeded", attach, NetworkInterfaceId=large, InstanceId=instance, DeviceIndex=2)
    attach(NetworkInterfaceId=second, InstanceId=instance, DeviceIndex=2)
    message = refused("InvalidNetworkInterface.InUse", attach, NetworkInterfaceId=second, InstanceId=instance, DeviceIndex=3)
    assert message == f"Interface: [{second}] in use."
    message = refused("AttachmentLimitExceeded", attach, NetworkInterfaceId=third, InstanceId=instance, DeviceIndex=3)
    assert message == "Interface count 4 exceeds the limit for t3.small"
    far = create(ec2, SUBNET_B)["NetworkInterfaceId"]
    refused(
        "InvalidParameterCombination",
        attach,
        NetworkInterfaceId=far,
        InstanceId=sim.node["n2"]["instance_id"],
        DeviceIndex=1,
    )


def test_the_primary_eni_stays(sim, ec2):
    primary = eni_of(ec2, sim.node["n1"]["primary_eni"])
    assert primary["Attachment"]["DeviceIndex"] == 0 and primary["Attachment"]["DeleteOnTermination"] is True
    assert primary["Association"]["PublicIp"] == sim.node["n1"]["public_address"]
    message = refused(
        "OperationNotPermitted", ec2.detach_network_interface, AttachmentId=primary["Attachment"]["AttachmentId"]
    )
    assert message == "The network interface at device index 0 cannot be detached."


def test_things_that_are_not_there(sim, ec2):
    eni_id = create(ec2)["NetworkInterfaceId"]
    gone, nobody = "eni-00000000000000000", "i-00000000000000000"
    message = refused("InvalidNetworkInterfaceID.NotFound", ec2.delete_network_interface, NetworkInterfaceId=gone)
    assert message == f"The networkInterface ID '{gone}' does not exist"
    attach = ec2.attach_network_interface
    refused("InvalidInstanceID.NotFound", attach, NetworkInterfaceId=eni_id, InstanceId=nobody, DeviceIndex=1)
    refused("InvalidAttachmentID.NotFound", ec2.detach_network_interface, AttachmentId="eni-attach-0")
    refused("InvalidSubnetID.NotFound", ec2.create_network_interface, SubnetId="subnet-0")
    refused("InvalidGroup.NotFound", ec2.create_network_interface, SubnetId=SUBNET_A, Groups=["sg-0"])
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["x9.huge"])
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[nobody])
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=["vpc-0"])
    refused("InvalidNetworkInterfaceID.NotFound", ec2.create_tags, Resources=[gone], Tags=[{"Key": "a", "Value": "b"}])
    refused("InvalidID", ec2.create_tags, Resources=["foo"], Tags=[{"Key": "a", "Value": "b"}])


def test_client_token(ec2):
    before = free(ec2, SUBNET_A)
    first = ec2.create_network_interface(SubnetId=SUBNET_A, ClientToken="t-1", Description="d")
    assert first["ClientToken"] == "t-1"
    again = ec2.create_network_interface(SubnetId=SUBNET_A, ClientToken="t-1", Description="d")
    assert first["NetworkInterface"]["NetworkInterfaceId"] == again["NetworkInterface"]["NetworkInterfaceId"]
    assert free(ec2, SUBNET_A) == before - 1
    refused(
        "IdempotentParameterMismatch",
        ec2.create_network_interface,
        SubnetId=SUBNET_A,
        ClientToken="t-1",
        Description="other",
    )


def test_filters_and_tags(sim, ec2):
    eni_id = create(ec2, SUBNET_B, Description="one of a kind")["NetworkInterfaceId"]
    ec2.create_tags(Resources=[eni_id], Tags=[{"Key": "node.k8s.amazonaws.com/instance_id", "Value": "i-1"}, {"Key": "x", "Value": ""}])

    def find(name, *values):
        reply = ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": list(values)}])
        return [eni["NetworkInterfaceId"] for eni in reply["NetworkInterfaces"]]

    primary = sim.node["n1"]["primary_eni"]
    assert find("attachment.instance-id", sim.node["n1"]["instance_id"]) == [primary]
    assert find("tag:node.k8s.amazonaws.com/instance_id", "i-*") == [eni_id]
    assert find("tag-key", "x") == find("description", "one of *") == find("subnet-id", SUBNET_B) == [eni_id]
    assert find("status", "available") == [eni_id]
    assert find("private-ip-address", sim.node["n1"]["primary_address"]) == [primary]
    assert len(find("status", "available", "in-use")) == 3
    assert find("vpc-id", "vpc-0") == []
    refused("InvalidParameterValue", find, "colour", "red")
    ec2.delete_tags(Resources=[eni_id], Tags=[{"Key": "x"}])
    assert [tag["Key"] for tag in eni_of(ec2, eni_id)["TagSet"]] == ["node.k8s.amazonaws.com/instance_id"]


def test_modify(ec2):
    eni_id = create(ec2)["NetworkInterfaceId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    modify = ec2.modify_network_interface_attribute
    modify(NetworkInterfaceId=eni_id, Description={"Value": "new"})
    modify(NetworkInterfaceId=eni_id, SourceDestCheck={"Value": False})
    modify(NetworkInterfaceId=eni_id, Groups=[group])
    eni = eni_of(ec2, eni_id)
    assert (eni["Description"], eni["SourceDestCheck"], eni["Groups"][0]["GroupId"]) == ("new", False, group)
    refused("InvalidParameterCombination", modify, NetworkInterfaceId=eni_id)
    refused("InvalidGroup.NotFound", modify, NetworkInterfaceId=eni_id, Groups=["sg-0"])


@pytest.mark.world(vpc={**WORLD["vpc"], "security_groups": [{"id": "sg-0123456789abcdef0", "name": "pods"}]})
def test_groups(ec2):
    found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["pods"]}])["SecurityGroups"]
    assert [(group["GroupId"], group["VpcId"]) for group in found] == [("sg-0123456789abcdef0", VPC)]
    assert [group["GroupName"] for group in create(ec2)["Groups"]] == ["default"]
    assert [group["GroupName"] for group in create(ec2, Groups=["sg-0123456789abcdef0"])["Groups"]] == ["pods"]


def test_other_describes(sim, ec2):
    vpc = ec2.describe_vpcs()["Vpcs"][0]
    assert [item["CidrBlock"] for item in vpc["CidrBlockAssociationSet"]] == WORLD["vpc"]["cidrs"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"]
    assert [subnet["SubnetId"] for subnet in subnets] == [SUBNET_A, SMALL]
    assert subnets[0]["Tags"] == [{"Key": "kubernetes.io/role/cni", "Value": "1"}]
    types = ec2.describe_instance_types(InstanceTypes=["t3.small", "m5.4xlarge"])["InstanceTypes"]
    limits = [(t["NetworkInfo"]["MaximumNetworkInterfaces"], t["NetworkInfo"]["Ipv4AddressesPerInterface"]) for t in types]
    assert limits == [(3, 4), (8, 30)]
    assert types[0]["Hypervisor"] == "nitro" and types[0]["BareMetal"] is False
    instance_id = sim.node["n1"]["instance_id"]
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    assert instance["State"]["Name"] == "running" and instance["InstanceType"] == "t3.small"
    assert instance["NetworkInterfaces"][0]["NetworkInterfaceId"] == sim.node["n1"]["primary_eni"]
    assert instance["PublicIpAddress"] == sim.node["n1"]["public_address"]


def test_dry_run_and_unknown_actions(ec2):
    before = free(ec2, SUBNET_A)
    refused("DryRunOperation", ec2.create_network_interface, SubnetId=SUBNET_A, DryRun=True, status=412)
    assert free(ec2, SUBNET_A) == before
    refused("InvalidAction", ec2.describe_regions)


def test_nodes_that_go_take_their_enis_along(sim, ec2):
    instance = sim.node["n2"]["instance_id"]
    stays, goes = (create(ec2)["NetworkInterfaceId"] for _ in range(2))
    for index, eni_id in enumerate((stays, goes), 1):
        ec2.attach_network_interface(NetworkInterfaceId=eni_id, InstanceId=instance, DeviceIndex=index)
    attachment = eni_of(ec2, goes)["Attachment"]["AttachmentId"]
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=goes, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True}
    )
    sim.ctl("remove-node", name="n2")
    assert eni_of(ec2, stays)["Status"] == "available"
    refused("InvalidNetworkInterfaceID.NotFound", eni_of, ec2, goes)


def test_calls_are_logged(sim, ec2):
    sim.ctl("calls-reset")
    role = json.loads(sim.imds("iam/security-credentials/node-role"))
    sim.client(role["AccessKeyId"], role["SecretAccessKey"], role["Token"]).describe_subnets()
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=["subnet-0"])
    calls = sim.ctl("calls")
    assert calls["total"] == 2 and calls["by_action"] == {"DescribeSubnets": 2}
    assert [(c["node"], c["status"], c["code"]) for c in calls["log"]] == [
        ("n1", 200, None),
        (None, 400, "InvalidSubnetID.NotFound"),
    ]


def test_wrong_keys(sim):
    refused("SignatureDoesNotMatch", sim.client(secret="wrong").describe_vpcs, status=403)
    refused("AuthFailure", sim.client(key="AKIANOBODY").describe_vpcs, status=401)
    refused("AuthFailure", sim.client(token="nobody gave this").describe_vpcs, status=401)
    refused("AuthFailure", sim.client(region="eu-west-1").describe_vpcs, status=401)


BODY = "Action=DescribeVpcs&Version=2016-11-15"


def code_of(reply):
    return reply[0], (re.search("<Code>(.*)</Code>", reply[2]) or [None, None])[1]


def test_tampered_requests(sim):
    assert code_of(sim.signed(BODY)) == (200, None)

    def set_header(name, value):
        def change(request):
            del request.headers[name]
            if value is not None:
                request.headers[name] = value

        return change

    def other_body(request):
        request.data = BODY.replace("Vpcs", "Subnets")

    def half_a_signature(request):
        set_header("Authorization", request.headers["Authorization"][:-10])(request)

    def header_not_signed(request):
        request.headers["X-Amz-Target"] = "something"

    cases = [
        (other_body, 403, "SignatureDoesNotMatch"),
        (half_a_signature, 403, "SignatureDoesNotMatch"),
        (header_not_signed, 403, "SignatureDoesNotMatch"),
        (set_header("Authorization", None), 403, "MissingAuthenticationToken"),
        (set_header("Authorization", "Basic abc"), 400, "IncompleteSignature"),
        (set_header("Authorization", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c"), 400, "IncompleteSignature"),
        (set_header("Authorization", "AWS4-HMAC-SHA256 " + "x=" * 4000), 400, "IncompleteSignature"),
        (set_header("X-Amz-Date", None), 400, "IncompleteSignature"),
        (set_header("X-Amz-Date", "yesterday"), 400, "IncompleteSignature"),
    ]
    for change, status, code in cases:
        assert code_of(sim.signed(BODY, change)) == (status, code)


def test_clocks(sim):
    now = datetime.datetime.now(datetime.timezone.utc)
    minute = datetime.timedelta(minutes=1)
    assert code_of(sim.signed(BODY, when=now - 4 * minute)) == (200, None)
    assert code_of(sim.signed(BODY, when=now + 4 * minute)) == (200, None)
    assert code_of(sim.signed(BODY, when=now - 6 * minute)) == (400, "RequestExpired")
    assert code_of(sim.signed(BODY, when=now + 6 * minute)) == (400, "RequestExpired")
    assert code_of(sim.signed(BODY, when=now.replace(year=2015, day=1))) == (400, "RequestExpired")


@pytest.mark.world(credentials_ttl_s=15)
def test_session_credentials(sim):
    before = time.time()
    role = json.loads(sim.imds("iam/security-credentials/node-role"))
    assert role["Code"] == "Success" and role["AccessKeyId"].startswith("ASIA")
    client = sim.client(role["AccessKeyId"], role["SecretAccessKey"], role["Token"])
    assert client.describe_vpcs()["Vpcs"]
    refused("AuthFailure", sim.client(role["AccessKeyId"], role["SecretAccessKey"]).describe_vpcs, status=401)
    other = role["Token"][:-1] + ("a" if role["Token"][-1] != "a" else "b")
    refused("AuthFailure", sim.client(role["AccessKeyId"], role["SecretAccessKey"], other).describe_vpcs, status=401)

    ends = datetime.datetime.strptime(role["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    assert before + 14 <= ends.timestamp() <= time.time() + 16, "its seconds are whole"
    newer = wait_until(
        lambda: (new := json.loads(sim.imds("iam/security-credentials/node-role")))["AccessKeyId"]
        != role["AccessKeyId"]
        and new
    )
    assert sim.client(newer["AccessKeyId"], newer["SecretAccessKey"], newer["Token"]).describe_vpcs()["Vpcs"]

    def code():
        try:
            client.describe_vpcs()
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return None

    assert wait_until(code) == "RequestExpired"


def test_requests_that_are_no_requests(sim):
    for body, status, code in [
        ("", 400, "MissingAction"),
        ("Action=DescribeVpcs", 400, "MissingParameter"),
        ("Action=DescribeVpcs&Version=2010-01-01", 400, "NoSuchVersion"),
        ("Action=Describe%3C%3E&Version=2016-11-15", 400, "InvalidAction"),
        (BODY + "&Filter.1.Name=vpc-id&Filter.1.Value.1=%ff", 400, "MalformedQueryString"),
        (BODY + "&" + "&".join(f"VpcId.{n}=vpc-{n}" for n in range(1, 5000)), 400, "InvalidParameterCombination"),
        (BODY + "&VpcId.1=" + "v" * 5000, 400, "InvalidParameterValue"),
        (BODY + "&VpcId.2=vpc-1", 400, "InvalidParameterValue"),
        (BODY + "&vpcid=1", 400, "UnknownParameter"),
    ]:
        assert code_of(sim.signed(body)) == (status, code), body[:80]
    assert sim.http("ec2", "POST", "/", body="x" * 300_000)[0] == 413
    assert sim.http("ec2", "DELETE", "/")[0] == 400
    assert code_of(sim.signed(BODY)) == (200, None)  # and it is well


def test_metadata_tokens(sim):
    node = {"X-Vpcsim-Node": "n1"}
    for ttl in ("1", "60", "21600"):
        status, headers, token = sim.http("imds", "PUT", "/latest/api/token", {TTL_HEADER: ttl, **node})
        assert (status, headers[TTL_HEADER.lower()], headers["content-type"]) == (200, ttl, "text/plain")
    for bad in ({}, {TTL_HEADER: "0"}, {TTL_HEADER: "21601"}, {TTL_HEADER: "x"}, {TTL_HEADER: "-1"}):
        assert sim.http("imds", "PUT", "/latest/api/token", {**bad, **node})[0] == 400
    forwarded = {TTL_HEADER: "60", "X-Forwarded-For": "10.0.0.1", **node}
    assert sim.http("imds", "PUT", "/latest/api/token", forwarded)[0] == 403
    assert sim.http("imds", "PUT", "/2021-07-15/api/token", {TTL_HEADER: "60", **node})[0] == 403

    path = "/latest/meta-data/mac"
    assert sim.http("imds", "GET", path, {TOKEN_HEADER: token, **node})[0] == 200
    assert sim.http("imds", "GET", path, node)[0] == 401
    assert sim.http("imds", "GET", path, {TOKEN_HEADER: secrets.token_urlsafe(40), **node})[0] == 401
    assert sim.http("imds", "GET", path, {TOKEN_HEADER: token, "X-Vpcsim-Node": "n2"})[0] == 401  # another node's
    assert sim.http("imds", "POST", path, {TOKEN_HEADER: token, **node})[0] == 405
    short = sim.token(ttl=1)
    wait_until(lambda: sim.http("imds", "GET", path, {TOKEN_HEADER: short, **node})[0] == 401)


def test_metadata_tree(sim, ec2):
    n1 = sim.node["n1"]
    status, headers, body = sim.http(
        "imds", "GET", "/latest/meta-data/nothing", {TOKEN_HEADER: sim.token(), "X-Vpcsim-Node": "n1"}
    )
    assert status == 404 and "404 - Not Found" in body and headers["content-type"] == "text/html"
    for path, text in [
        ("instance-id", n1["instance_id"]),
        ("instance-type", "t3.small"),
        ("local-ipv4", n1["primary_address"]),
        ("mac", n1["mac"]),
        ("mac/", n1["mac"]),
        ("placement/availability-zone", "us-east-1a"),
        ("placement/region", REGION),
        ("services/domain", "amazonaws.com"),
        ("iam/security-credentials", "node-role"),
        ("network/interfaces/macs", n1["mac"] + "/"),
        (f"network/interfaces/macs/{n1['mac']}/vpc-ipv4-cidr-blocks", "10.0.0.0/16\n100.64.0.0/16"),
        (f"network/interfaces/macs/{n1['mac']}/ipv4-prefix", None),
    ]:
        assert sim.imds(path) == text, path

    eni = create(ec2, SecondaryPrivateIpAddressCount=1)
    base = f"network/interfaces/macs/{eni['MacAddress']}"
    assert sim.imds(base + "/device-number") is None
    ec2.attach_network_interface(
        NetworkInterfaceId=eni["NetworkInterfaceId"], InstanceId=n1["instance_id"], DeviceIndex=2
    )
    assert sim.imds(base + "/device-number") == "2"
    assert sim.imds(base + "/interface-id") == eni["NetworkInterfaceId"]
    assert sim.imds(base + "/local-ipv4s") == "\n".join(addresses(eni))
    assert sim.imds(base + "/device-number", node="n2") is None


@pytest.mark.world(delays={"imds_lag_ms": 400})
def test_metadata_is_late(sim, ec2):
    n1 = sim.node["n1"]
    leaf = f"network/interfaces/macs/{n1['mac']}/local-ipv4s"
    start = time.monotonic()
    ec2.assign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], SecondaryPrivateIpAddressCount=1)
    assert len(addresses(eni_of(ec2, n1["primary_eni"]))) == 2
    wait_until(lambda: len(sim.imds(leaf).split()) == 2)
    assert time.monotonic() - start >= 0.4
