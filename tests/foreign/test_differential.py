# SPDX-License-Identifier: Apache-2.0
"""
The same random series of calls, made with boto3, to vpcsim and to moto: both answer the same, but for what is in DIFFERENCES.
The series stays within what moto can say no to (it knows no limits and no "in use"), plus things that are not there.
VPCWIRE_TEST_SEED repeats a series.
"""
import os
import random

import botocore.exceptions
import pytest

import servers

STEPS = 150
MAX_ENIS, MAX_SECONDARIES, MAX_IPV6 = 8, 3, 4  # t3.small's own limits of addresses, that vpcsim enforces
GONE = {
    "eni": "eni-00000000000000000",
    "attachment": "eni-attach-00000000000000000",
    "instance": "i-00000000000000000",
    "subnet": "subnet-00000000000000000",
}

# Fields of an ENI that only one of the two may show, and why.
DIFFERENCES = {
    "RequesterId": "moto makes one up; EC2 and vpcsim show it only on ENIs that a service made",
    "RequesterManaged": "as above",
    "Association": "moto shows an empty one on every ENI",
    "PrivateDnsName": "moto has none unless the VPC has DNS hostnames",
    "Ipv6Address": "moto repeats the first one",
}
# Not compared: ids, MACs and addresses (each has its own: ENIs go by number, addresses by count), OwnerId (another account),
# DeleteOnTermination (moto forgets it), the primary ENI's Description (moto says what it is), Status right after the create
# ("pending" or "available": the next resync compares it), free addresses as a number (what is taken is compared).
COMPARED = ("Status", "InterfaceType", "AvailabilityZone", "SourceDestCheck")


def outcome(call, **arguments):
    """(reply, None), or (None, (HTTP status, code))."""
    try:
        return call(**arguments), None
    except botocore.exceptions.ClientError as error:
        reply = error.response
        return None, (reply["ResponseMetadata"]["HTTPStatusCode"], reply["Error"]["Code"])


class Side:
    """One server and its names for the things that both have: ENIs by number."""

    def __init__(self, server):
        self.server, self.ec2 = server, server.ec2
        self.enis, self.attachments = {}, {}  # number -> id
        self.fields = set()  # that its ENIs had
        self.free_before = self.free()

    def free(self):
        return self.ec2.describe_subnets(SubnetIds=[self.server.subnet_id])["Subnets"][0]["AvailableIpAddressCount"]

    def number(self, eni_id):
        return {known: number for number, known in self.enis.items()}.get(eni_id, "primary")

    def view(self, eni):
        """What must be the same, without the names."""
        addresses = eni["PrivateIpAddresses"]
        attachment = eni.get("Attachment")
        assert [item["PrivateIpAddress"] for item in addresses if item["Primary"]] == [eni["PrivateIpAddress"]]
        assert (eni["SubnetId"], eni["VpcId"]) == (self.server.subnet_id, self.server.vpc_id)
        number = self.number(eni["NetworkInterfaceId"])
        self.fields |= set(eni)
        return {
            "number": number,
            "description": number == "primary" or eni["Description"],
            **{name: eni.get(name) for name in COMPARED},
            "addresses": len(addresses),
            "ipv6": len(eni["Ipv6Addresses"]),
            "groups": [group["GroupId"] == self.server.group_id for group in eni["Groups"]],
            "tags": sorted((tag["Key"], tag["Value"]) for tag in eni.get("TagSet", [])),
            "attachment": attachment
            and {
                "device_index": attachment["DeviceIndex"],
                "card": attachment["NetworkCardIndex"],
                "status": attachment["Status"],
                "ours": attachment["InstanceId"] == self.server.instance_id,
            },
        }

    def find(self, **filters):
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        reply, error = outcome(self.ec2.describe_network_interfaces, Filters=wanted)
        return error or sorted((self.view(eni) for eni in reply["NetworkInterfaces"]), key=lambda view: str(view["number"]))

    # ---- the calls; each gives what is compared ----

    def create(self, number, secondaries, description, tag, subnet="own"):
        request = {
            "SubnetId": self.server.subnet_id if subnet == "own" else GONE["subnet"],
            "Groups": [self.server.group_id],
            "Description": description,
            "TagSpecifications": [{"ResourceType": "network-interface", "Tags": [{"Key": "name", "Value": tag}]}],
        }
        if secondaries:
            request["SecondaryPrivateIpAddressCount"] = secondaries
        reply, error = outcome(self.ec2.create_network_interface, **request)
        if error:
            return error
        self.enis[number] = reply["NetworkInterface"]["NetworkInterfaceId"]
        return {k: v for k, v in self.view(reply["NetworkInterface"]).items() if k != "Status"}

    def attach(self, number, index, instance="own"):
        reply, error = outcome(
            self.ec2.attach_network_interface,
            NetworkInterfaceId=self.enis.get(number, GONE["eni"]),
            InstanceId=self.server.instance_id if instance == "own" else GONE["instance"],
            DeviceIndex=index,
        )
        if not error:
            self.attachments[number] = reply["AttachmentId"]
        return error

    def detach(self, number):
        attachment = self.attachments.pop(number, GONE["attachment"])
        return outcome(self.ec2.detach_network_interface, AttachmentId=attachment)[1]

    def delete(self, number):
        return outcome(self.ec2.delete_network_interface, NetworkInterfaceId=self.enis.pop(number, GONE["eni"]))[1]

    def assign(self, number, count):
        return outcome(
            self.ec2.assign_private_ip_addresses,
            NetworkInterfaceId=self.enis.get(number, GONE["eni"]),
            SecondaryPrivateIpAddressCount=count,
        )[1]

    def unassign(self, number, which):
        """which: positions among the secondary addresses, in EC2's order."""
        if number not in self.enis:
            addresses = ["10.0.0.99"]
        else:
            eni = self.server.eni(self.enis[number])
            secondary = [item["PrivateIpAddress"] for item in eni["PrivateIpAddresses"] if not item["Primary"]]
            addresses = [secondary[position] for position in which]
        return outcome(
            self.ec2.unassign_private_ip_addresses,
            NetworkInterfaceId=self.enis.get(number, GONE["eni"]),
            PrivateIpAddresses=addresses,
        )[1]

    def assign6(self, number, count):
        reply, error = outcome(
            self.ec2.assign_ipv6_addresses,
            NetworkInterfaceId=self.enis.get(number, GONE["eni"]),
            Ipv6AddressCount=count,
        )
        assert error or reply["NetworkInterfaceId"] == self.enis[number]
        return error

    def unassign6(self, number, which):
        """which: positions among the addresses, in EC2's order."""
        eni_id = self.enis.get(number, GONE["eni"])
        shown = self.server.eni(eni_id)["Ipv6Addresses"] if number in self.enis else [{"Ipv6Address": "2001:db8::9"}]
        addresses = [shown[position]["Ipv6Address"] for position in which]
        reply, error = outcome(self.ec2.unassign_ipv6_addresses, NetworkInterfaceId=eni_id, Ipv6Addresses=addresses)
        return error or len(reply["UnassignedIpv6Addresses"])

    def tag(self, number, key, value):
        return outcome(
            self.ec2.create_tags, Resources=[self.enis[number]], Tags=[{"Key": key, "Value": value}]
        )[1]

    def untag(self, number, key):
        return outcome(self.ec2.delete_tags, Resources=[self.enis[number]], Tags=[{"Key": key}])[1]

    def describe(self, number):
        eni_id = self.enis.get(number, GONE["eni"])
        reply, error = outcome(self.ec2.describe_network_interfaces, NetworkInterfaceIds=[eni_id])
        return error or [self.view(eni) for eni in reply["NetworkInterfaces"]]

    def instance(self):
        reply = self.ec2.describe_instances(InstanceIds=[self.server.instance_id])
        shown = reply["Reservations"][0]["Instances"][0]
        return shown["State"]["Name"], shown["InstanceType"], sorted(
            (eni["Attachment"]["DeviceIndex"], eni["Attachment"]["Status"], len(eni["PrivateIpAddresses"]))
            for eni in shown["NetworkInterfaces"]
        )

    def taken(self):
        return self.free_before - self.free()


CALLS = ["grow", "plug", "unplug", "drop", "more", "less", "more6", "less6", "label", "look", "err"]


class Model:
    """What the series may do next: ENIs by number, with their secondary addresses and device index."""

    def __init__(self, dice):
        self.dice, self.enis, self.made = dice, {}, 0

    def pick(self, **wanted):
        fits = [n for n, eni in self.enis.items() if all((eni[key] is not None) == value for key, value in wanted.items())]
        return self.dice.choice(fits) if fits else None

    def step(self):
        """(name of the call, arguments); never None."""
        while True:
            step = getattr(self, self.dice.choice(CALLS))()
            if step:
                return step

    def grow(self):
        if len(self.enis) >= MAX_ENIS:
            return None
        self.made += 1
        count = self.dice.randint(0, MAX_SECONDARIES)
        self.enis[self.made] = {"secondaries": count, "ipv6": 0, "index": None, "tags": {"name"}}
        text = self.dice.choice(["", "plain", "with space & <signs>", "ü/€", "a+b=c"])
        return "create", (self.made, count, text or "d", self.dice.choice(["x", "y", ""]))

    def plug(self):
        number = self.pick(index=False)
        free = {1, 2} - {eni["index"] for eni in self.enis.values()}
        if number is None or not free:
            return None
        self.enis[number]["index"] = self.dice.choice(sorted(free))
        return "attach", (number, self.enis[number]["index"])

    def unplug(self):
        number = self.pick(index=True)
        if number is None:
            return None
        self.enis[number]["index"] = None
        return "detach", (number,)

    def drop(self):
        number = self.pick(index=False)
        if number is None:
            return None
        del self.enis[number]
        return "delete", (number,)

    def more(self):
        number = self.pick()
        if number is None or self.enis[number]["secondaries"] == MAX_SECONDARIES:
            return None
        count = self.dice.randint(1, MAX_SECONDARIES - self.enis[number]["secondaries"])
        self.enis[number]["secondaries"] += count
        return "assign", (number, count)

    def less(self):
        number = self.pick()
        if number is None or not self.enis[number]["secondaries"]:
            return None
        positions = range(self.enis[number]["secondaries"])
        which = self.dice.sample(positions, self.dice.randint(1, len(positions)))
        self.enis[number]["secondaries"] -= len(which)
        return "unassign", (number, which)

    def more6(self):
        number = self.pick()
        if number is None or self.enis[number]["ipv6"] == MAX_IPV6:
            return None
        count = self.dice.randint(1, MAX_IPV6 - self.enis[number]["ipv6"])
        self.enis[number]["ipv6"] += count
        return "assign6", (number, count)

    def less6(self):
        number = self.pick()
        if number is None or not self.enis[number]["ipv6"]:
            return None
        which = self.dice.sample(range(self.enis[number]["ipv6"]), self.dice.randint(1, self.enis[number]["ipv6"]))
        self.enis[number]["ipv6"] -= len(which)
        return "unassign6", (number, which)

    def label(self):
        number = self.pick()
        if number is None:
            return None
        if self.dice.random() < 0.3:
            return "untag", (number, "name")
        return "tag", (number, self.dice.choice(["name", "k8s.io/x"]), self.dice.choice(["x", "1 & 2", "é"]))

    def look(self):
        return self.dice.choice(
            [("instance", ()), ("taken", ())] + ([("describe", (self.pick(),))] if self.enis else [])
        )

    def err(self):
        return self.dice.choice(
            [
                ("create", (0, 0, "d", "x", "gone")),
                ("attach", (0, 1)),
                ("detach", (0,)),
                ("delete", (0,)),
                ("assign", (0, 1)),
                ("unassign", (0, [])),
                ("assign6", (0, 1)),
                ("unassign6", (0, [0])),
                ("describe", (0,)),
            ]
        )


LOOKS = (
    {"vpc_id": None},
    {"status": "available"},
    {"status": "in-use"},
    {"tag:name": "x"},
    {"tag-key": "k8s.io/x"},
    {"attachment.instance-id": None},
)


def filters(side, look):
    own = {"vpc_id": side.server.vpc_id, "attachment.instance-id": side.server.instance_id}
    in_vpc = {"vpc_id": side.server.vpc_id}  # moto's account has other VPCs with ENIs
    return {**in_vpc, **{name: own[name] if value is None else value for name, value in look.items()}}


@pytest.fixture
def sides(tmp_path):
    running = []
    try:
        for name in ("vpcsim", "moto"):
            running.append(servers.start(name, tmp_path / name))
        yield [Side(server) for server in running]
    finally:
        for server in running:
            server.stop()


def test_same_calls_same_answers(sides):
    seed = int(os.environ.get("VPCWIRE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"VPCWIRE_TEST_SEED={seed}")
    model = Model(random.Random(seed))
    done = set()
    for number in range(STEPS):
        name, arguments = model.step()
        done.add(name)
        ours, theirs = (getattr(side, name)(*arguments) for side in sides)
        assert ours == theirs, f"seed {seed}, step {number}: {name}{arguments}: vpcsim {ours}, moto {theirs}"
        look = LOOKS[number % len(LOOKS)]
        ours, theirs = (side.find(**filters(side, look)) for side in sides)
        assert ours == theirs, f"seed {seed}, after step {number}, {name}{arguments}: {look}: vpcsim {ours}, moto {theirs}"
    assert sides[0].fields ^ sides[1].fields <= set(DIFFERENCES), [sorted(side.fields) for side in sides]
    assert len(done) >= 8, f"seed {seed}: a poor series: {done}"
