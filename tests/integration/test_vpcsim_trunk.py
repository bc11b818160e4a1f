# SPDX-License-Identifier: Apache-2.0
"""vpcsim's trunk and branch ENIs as boto3 sees them. No packets: nothing here needs root."""
import re
import urllib.parse

import pytest

from vpc.plain import SUBNET_A, SUBNET_B
from vpc.plain import create, ec2, eni_of, refused, sim  # noqa: F401 (fixtures)

BRANCHES = 9  # of an m5.large
NODES = {"nodes": [{"name": "n1", "instance_type": "m5.large", "subnet": SUBNET_A}, {"name": "n2", "instance_type": "t3.small", "subnet": SUBNET_A}]}
pytestmark = pytest.mark.world(**NODES)


def trunk_of(ec2, **more):
    return create(ec2, InterfaceType="trunk", **more)["NetworkInterfaceId"]


def branch(ec2, **more):
    return create(ec2, **more)["NetworkInterfaceId"]


def associate(ec2, trunk, eni, vlan, **more):
    return ec2.associate_trunk_interface(TrunkInterfaceId=trunk, BranchInterfaceId=eni, VlanId=vlan, **more)["InterfaceAssociation"]


def associations(ec2, **more):
    return ec2.describe_trunk_interface_associations(**more)["InterfaceAssociations"]


def attach(sim, ec2, eni, node="n1", index=1):
    return ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=sim.node[node]["instance_id"], DeviceIndex=index)["AttachmentId"]


def test_the_life_of_a_branch(sim, ec2):
    trunk, eni = trunk_of(ec2), branch(ec2)
    attach(sim, ec2, trunk)
    assert (eni_of(ec2, trunk)["InterfaceType"], eni_of(ec2, eni)["InterfaceType"], eni_of(ec2, eni)["Status"]) == ("trunk", "interface", "available")
    made = associate(ec2, trunk, eni, 7)
    assert re.fullmatch(r"trunk-assoc-[0-9a-f]{17}", made["AssociationId"])
    assert made == {"AssociationId": made["AssociationId"], "TrunkInterfaceId": trunk, "BranchInterfaceId": eni, "InterfaceProtocol": "VLAN", "VlanId": 7, "Tags": []}
    assert associations(ec2) == associations(ec2, AssociationIds=[made["AssociationId"]]) == [made]
    seen = eni_of(ec2, eni)
    assert (seen["InterfaceType"], seen["Status"]) == ("branch", "in-use") and "Attachment" not in seen
    known, = [item for item in sim.ctl("status")["enis"] if item["id"] == eni]
    assert (known["type"], known["association"]) == ("branch", {"id": made["AssociationId"], "trunk": trunk, "vlan": 7})

    assert ec2.disassociate_trunk_interface(AssociationId=made["AssociationId"])["Return"] is True
    assert associations(ec2) == [] and eni_of(ec2, eni)["Status"] == "available" and eni_of(ec2, eni)["InterfaceType"] == "interface"
    refused("InvalidAssociationID.NotFound", ec2.disassociate_trunk_interface, AssociationId=made["AssociationId"])
    refused("InvalidAssociationID.NotFound", ec2.describe_trunk_interface_associations, AssociationIds=[made["AssociationId"]])
    ec2.delete_network_interface(NetworkInterfaceId=eni)


def test_an_eni_that_is_created_as_a_branch(sim, ec2):
    eni = branch(ec2, InterfaceType="branch")
    assert eni_of(ec2, eni)["InterfaceType"] == "branch" and eni_of(ec2, eni)["Status"] == "available"
    refused("InvalidNetworkInterface.InUse", attach, sim, ec2, eni)
    associate(ec2, trunk_of(ec2), eni, 1)
    refused("InvalidParameterValue", create, ec2, InterfaceType="efa")


def test_found_by_filter_and_page_by_page(ec2):
    trunk = trunk_of(ec2)
    made = {branch(ec2) for _ in range(BRANCHES)}
    for vlan, eni in enumerate(sorted(made), 1):
        associate(ec2, trunk, eni, vlan)
    def found(**filters):
        pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=[{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()])
        return {eni["NetworkInterfaceId"] for page in pages for eni in page["NetworkInterfaces"]}
    assert found(interface_type="branch") == made and found(interface_type="trunk") == {trunk}
    assert found(interface_type="branch", status="available") == set() and found(interface_type="branch", status="in-use") == made
    pages = list(ec2.get_paginator("describe_trunk_interface_associations").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["InterfaceAssociations"]) for page in pages] == [5, 4]
    assert {item["BranchInterfaceId"] for page in pages for item in page["InterfaceAssociations"]} == made
    assert len(associations(ec2, Filters=[{"Name": "interface-protocol", "Values": ["VLAN"]}])) == BRANCHES
    assert associations(ec2, Filters=[{"Name": "gre-key", "Values": ["1"]}]) == []
    refused("InvalidParameterValue", ec2.describe_trunk_interface_associations, Filters=[{"Name": "vlan-id", "Values": ["1"]}])


def test_client_tokens(sim, ec2):
    trunk, eni, other = trunk_of(ec2, ClientToken="t"), branch(ec2), branch(ec2)
    assert trunk_of(ec2, ClientToken="t") == trunk
    refused("IdempotentParameterMismatch", create, ec2, ClientToken="t")
    made = associate(ec2, trunk, eni, 1, ClientToken="t")  # another action's: another token
    assert associate(ec2, trunk, eni, 1, ClientToken="t") == made and len(associations(ec2)) == 1
    refused("IdempotentParameterMismatch", associate, ec2, trunk, other, 2, ClientToken="t")
    gone = {"AssociationId": made["AssociationId"], "ClientToken": "gone"}
    assert ec2.disassociate_trunk_interface(**gone)["ClientToken"] == "gone"
    assert ec2.disassociate_trunk_interface(**gone)["Return"] is True, "its reply was lost, and it is asked again"
    second = associate(ec2, trunk, other, 1)
    refused("IdempotentParameterMismatch", ec2.disassociate_trunk_interface, AssociationId=second["AssociationId"], ClientToken="gone")
    refused("InvalidAssociationID.NotFound", associate, ec2, trunk, eni, 1, ClientToken="t")
    assert associations(ec2) == [second]


def test_what_is_refused(sim, ec2):
    trunk, eni, used = trunk_of(ec2), branch(ec2), branch(ec2)
    associate(ec2, trunk, used, 5)
    attached = branch(ec2)
    attach(sim, ec2, attached, index=2)
    far = branch(ec2, subnet=SUBNET_B)
    for code, ends in (
        ("InvalidNetworkInterfaceID.NotFound", ("eni-0", eni, 1)),
        ("InvalidNetworkInterfaceID.NotFound", (trunk, "eni-0", 1)),
        ("InvalidParameterValue", (eni, used, 1)),
        ("InvalidParameterValue", (trunk, trunk_of(ec2), 1)),
        ("InvalidNetworkInterface.InUse", (trunk, used, 6)),
        ("InvalidNetworkInterface.InUse", (trunk, attached, 6)),
        ("InvalidParameterCombination", (trunk, far, 6)),
        ("InvalidParameterValue", (trunk, eni, 0)),
        ("InvalidParameterValue", (trunk, eni, 4095)),
        ("InvalidVlanId.Duplicate", (trunk, eni, 5)),
    ):
        refused(code, associate, ec2, *ends)
    assert refused("InvalidVlanId.Duplicate", associate, ec2, trunk, eni, 5) == "VlanId '5' is in use"
    refused("InvalidNetworkInterface.InUse", attach, sim, ec2, used)
    assert [item["BranchInterfaceId"] for item in associations(ec2)] == [used]
    form = {"Action": "AssociateTrunkInterface", "Version": "2016-11-15", "TrunkInterfaceId": trunk, "BranchInterfaceId": eni}
    status, _, body = sim.signed(urllib.parse.urlencode(form))
    assert status == 400 and "MissingParameter" in body and "VlanId" in body
    refused("DryRunOperation", ec2.associate_trunk_interface, TrunkInterfaceId=trunk, BranchInterfaceId=eni, VlanId=1, DryRun=True, status=412)
    sim.ctl("set-denied", actions=["*Trunk*"])
    refused("UnauthorizedOperation", associate, ec2, trunk, eni, 1, status=403)


def test_as_many_as_the_type_takes(sim, ec2):
    trunk = trunk_of(ec2)
    refused("InvalidParameterCombination", attach, sim, ec2, trunk, "n2")
    attachment = attach(sim, ec2, trunk)
    for vlan in range(1, BRANCHES + 1):
        associate(ec2, trunk, branch(ec2), vlan)
    one_more = branch(ec2)
    refused("AttachmentLimitExceeded", associate, ec2, trunk, one_more, 100)
    ec2.detach_network_interface(AttachmentId=attachment)
    associate(ec2, trunk, one_more, 100)
    refused("AttachmentLimitExceeded", attach, sim, ec2, trunk)
    ec2.delete_network_interface(NetworkInterfaceId=one_more)
    attach(sim, ec2, trunk)
    assert len(associations(ec2)) == BRANCHES, "an association does not depend on the trunk's attachment"


@pytest.mark.world(nodes=[{"name": "n1", "instance_type": "test.trunk", "subnet": SUBNET_A}], instance_types={"test.trunk": {"max_enis": 2, "ipv4_per_eni": 3, "max_branches": 1}})
def test_a_limit_of_ones_own(sim, ec2):
    trunk = trunk_of(ec2)
    attach(sim, ec2, trunk)
    associate(ec2, trunk, branch(ec2), 1)
    refused("AttachmentLimitExceeded", associate, ec2, trunk, branch(ec2), 2)


def test_what_goes_with_its_eni(sim, ec2):
    """A deleted branch leaves its trunk; a deleted trunk leaves its branches, which are to be deleted by themselves."""
    trunk, first, second = trunk_of(ec2), branch(ec2), branch(ec2)
    attachment = attach(sim, ec2, trunk)
    associate(ec2, trunk, first, 1)
    associate(ec2, trunk, second, 2)
    ec2.delete_network_interface(NetworkInterfaceId=first)
    assert [item["VlanId"] for item in associations(ec2)] == [2]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=trunk, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True})
    sim.ctl("remove-node", name="n1")
    assert associations(ec2) == [] and eni_of(ec2, second)["Status"] == "available"
    refused("InvalidNetworkInterfaceID.NotFound", eni_of, ec2, trunk)


def test_the_metadata_know_no_branches(sim, ec2):
    trunk, eni = trunk_of(ec2), branch(ec2)
    attach(sim, ec2, trunk)
    associate(ec2, trunk, eni, 1)
    macs = sim.imds("network/interfaces/macs/").split()
    assert [mac.strip("/") for mac in macs if mac.strip("/") == eni_of(ec2, eni)["MacAddress"]] == []
    assert len(macs) == 2 and sim.imds(f"network/interfaces/macs/{eni_of(ec2, trunk)['MacAddress']}/interface-id") == trunk
