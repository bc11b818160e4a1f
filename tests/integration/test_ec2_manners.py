# SPDX-License-Identifier: Apache-2.0
"""How the daemon treats EC2: few calls, a slower pace when refused, nothing left behind, denials told once."""
import contextlib
import datetime
import sqlite3
import time

import pytest

from faults import denied_at_most
from vpc import wait_until
from vpc.proxy import DROP, Ec2Proxy, refusal
from vpc.simulator import SUBNET_A

USER = {"access_key_id": "AKIAADMIN00000000000", "secret_access_key": "admin-secret"}
CREATED_AT = "node.k8s.amazonaws.com/createdAt"


@pytest.fixture
def ec2(vpc):
    """EC2 as the account's administrator uses it."""
    return vpc.client(USER)


def lose_database(node):
    node.kill9()
    for file in node.folder.glob("ipam.db*"):
        file.unlink()


def events(node, kind):
    with contextlib.closing(sqlite3.connect(f"file:{node.db}?mode=ro", uri=True)) as db:
        return db.execute("SELECT subject, text FROM events WHERE kind = ?", (kind,)).fetchall()


def looked(node):
    """Both looks of a start without a database: what is attached, and some seconds later what bears our tag."""
    assert node.calls().get("DescribeNetworkInterfaces", 0) >= 2
    return True


@pytest.mark.world(users=[USER])
def test_database_lost_between_create_and_attach(vpc, ec2, make_node):
    node = make_node("n1", env={"WARM_ENI_TARGET": "2"}, start=False)
    with Ec2Proxy(node) as proxy:
        proxy.spoil["AttachNetworkInterface"] = DROP
        node.env["AWS_EC2_ENDPOINT"] = proxy.url
        node.start()
        wait_until(lambda: proxy.spoiled.get("AttachNetworkInterface"), 20, why="an ENI is created and cannot be attached")
        lose_database(node)
    (lost,) = vpc.orphans()
    node.env.update(AWS_EC2_ENDPOINT=vpc.ready["ec2"], WARM_ENI_TARGET="1")
    tags = {tag["Key"]: tag["Value"] for tag in ec2.describe_network_interfaces(NetworkInterfaceIds=[lost["id"]])["NetworkInterfaces"][0]["TagSet"]}
    assert tags["vpcwire.io/client-token"].startswith("vw-")
    ours = [{"Key": key, "Value": value} for key, value in tags.items() if key != CREATED_AT]
    theirs = ec2.create_network_interface(
        SubnetId=SUBNET_A,
        Description=f"aws-K8S-{node.facts['instance_id']}",
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [*ours, {"Key": CREATED_AT, "Value": "last week"}]}],
    )["NetworkInterface"]["NetworkInterfaceId"]

    vpc.calls_reset()
    node.start()
    wait_until(lambda: looked(node) and node.quiet(free=3), 30)
    assert {eni["id"] for eni in vpc.orphans()} == {lost["id"], theirs}, "too young, and not provably ours"

    lose_database(node)
    hour_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    ec2.create_tags(Resources=[lost["id"]], Tags=[{"Key": CREATED_AT, "Value": f"{hour_ago:%Y-%m-%dT%H:%M:%SZ}"}])
    node.start()
    wait_until(lambda: [eni["id"] for eni in vpc.orphans()] == [theirs], 30, why="the orphan goes, the other stays")
    wait_until(lambda: node.quiet(free=3), 30)
    wait_until(lambda: [subject for subject, _ in events(node, "eni-orphan-deleted")] == [lost["id"]], 30, why="written down after EC2's answer")
    node.check_database()


def test_a_refused_start_waits_and_then_serves(make_node):
    node = make_node("n1", start=False)
    with Ec2Proxy(node) as proxy:
        proxy.spoil["*"] = refusal(503, "RequestLimitExceeded", "Request limit exceeded.")
        node.env["AWS_EC2_ENDPOINT"] = proxy.url
        node.start(wait=False)
        wait_until(lambda: proxy.spoiled.get("DescribeNetworkInterfaces", 0) >= 3, 30, why="refused three times")
        started = time.monotonic()
        end = started + 6  # the observation itself: how often it asks
        while time.monotonic() < end:
            assert sum(proxy.spoiled.values()) <= 8, f"{proxy.spoiled} after {time.monotonic() - started:.1f} s"
            time.sleep(0.1)
        proxy.spoil.clear()
        node.wait_ready(30)
        wait_until(lambda: node.quiet(free=3), 30)
        node.stop()


def test_a_denied_action_is_reported_once_and_pods_get_the_rest(make_node):
    node = make_node("n1", env={"WARM_ENI_TARGET": "2"}, start=False)
    with Ec2Proxy(node) as proxy:
        proxy.spoil["CreateNetworkInterface"] = refusal(
            403, "UnauthorizedOperation", "You are not authorized to perform this operation. Encoded authorization failure message: AAAA"
        )
        node.env["AWS_EC2_ENDPOINT"] = proxy.url
        began = time.monotonic()
        node.start()
        wait_until(lambda: events(node, "ec2-denied"), 20, why="the event")
        pods = node.add_pods(f"p{i}" for i in range(3))
        assert len({pod.address for pod in pods}) == 3
        ((subject, text),) = events(node, "ec2-denied")
        assert subject == "CreateNetworkInterface"
        assert "not authorized" in text and "AAAA" not in text
        assert list(proxy.spoiled) == ["CreateNetworkInterface"] and proxy.spoiled["CreateNetworkInterface"] <= denied_at_most(began), "asked again slowly"
        node.stop()


@pytest.mark.parametrize("targets", [{}, {"WARM_ENI_TARGET": "2"}], ids=["default", "one more ENI"])
def test_from_nothing_to_warm_within_six_calls(make_node, targets):
    node = make_node("n1", instance_type="m5.large", env=targets)
    node.wait_quiet(free=9 * int(targets.get("WARM_ENI_TARGET", "1")))
    wait_until(lambda: looked(node), 30)
    calls = node.calls()
    print(calls)
    assert calls.pop("CreateTags", 1) == 1, "the primary ENI's tag: once in the instance's life, and after the pool is warm"
    assert sum(calls.values()) <= 6 + node.may_have_counted_subnets(), calls


def test_a_start_with_database_makes_one_call_after_it_serves(vpc, make_node):
    node = make_node("n1", env={"MAX_ENI": "1"})
    node.wait_quiet(free=3)
    node.wait_start_calls()
    node.stop()
    vpc.calls_reset()
    node.start()
    node.add_pod("first")
    wait_until(lambda: node.calls(), 30, why="the resync after the start")
    (look,) = [call for call in vpc.ctl("calls")["log"] if call["action"] == "DescribeNetworkInterfaces"]
    assert look["at_ms"] - node.status()["started_ms"] >= 4500, "it serves first"
    end = time.monotonic() + 4  # the observation itself: nothing follows
    while time.monotonic() < end:
        calls = node.calls()
        assert calls.pop("DescribeSubnets", 0) <= node.may_have_counted_subnets() and calls == {"DescribeNetworkInterfaces": 1}
        time.sleep(0.1)


def test_the_endpoint_of_a_profile(vpc, make_node):
    """Where the environment names no EC2, the profile's services do, as with the SDKs."""
    node = make_node("n1", start=False)
    config = node.folder / "aws-config"
    config.write_text(f"[services here]\nec2 =\n  endpoint_url = {vpc.ready['ec2']}\n[profile p]\nservices = here\nregion = us-east-1\n")
    del node.env["AWS_EC2_ENDPOINT"]
    node.env.update(AWS_CONFIG_FILE=str(config), AWS_PROFILE="p")
    node.start()
    node.wait_quiet(free=3)
    node.stop()
    config.write_text("[profile p]\nendpoint_url = somewhere\n")
    node.start(wait=False)
    wait_until(lambda: not node.proc.alive(), 20, why="it does not start")
    assert str(config) in node.log.read_text()
    node.proc = None
