# SPDX-License-Identifier: Apache-2.0
"""The database is lost while pods run: nobody gets their addresses, they notice nothing, and they end as pods end."""
import concurrent.futures
import json
import secrets

import pytest

from faults import USER, by_hand  # noqa: F401 -- a fixture
from vpc import echo, patient, wait_until
from vpc.stream import Stream

ENV = {"IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "2"}
UNAVAILABLE = [{"action": "*", "effect": "error", "code": "Unavailable", "status": 503}]


@pytest.fixture
def node(make_node):
    """A t3.small with pods on two ENIs."""
    node = make_node("n1", env=ENV)
    node.running = node.add_pods(f"p{i}" for i in range(4))
    assert len({lease["device_index"] for lease in node.leases()}) == 2
    return node


def lose_database(node):
    node.kill9()
    for path in node.db.parent.glob(node.db.name + "*"):
        path.unlink()


def known_again(node, pods):
    leases = {lease["address"]: lease for lease in node.leases()}
    return set(leases) == {pod.address for pod in pods} and leases


def test_pods_keep_their_addresses_and_notice_nothing(node):
    first, second, third, fourth = node.running
    before = {lease["address"]: lease for lease in node.leases()}
    with Stream(first.netns, fourth.netns, fourth.address) as stream:
        lose_database(node)
        node.start()
        after = wait_until(lambda: known_again(node, node.running), 60, why="known again")
        moved = stream.moved()
        wait_until(lambda: stream.moved() > moved, 60, why="it goes on")
    for address, lease in after.items():
        assert lease["state"] == "wired"
        for key in ("container_id", "host_ifname", "eni_id"):
            assert lease[key] == before[address][key], key
    node.check_kernel()
    fresh = node.add_pods(["new-0", "new-1"])
    assert not {pod.address for pod in fresh} & set(before)
    with echo.serving(*(pod.netns for pod in node.running)):
        for pod in node.running:
            echo.assert_source(pod.netns, [other.address for other in node.running if other is not pod], pod.address)
    assert first.cni("CHECK", conf=node.cni_conf(prevResult=first.result.json)).rc == 0, "by the name that the runtime uses"
    first.delete()
    second.delete()
    assert {lease["address"] for lease in node.leases()} == {pod.address for pod in (third, fourth, *fresh)}, "at once"
    third.remove_netns()  # nobody says that it is gone
    wait_until(lambda: third.address not in {lease["address"] for lease in node.leases()}, 60, why="reclaimed")
    for pod in (fourth, *fresh):
        pod.delete()
    assert node.leases() == [] and node.pod_links() == {} and node.pod_routes() == []


def test_another_interface_of_a_recovered_pod(node):
    """Several plugins may wire one container, and a runtime deletes what never was: that is not the pod's first interface."""
    pod = node.running[0]
    lose_database(node)
    node.start()
    wait_until(lambda: known_again(node, node.running), 60, why="known again")
    assert pod.cni("DEL", ifname="net1").rc == 0
    assert pod.address in {lease["address"] for lease in node.leases()}
    assert pod.cni("CHECK", ifname="net1", conf=node.cni_conf(prevResult=pod.result.json)).rc != 0
    assert pod.cni("ADD").address == pod.address, "the same again"
    assert pod.cni("CHECK", conf=node.cni_conf(prevResult=pod.result.json)).rc == 0
    pod.delete()
    assert pod.address not in {lease["address"] for lease in node.leases()}, "at once"


def test_nothing_is_offered_before_ec2_has_answered(vpc, node):
    """The daemon is killed in the middle, too: what it has found is written down before it serves."""
    lose_database(node)
    vpc.ctl("set-faults", rules=UNAVAILABLE)
    node.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 1, 60, why="EC2 refuses")
    node.kill9()
    routes = node.pod_routes()
    assert len(routes) == len(node.running)
    vpc.ctl("set-faults", rules=[])
    node.start(wait=False)
    wait_until(node.status, 60, why="it answers")
    fresh = node.add_pods(["new-0", "new-1"])
    assert not {pod.address for pod in fresh} & {pod.address for pod in node.running}
    wait_until(lambda: known_again(node, [*node.running, *fresh]), 60, why="known again")
    node.check_kernel()


def test_an_export_meanwhile(vpc, node, tmp_path):
    """It waits until they are known: aws-vpc-cni would give away what is not in its file."""
    checkpoint = tmp_path / "ipam.json"
    lose_database(node)
    vpc.ctl("set-faults", rules=UNAVAILABLE)
    node.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 1, 60, why="EC2 refuses")
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        export = threads.submit(node.export, "--output", checkpoint)
        wait_until(lambda: "new pods" in {warning["subject"] for warning in node.status()["warnings"]}, 20, why="no new pod is served")
        assert not export.done() and not checkpoint.exists()
        vpc.ctl("set-faults", rules=[])
        export.result(patient(60))
    rows = json.loads(checkpoint.read_text())["allocations"]
    assert {(row["ipv4"], row["containerID"]) for row in rows} == {(pod.address, pod.container_id) for pod in node.running}


def test_a_pod_that_ends_meanwhile(vpc, node):
    """Its address is nobody's for the grace period, and then free."""
    lose_database(node)
    vpc.ctl("set-faults", rules=UNAVAILABLE)
    node.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 1, 60, why="EC2 refuses")
    gone, *stay = node.running
    gone.delete()
    vpc.ctl("set-faults", rules=[])
    wait_until(lambda: known_again(node, stay), 60, why="known again")
    (row,) = wait_until(lambda: [row for row in node.imports() if row["verdict"] == "skipped"], 60, why="skipped")
    assert row["address"] == gone.address and "gone" in row["reason"]
    assert node.leases() and gone.address not in {lease["address"] for lease in node.leases()}
    node.check_kernel()


@pytest.mark.world(users=[USER])
def test_an_address_that_ec2_took_meanwhile(by_hand, node):  # noqa: F811
    """It is waited for, as EC2 may lag, and not for good: the others go on."""
    gone, *stay = node.running
    (lease,) = [lease for lease in node.leases() if lease["address"] == gone.address]
    lose_database(node)
    by_hand.unassign_private_ip_addresses(NetworkInterfaceId=lease["eni_id"], PrivateIpAddresses=[gone.address])
    node.start()
    wait_until(lambda: known_again(node, stay), 60, why="known again")
    (row,) = [row for row in node.imports() if row["verdict"] == "pending"]
    assert row["address"] == gone.address
    fresh = node.add_pod("new")
    assert fresh.address not in {pod.address for pod in node.running}
    gone.delete()
    wait_until(lambda: [row["verdict"] for row in node.imports() if row["address"] == gone.address] == ["skipped"], 60, why="skipped")


def test_an_old_checkpoint_of_aws_vpc_cni(make_node, tmp_path):
    """It is still there from the change-over, and speaks of pods long gone: who has the address now keeps it."""
    checkpoint = tmp_path / "ipam.json"
    node = make_node("n1", env={**ENV, "AWS_VPC_K8S_CNI_BACKING_STORE": str(checkpoint)})
    known, other = node.add_pods(["known", "other"])
    rows = [(known.container_id, "known", known.address), (secrets.token_hex(32), "long-gone", other.address)]
    lose_database(node)
    checkpoint.write_text(
        json.dumps(
            {
                "version": "vpc-cni-ipam/1",
                "allocations": [
                    {
                        "networkName": "aws-cni",
                        "containerID": container_id,
                        "ifName": "eth0",
                        "ipv4": address,
                        "allocationTimestamp": 1718000000000000000,
                        "metadata": {"k8sPodNamespace": "default", "k8sPodName": name},
                    }
                    for container_id, name, address in rows
                ],
            }
        )
    )
    node.start()
    leases = wait_until(lambda: known_again(node, [known, other]), 60, why="known again")
    assert leases[known.address]["pod_name"] == "known"
    assert leases[other.address]["container_id"] == other.container_id
    with echo.serving(other.netns):
        echo.assert_source(known.netns, [other.address], known.address)
    for pod in (known, other):
        pod.delete()
    assert node.leases() == []
