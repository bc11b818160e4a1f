# SPDX-License-Identifier: Apache-2.0
"""EC2 shows what is not so, or does not show what is: a pod gets no address that EC2 does not have here, and loses none."""
import sqlite3

import pytest

from faults import ASSIGN, DELETE, DESCRIBE, DETACH, ENV, GIVES_BACK_SOON, NOTHING_HANGS, UNASSIGN, USER, by_hand, in_ec2, wait_settled, warm_node  # noqa: F401
from vpc import wait_until
from vpc.ping import answers

INSTANCE_TAG, NO_MANAGE_TAG = "node.k8s.amazonaws.com/instance_id", "node.k8s.amazonaws.com/no_manage"


def wait_resync(node, deadline_s=90):
    """One whole resync that begins from now on: the next one has begun, too."""
    before = node.calls().get(DESCRIBE, 0)
    wait_until(lambda: node.calls().get(DESCRIBE, 0) >= before + 2, deadline_s, why="two resyncs")


def assert_pods_have_what_ec2_has(vpc, pods):
    assert {pod.address for pod in pods} <= set(in_ec2(vpc)), (pods, in_ec2(vpc))


def test_addresses_that_were_given_back_are_not_brought_back(vpc, make_node):
    """Five addresses, four given back, and Describe shows all five, also after a restart: no pod gets one that EC2 does not have here."""
    node = make_node("n1", instance_type="t3.medium", env={**ENV, **GIVES_BACK_SOON, "MINIMUM_IP_TARGET": "5"}, start=False)
    node.start()
    node.wait_quiet(60, total=5)
    vpc.ctl("set-stale", describe=True)
    node.stop()
    node.env["MINIMUM_IP_TARGET"] = "1"
    node.start()
    wait_until(lambda: len(in_ec2(vpc)) == 1, 60, why="four addresses are given back")
    wait_until(lambda: node.pool()["total"] == 1, 60, why="and the answer is written down")
    node.env["VPCWIRE_SHRINK_DELAY"] = "600"  # what is believed to be there stays to be given to pods
    node.restart()
    wait_resync(node)
    pods = node.add_pods(f"p{i}" for i in range(5))
    assert_pods_have_what_ec2_has(vpc, pods)
    vpc.ctl("set-stale", describe=False)
    wait_settled(vpc, node, 2)


@pytest.mark.world(users=[USER])
@pytest.mark.parametrize("tag", [None, {"Key": NO_MANAGE_TAG, "Value": "true"}], ids=["tag deleted", "no_manage"])
def test_an_eni_without_our_tag_keeps_its_pods(vpc, make_node, by_hand, tag):  # noqa: F811
    node = warm_node(make_node)
    pods = node.add_pods(f"p{i}" for i in range(4))
    wait_settled(vpc, node, 2)
    (eni,) = [eni for eni in vpc.enis("n1") if eni["attachment"]["device_index"] == 1]
    (last,) = [pod for pod in pods if pod.address in eni["addresses"]]
    before = node.exec("nft", "list", "ruleset").stdout
    if tag:
        by_hand.create_tags(Resources=[eni["id"]], Tags=[tag])
    else:
        by_hand.delete_tags(Resources=[eni["id"]], Tags=[{"Key": INSTANCE_TAG}])
    wait_until(lambda: eni["id"] in str(node.status()["blocked"]), 60, why="it is reported")
    wait_resync(node)
    assert last.address in [lease["address"] for lease in node.leases() if lease["state"] == "wired"]
    node.check_kernel()
    assert answers(last, node.address)
    assert last.address in node.exec("nft", "list", "ruleset").stdout and last.address in before
    others = node.add_pods(f"o{i}" for i in range(2))
    assert not {pod.address for pod in others} & set(eni["addresses"]), "nothing more of it is given out"
    assert not {DETACH, DELETE, UNASSIGN} & set(vpc.calls())
    if tag:
        by_hand.delete_tags(Resources=[eni["id"]], Tags=[{"Key": NO_MANAGE_TAG}])
    else:
        by_hand.create_tags(Resources=[eni["id"]], Tags=[{"Key": INSTANCE_TAG, "Value": node.facts["instance_id"]}])
    wait_until(lambda: eni["id"] not in str(node.status()["blocked"]), 60, why="the tag is seen again")
    wait_settled(vpc, node, 3)
    node.check_kernel()


@pytest.mark.world(users=[USER])
def test_no_manage_on_the_primary_eni_changes_nothing(vpc, make_node, by_hand):  # noqa: F811
    node = warm_node(make_node)
    by_hand.create_tags(Resources=[vpc.enis("n1")[0]["id"]], Tags=[{"Key": NO_MANAGE_TAG, "Value": "true"}])
    wait_resync(node)
    assert node.status()["blocked"] == []
    node.add_pods(["p0", "p1", "p2"])
    wait_settled(vpc, node, 2)


@pytest.mark.world(users=[USER])
def test_an_eni_that_ec2_calls_full_is_looked_at(vpc, make_node, by_hand):  # noqa: F811
    """It has more addresses than a late resync has shown. Once they are shown, the refusal is explained and keeps no address from the pool."""
    node = make_node("n1", env={**ENV, "MINIMUM_IP_TARGET": "2"})
    node.wait_quiet(60, total=2)
    eni = vpc.enis("n1")[0]
    vpc.ctl("set-stale", describe=True)
    by_hand.assign_private_ip_addresses(NetworkInterfaceId=eni["id"], SecondaryPrivateIpAddressCount=1)
    node.add_pods(["p0", "p1"])
    wait_until(lambda: "full" in [blocked["action"] for blocked in node.status()["blocked"]], 60, why="EC2 refuses")
    vpc.ctl("set-stale", describe=False)
    wait_until(lambda: node.status()["blocked"] == [], 60, why="a resync shows why")


@pytest.mark.world(users=[USER])
def test_an_address_that_a_resync_does_not_show_is_not_given_to_a_pod(vpc, make_node, by_hand):  # noqa: F811
    """Taken away by hand; one resync has missed it, the second is half a minute away, and pods come in between."""
    node = warm_node(make_node)
    eni = vpc.enis("n1")[0]
    gone = eni["addresses"][1]
    by_hand.unassign_private_ip_addresses(NetworkInterfaceId=eni["id"], PrivateIpAddresses=[gone])
    by_hand.create_network_interface(SubnetId=eni["subnet_id"], PrivateIpAddress=gone)
    wait_until(lambda: node.pool()["free"] == 2, 60, why="a resync has not shown it")
    assert_pods_have_what_ec2_has(vpc, node.add_pods(["p0", "p1"]))


@pytest.mark.world(users=[USER])
def test_after_another_boot_ec2_is_asked_first(vpc, make_node, by_hand):  # noqa: F811
    """The database outlives the boot; what it calls free is another node's meanwhile."""
    node = warm_node(make_node)
    node.stop()
    eni = vpc.enis("n1")[0]
    by_hand.unassign_private_ip_addresses(NetworkInterfaceId=eni["id"], PrivateIpAddresses=eni["addresses"][1:3])
    for address in eni["addresses"][1:3]:
        by_hand.create_network_interface(SubnetId=eni["subnet_id"], PrivateIpAddress=address)
    with sqlite3.connect(node.folder / "ipam.db") as database:
        database.execute("UPDATE facts SET value = 'the boot before' WHERE name = 'boot-id'")
    database.close()
    vpc.ctl("set-faults", rules=[{"action": DESCRIBE, "effect": "delay", "delay_ms": 1500}])
    node.start(wait=False)
    wait_until(lambda: node.status()["set_up"], 60, why="the daemon answers")
    pods = node.add_pods(["p0", "p1", "p2"])
    assert_pods_have_what_ec2_has(vpc, pods)
    vpc.ctl("set-faults", rules=[])


def test_an_eni_whose_link_is_gone_is_no_capacity(vpc, make_node):
    """Its pods are cut off, and it is said; the next pod is served by another ENI, not after the next periodic resync."""
    node = warm_node(make_node, VPCWIRE_RESYNC_PERIOD="1800", **NOTHING_HANGS)
    node.add_pods(f"p{i}" for i in range(4))
    wait_settled(vpc, node, 2)
    assert not node.status()["impaired"]
    vpc.calls_reset()
    node.exec("ip", "link", "delete", "eth1")
    wait_until(lambda: node.status()["impaired"], 30, why="its pod has no network")
    wait_until(lambda: node.metric("vpcwire_impaired") == 1, 10)
    assert "link" in node.status()["impaired_reason"]
    node.add_pods(["late", "later"])
    assert len(vpc.enis("n1")) == 3
    asked = {labels for name, labels in node.metrics() if name == "vpcwire_ec2_calls_total" and ("action", ASSIGN) in labels}
    assert asked == {(("action", ASSIGN), ("class", "ok"))}, "no address is asked for on the ENI that is of no use (vpcsim would fail)"
    wait_until(lambda: node.calls().get(DESCRIBE, 0) >= 2, 60, why="looks at EC2 for the sake of the link")
    assert node.calls()[DESCRIBE] <= 6, "and not many"


@pytest.mark.world(users=[USER])
def test_the_primary_eni_has_the_instances_tag(vpc, make_node, by_hand):  # noqa: F811
    """As aws-vpc-cni gives it; once, and not again at the next start or look."""
    node = warm_node(make_node)
    primary = vpc.enis("n1")[0]["id"]

    def tags():
        return {tag["Key"]: tag["Value"] for tag in by_hand.describe_network_interfaces(NetworkInterfaceIds=[primary])["NetworkInterfaces"][0]["TagSet"]}

    wait_until(lambda: tags().get(INSTANCE_TAG) == node.facts["instance_id"], 60, why="it is tagged")
    node.restart()
    wait_resync(node)
    assert node.calls()["CreateTags"] == 1, node.calls()
