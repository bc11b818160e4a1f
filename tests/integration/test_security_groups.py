# SPDX-License-Identifier: Apache-2.0
"""Security groups of our ENIs follow those of the primary one, as with aws-vpc-cni: else a node's pods have two firewalls."""
import boto3
import pytest

from faults import DESCRIBE, MODIFY, USER, by_hand, error, hits, script  # noqa: F401  (by_hand is a fixture)
from vpc import wait_until
from vpc.simulator import SUBNET_A, default_world

OLD, NEW, OTHER = "sg-0aaaaaaaaaaaaaaaa", "sg-0bbbbbbbbbbbbbbbb", "sg-0cccccccccccccccc"
GROUPS = [{"id": OLD, "name": "old"}, {"id": NEW, "name": "new"}, {"id": OTHER, "name": "other"}]
WORLD = pytest.mark.world(users=[USER], vpc={**default_world()["vpc"], "security_groups": GROUPS})
FOLLOWS_S = 60  # IMDS is asked every 20 s and a little more

pytestmark = WORLD


def groups(ec2, eni_id):
    (eni,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni_id])["NetworkInterfaces"]
    return {group["GroupId"] for group in eni["Groups"]}


def ids(vpc):
    """The node's ENIs, the primary one first."""
    return [eni["id"] for eni in sorted(vpc.enis("n1"), key=lambda eni: eni["attachment"]["device_index"])]


def change(ec2, vpc, *wanted):
    ec2.modify_network_interface_attribute(NetworkInterfaceId=ids(vpc)[0], Groups=list(wanted))


def with_two_enis(make_node):
    node = make_node("n1")
    node.add_pod("p0")
    node.wait_quiet(leased=1, free=5)
    node.wait_start_calls()
    return node


def test_they_follow_and_later_enis_have_them_from_the_start(vpc, make_node, by_hand):  # noqa: F811
    node = with_two_enis(make_node)
    vpc.calls_reset()  # before the change, which may be seen at once
    change(by_hand, vpc, NEW, OTHER)
    wait_until(lambda: groups(by_hand, ids(vpc)[1]) == {NEW, OTHER}, FOLLOWS_S, why="the second ENI has them")
    calls = node.calls()
    assert calls.pop(MODIFY) == 1 and set(calls) <= {DESCRIBE, "DescribeSubnets"}, "one call; what is looked at after a start may fall into this time"
    node.add_pods(f"p{i}" for i in range(1, 4))
    wait_until(lambda: len(ids(vpc)) == 3, 30, why="one more ENI")
    wait_until(lambda: node.quiet(), 30)
    assert groups(by_hand, ids(vpc)[2]) == {NEW, OTHER}
    assert node.calls()[MODIFY] == 2, "delete-on-termination of the new one"


def test_what_changed_while_the_daemon_was_away(vpc, make_node, by_hand):  # noqa: F811
    node = with_two_enis(make_node)
    node.stop()
    change(by_hand, vpc, NEW)
    node.start()
    wait_until(lambda: groups(by_hand, ids(vpc)[1]) == {NEW}, FOLLOWS_S)


def test_an_eni_of_a_user_keeps_its_own(vpc, make_node, by_hand):  # noqa: F811
    node = with_two_enis(make_node)
    theirs = by_hand.create_network_interface(SubnetId=SUBNET_A, Groups=[OTHER])["NetworkInterface"]["NetworkInterfaceId"]
    by_hand.attach_network_interface(NetworkInterfaceId=theirs, InstanceId=node.facts["instance_id"], DeviceIndex=2)
    node.restart()  # it is seen by the resync after the start
    wait_until(lambda: any(eni["eni_id"] == theirs for eni in node.enis()), 60)
    change(by_hand, vpc, NEW)
    ours = next(eni["eni_id"] for eni in node.enis() if eni["device_index"] == 1)
    wait_until(lambda: groups(by_hand, ours) == {NEW}, FOLLOWS_S)
    assert groups(by_hand, theirs) == {OTHER}


def test_a_refusal_is_reported_and_tried_again(vpc, make_node, by_hand):  # noqa: F811
    node = with_two_enis(make_node)
    script(vpc, error(MODIFY, "Unavailable", status=503, times=5, node="n1"))  # the pauses between tries are long enough to be seen
    change(by_hand, vpc, NEW)
    second = ids(vpc)[1]

    def reported():
        return [block for block in node.status()["blocked"] if (block["action"], block["subject"]) == ("security-groups", second)]

    wait_until(reported, FOLLOWS_S, why="it is told what could not be done")
    wait_until(lambda: groups(by_hand, second) == {NEW}, FOLLOWS_S)
    wait_until(lambda: not reported(), 10, why="and that it is done")
    assert hits(vpc) == [5]
