# SPDX-License-Identifier: Apache-2.0
"""The pool follows need and targets: it grows, waits, says why not, gives back; and asks EC2 as little as possible."""
import time

import pytest

from vpc import patient, wait_until
from vpc.rpc import RpcError

USER = {"access_key_id": "AKIAFILLER0000000000", "secret_access_key": "filler-secret"}
COUNT = "DescribeSubnets"
SMALL_SUBNET = {"id": "subnet-small000000000001", "cidr": "10.0.1.0/28", "zone": "us-east-1a"}
SMALL_WORLD = {"subnets": [SMALL_SUBNET], "users": [USER]}


def add(node, name, timeout_ms, connection=None):
    """An Add as the plugin sends it, on a connection of its own."""
    connection = connection or node.connect()
    connection.send("Add", {"network": "vpcwire", "container_id": name, "ifname": "eth0", "timeout_ms": timeout_ms})
    return connection


@pytest.fixture
def ec2(vpc):
    """EC2 as somebody else in the account uses it."""
    return vpc.client(USER)


def fill_subnet(ec2, leave=0):
    """ENIs of others take all addresses of the small subnet but `leave`; their ids."""
    filled = []
    while True:
        free = ec2.describe_subnets(SubnetIds=[SMALL_SUBNET["id"]])["Subnets"][0]["AvailableIpAddressCount"]
        if free <= leave:
            return filled
        reply = ec2.create_network_interface(SubnetId=SMALL_SUBNET["id"])
        filled.append(reply["NetworkInterface"]["NetworkInterfaceId"])


def test_adds_wait_for_a_new_eni(vpc, make_node):
    node = make_node("n1", env={"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3"})
    node.wait_quiet(total=3)
    vpc.ctl("set-stuck", attaching=True)  # until they wait
    futures = [node.start_thread(node.add_pod, f"p{i}") for i in range(6)]
    waited = node.wait_pool(lambda pool: pool["waiting"] == 3, 10, why="parked ADDs")
    assert waited["leased"] == 3
    vpc.ctl("set-stuck", attaching=False)
    addresses = [future.result().address for future in futures]
    assert len(set(addresses)) == 6
    assert {lease["device_index"] for lease in node.leases()} == {0, 1}


@pytest.mark.slow
@pytest.mark.world(**SMALL_WORLD)
def test_subnet_exhausted_then_freed_while_adds_wait(vpc, ec2, make_node):
    node = make_node("n1", subnet=SMALL_SUBNET["id"], env={"WARM_IP_TARGET": "1"})
    wait_until(lambda: node.quiet()["free"] >= 1, 20)
    filled = fill_subnet(ec2)
    pods = [node.add_pod("first")]
    while node.pool()["free"] > 0:
        pods.append(node.add_pod(f"more{len(pods)}"))

    wait_until(lambda: node.status()["blocked"], why="what is blocked is reported")
    pod = node.pod_netns("refused")
    text = pod.refused(2)
    assert SMALL_SUBNET["id"] in text, text
    assert pod.cni("DEL").rc == 0

    waiting = [node.start_thread(node.add_pod, f"waits{i}", conf=node.cni_conf(timeoutSeconds=240)) for i in range(2)]
    node.wait_pool(lambda pool: pool["waiting"] == 2, 10)
    for eni_id in filled:
        ec2.delete_network_interface(NetworkInterfaceId=eni_id)
    started = time.monotonic()
    addresses = [future.result(timeout=patient(250)).address for future in waiting]
    print(f"served {time.monotonic() - started:.1f} s after the subnet had addresses again")
    assert len({*addresses, *(pod.address for pod in pods)}) == len(pods) + 2


def test_all_enis_full_then_an_address_comes_back(make_node):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "1"})
    pods = node.add_pods(f"p{i}" for i in range(9))
    late = node.pod_netns("late")
    started = time.monotonic()
    text = late.refused(2)
    took_s = time.monotonic() - started
    assert 1.5 < took_s < patient(8), (text, took_s)
    assert "9 of 9 in use, t3.small's limit; fix: " in text, text

    future = node.start_thread(late.add, conf=node.cni_conf(timeoutSeconds=30))
    node.wait_pool(lambda pool: pool["waiting"] == 1, 10)
    freed = pods[4].address
    pods[4].delete()
    assert future.result().address == freed
    assert node.pool()["leased"] == 9


def test_parked_adds_are_served_in_order(make_node):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "0"})
    for i in range(9):
        node.call("Add", network="vpcwire", container_id=f"c{i}", ifname="eth0")
    parked = []
    for i in range(5):
        parked.append(add(node, f"waits{i}", 30_000))
        node.wait_pool(lambda pool, n=i + 1: pool["waiting"] == n)
    for i, connection in enumerate(parked):
        released = node.call("Del", network="vpcwire", container_id=f"c{i}", ifname="eth0")["address"]
        assert connection.read()["address"] == released
    assert node.pool()["waiting"] == 0


def test_a_parked_add_that_goes_away_is_forgotten(make_node):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "0"})
    for i in range(9):
        node.call("Add", network="vpcwire", container_id=f"c{i}", ifname="eth0")
    gone, overtaken = add(node, "gone", 30_000), add(node, "overtaken", 30_000)
    node.wait_pool(lambda pool: pool["waiting"] == 2)
    gone.socket.close()
    node.wait_pool(lambda pool: pool["waiting"] == 1, why="the closed connection waits no more")
    node.call("Del", network="vpcwire", container_id="overtaken", ifname="eth0")
    with pytest.raises(RpcError) as refused:
        overtaken.read()
    assert refused.value.name == "LeaseNotFound"
    assert node.pool()["waiting"] == 0 and len(node.leases()) == 9


@pytest.mark.parametrize(
    "env, enis, total",
    [
        ({}, 1, 29),
        ({"WARM_ENI_TARGET": "0"}, 1, 0),
        ({"WARM_ENI_TARGET": "2"}, 2, 58),
        ({"WARM_ENI_TARGET": "3", "MAX_ENI": "2"}, 2, 58),
        ({"WARM_IP_TARGET": "2"}, 1, 2),
        ({"WARM_IP_TARGET": "2", "MINIMUM_IP_TARGET": "16"}, 1, 16),
        ({"WARM_IP_TARGET": "6", "MINIMUM_IP_TARGET": "10"}, 1, 10),
        ({"WARM_IP_TARGET": "40"}, 2, 40),
    ],
    ids=lambda value: ",".join(f"{k}={v}" for k, v in value.items()) or "default" if isinstance(value, dict) else None,
)
def test_targets(vpc, make_node, env, enis, total):
    node = make_node("n1", instance_type="m5.4xlarge", env=env)
    node.wait_quiet(free=total)
    in_ec2 = vpc.enis("n1")
    assert len(in_ec2) == enis
    assert sum(len(eni["addresses"]) - 1 for eni in in_ec2) == total
    node.check_database()


def test_growth_costs_three_calls(vpc, make_node):
    """A new ENI with its addresses: create, attach, modify; and nothing else before or after."""
    node = make_node("n1", env={"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3"})
    node.wait_quiet(free=3)
    node.wait_start_calls()
    vpc.calls_reset()
    node.add_pods(f"p{i}" for i in range(3))
    wait_until(lambda: node.quiet()["free"] >= 1, 20)
    calls = node.calls()
    assert calls.pop(COUNT, 0) <= node.may_have_counted_subnets()
    assert calls.pop("DescribeNetworkInterfaces", 0) <= 1, "the look for lost ENIs, some seconds after the start"
    assert calls == {
        "CreateNetworkInterface": 1,
        "AttachNetworkInterface": 1,
        "ModifyNetworkInterfaceAttribute": 1,
    }


def test_steady_state_costs_nothing(vpc, make_node):
    """Pods that come and go within what is there; the look for lost ENIs after the start is waited for first."""
    env = {"IP_COOLDOWN_PERIOD": "0", "MAX_ENI": "1"}
    node = make_node("n1", env=env)
    node.wait_quiet(free=3)
    node.wait_start_calls(looks=2)
    vpc.calls_reset()
    end = time.monotonic() + 4  # the observation itself, nothing is waited for
    rounds = 0
    while time.monotonic() < end:
        node.add_pod(f"p{rounds}").delete()
        rounds += 1
    calls = vpc.calls()
    assert calls.pop(COUNT, 0) <= node.may_have_counted_subnets()
    assert rounds and calls == {}


def test_restart_with_a_valid_database_needs_no_ec2(vpc, make_node):
    node = make_node("n1")
    first = node.add_pod("before")
    node.wait_quiet()
    node.wait_start_calls()
    node.stop()
    vpc.calls_reset()
    node.env["AWS_EC2_ENDPOINT"] = "http://198.51.100.254"  # nobody is there
    node.start()
    second = node.add_pod("after")
    assert vpc.calls() == {} and second.address != first.address
    assert {lease["address"] for lease in node.leases()} == {first.address, second.address}


def test_start_costs_few_calls(vpc, make_node):
    node = make_node("n1", env={"MAX_ENI": "1"})
    node.wait_quiet(free=3)
    calls = node.calls()
    assert calls.pop("AssignPrivateIpAddresses") == 1
    assert calls.pop("CreateTags", 1) == 1, "the primary ENI gets the instance's tag, once"
    assert set(calls) <= {"DescribeNetworkInterfaces", "DescribeSubnets", "DescribeInstanceTypes"}, calls
    assert sum(calls.values()) <= 3, calls


def test_what_is_not_needed_goes_back(vpc, make_node):
    env = {"IP_COOLDOWN_PERIOD": "1", "WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "1", "VPCWIRE_SHRINK_DELAY": "3"}
    node = make_node("n1", env=env)
    pods = node.add_pods(f"p{i}" for i in range(7))
    assert len(vpc.enis("n1")) == 3
    stays = min(pods, key=lambda pod: next(l["device_index"] for l in node.leases() if l["address"] == pod.address))
    for pod in pods:
        if pod is not stays:
            pod.delete()
    wait_until(lambda: len(vpc.enis("n1")) == 1 and node.quiet(), 240, why="one ENI is enough")
    node.wait_quiet(150, total=2, leased=1)
    assert [lease["address"] for lease in node.leases()] == [stays.address]
    assert [link["ifname"] for link in node.ip("link", "show") if link["ifname"].startswith("eth")] == ["eth0"]
    node.check_database()
    node.check_kernel()


def test_pods_that_leave_one_after_another_leave_one_eni(vpc, make_node):
    """Each time an address goes back the pool is at its targets, until what is free is here and there: it has room on one ENI."""
    env = {"IP_COOLDOWN_PERIOD": "1", "WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3", "VPCWIRE_SHRINK_DELAY": "3"}
    node = make_node("n1", env=env)
    pods = node.add_pods(f"p{i}" for i in range(4))
    node.wait_quiet(60, total=5)
    device_of = {lease["address"]: lease["device_index"] for lease in node.leases()}
    for left, pod in enumerate(sorted(pods, key=lambda pod: device_of[pod.address])[:-1], 1):
        pod.delete()
        node.wait_quiet(60, total=max(5 - left, 3), leased=4 - left, cooling=0)
    assert [(eni["device_index"], eni["total"]) for eni in node.enis()] == [(0, 2), (1, 1)]
    before = node.calls()
    sorted(pods, key=lambda pod: device_of[pod.address])[-1].delete()
    wait_until(lambda: len(vpc.enis("n1")) == 1 and node.quiet(total=3, free=3), 240, why="one ENI is enough")
    calls = {action: n - before.get(action, 0) for action, n in node.calls().items() if n != before.get(action, 0)}
    calls.pop("DescribeNetworkInterfaces", 0)
    assert calls == {"AssignPrivateIpAddresses": 1, "DetachNetworkInterface": 1, "DeleteNetworkInterface": 1}, calls
    node.check_database()
