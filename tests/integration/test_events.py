# SPDX-License-Identifier: Apache-2.0
"""Kubernetes Events for what somebody must act on: each reason, not more often than promised, whatever the API server does; and
pods are served meanwhile."""
import contextlib
import datetime
import math
import os
import socket
import sqlite3
import time

import pytest

from test_faults import CREATE, error, script
from test_pool import SMALL_SUBNET, SMALL_WORLD, USER, ec2, fill_subnet  # noqa: F401 (a fixture)
from vpc import wait_until
from vpc.apiserver import CLOSE, HANG, ApiServer, account_env, make_account
from vpc.rpc import RpcError

NODE_NAME = "node-1.example.internal"
POOL = {"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3", "IP_COOLDOWN_PERIOD": "1"}
EVENT_S = 60  # a handful of retries with their pauses, on a slow machine
DENIED, GRANTED = "MissingIAMPermissions", "IAMPermissionsGranted"


@pytest.fixture
def account(tmp_path):
    return make_account(tmp_path / "account")


@contextlib.contextmanager
def cluster(make_node, account, start=True, **options):
    """(node, its API server)"""
    env = options.pop("env", {})
    node = make_node("n1", start=False, **options)
    with ApiServer(node, account) as api:
        node.env.update({**POOL, **env, **api.env()})
        if start:
            node.start()
        yield node, api
        node.stop()


def wait_event(api, reason, deadline_s=EVENT_S, **fields):
    """The only Event with this reason, once its fields are so."""

    def look():
        (event,) = api.of(reason)
        assert {key: event.get(key) for key in fields} == fields, event
        return event

    return wait_until(look, deadline_s, why=reason)


def serves(node, name):
    """A pod comes and goes."""
    node.add_pod(name).delete()


def deny(vpc, *actions):
    vpc.ctl("set-denied", actions=list(actions))


def free_port(node):
    """One that no daemon listens on."""

    def find():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return node.inside.call(find)


@pytest.mark.slow
def test_denied_and_allowed_again(vpc, make_node, account):
    """All fields; said once however long it lasts; and once when it is over."""
    deny(vpc, "AssignPrivateIpAddresses")
    with cluster(make_node, account, start=False) as (node, api):
        started = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        node.start()
        event = wait_event(api, DENIED)
        assert event["type"] == "Warning" and event["count"] == 1
        assert event["involvedObject"] == {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME, "uid": NODE_NAME}
        assert event["metadata"]["namespace"] == "default"
        assert event["source"] == {"component": "vpcwire", "host": NODE_NAME}
        assert event["message"].endswith("; fix: allow ec2:AssignPrivateIpAddresses in the IAM policy of this node's role"), event
        assert "UnauthorizedOperation" not in event["message"], "EC2's own words are the log's and doctor's"
        assert "Encoded" not in event["message"]
        for name in ("firstTimestamp", "lastTimestamp"):
            at = datetime.datetime.fromisoformat(event[name])
            assert started <= at <= datetime.datetime.now(datetime.timezone.utc)
        deny(vpc)
        over = wait_event(api, GRANTED, 240, type="Normal", count=1)
        assert "AssignPrivateIpAddresses" in over["message"]
        node.wait_quiet(60, free=3)
        assert wait_event(api, DENIED)["count"] == 1 and api.told() == 2
        serves(node, "p")


@pytest.mark.slow
@pytest.mark.world(**SMALL_WORLD)
def test_full_subnet(vpc, ec2, make_node, account):  # noqa: F811
    with cluster(make_node, account, subnet=SMALL_SUBNET["id"]) as (node, api):
        wait_until(lambda: node.quiet()["free"] >= 1, 20)
        filled = fill_subnet(ec2)
        pods = [node.add_pod("p0")]
        while node.pool()["free"] > 0:
            pods.append(node.add_pod(f"p{len(pods)}"))
        event = wait_event(api, "SubnetHasNoFreeAddresses", type="Warning")
        assert SMALL_SUBNET["id"] in event["message"]
        pods.pop().delete()
        serves(node, "again")
        for eni_id in filled:
            ec2.delete_network_interface(NetworkInterfaceId=eni_id)
        over = wait_event(api, "SubnetHasFreeAddresses", 240, type="Normal")
        assert SMALL_SUBNET["id"] in over["message"]
        assert len(api.events) == 2, api.events


@pytest.mark.parametrize(
    "code, reason, words",
    [
        ("NetworkInterfaceLimitExceeded", "NetworkInterfaceLimitReached", "account"),
        ("AuthFailure", "AWSCredentialsRefused", "credentials"),
    ],
)
def test_refused_growth(vpc, make_node, account, code, reason, words):
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        script(vpc, error(CREATE, code))
        pods = node.add_pods(["p0", "p1", "p2"])
        event = wait_event(api, reason, type="Warning")
        assert words in event["message"]
        pods.pop().delete()
        serves(node, "again")
        assert len(api.events) == 1, api.events


def test_instance_limit_only_when_pods_wait(make_node, account):
    """A full node is none; a pod that waits in vain is; and a free address ends it."""
    with cluster(make_node, account, env={"MAX_ENI": "1"}) as (node, api):
        pods = node.add_pods(["p0", "p1", "p2"])
        wait_until(lambda: node.status()["blocked"], 20, why="the pool cannot grow")
        refused = node.pod_netns("late")
        assert refused.cni("ADD", conf=node.cni_conf(timeoutSeconds=4)).code == 11
        event = wait_event(api, "PodAddressLimitReached", type="Warning")
        assert "MAX_ENI=1" in event["message"] and "3 of 3" in event["message"]
        for _ in range(3):  # as a kubelet does; they give up in between
            assert refused.cni("ADD", conf=node.cni_conf(timeoutSeconds=1)).code == 11
        assert api.told() == 1
        pods[0].delete()
        wait_event(api, "PodAddressLimitOver", type="Normal")
        assert wait_event(api, "PodAddressLimitReached")["count"] == 1


def test_firewall_that_drops(make_node, account):
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        node.exec("nft", "add table ip strict; add chain ip strict forward { type filter hook forward priority 0; policy drop; }")
        event = wait_event(api, "FirewallDropsPodPackets", 120, type="Warning")
        assert "strict" in event["message"]
        node.exec("nft", "delete", "table", "ip", "strict")
        wait_event(api, "FirewallPassesPodPackets", 120, type="Normal")


@pytest.mark.world(users=[USER])
def test_lost_addresses(vpc, ec2, make_node, account):  # noqa: F811
    env = {"VPCWIRE_RESYNC_PERIOD": "10"}
    with cluster(make_node, account, env=env) as (node, api):
        node.wait_quiet(free=3)
        pod = node.add_pod("p0")
        node.wait_quiet()
        (eni,) = [eni["id"] for eni in vpc.enis("n1") if pod.address in eni["addresses"]]
        ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni, PrivateIpAddresses=[pod.address])
        event = wait_event(api, "PodAddressesLost", 180, type="Warning")
        assert "1 running pod " in event["message"]
        pod.delete()
        wait_event(api, "PodAddressesRestored", type="Normal")


FAULTS = {
    "unauthorized": 401,
    "forbidden": 403,
    "conflict": 409,
    "too many": 429,
    "broken": 500,
    "closes": CLOSE,
    "too long": b'"' + b"x" * 100_000 + b'"',
}


def test_refusals_are_outlasted(vpc, make_node, account):
    """Whatever it answers, the Event is told when it takes Events again; with pauses in between."""
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        for i, fault in enumerate(FAULTS.values()):
            api.expire()
            api.requests.clear()
            api.refuse(fault)
            action = f"DeleteNetworkInterface{i}"
            begun = time.monotonic()
            tell_denied(node, action)
            wait_until(lambda: len(api.requests) >= 2, EVENT_S, why=f"asked again after {fault!r:.20}")
            serves(node, f"p{i}")
            api.refuse(None)
            assert action in wait_event(api, DENIED)["message"]
            tries = int(math.log2(2 * (time.monotonic() - begun) + 1)) + 1  # the first pause is half a second or more, then each doubles
            assert len(api.requests) <= max(8, 2 * tries + 2), api.requests


@pytest.mark.parametrize("fault", [HANG, 422])
def test_one_bad_answer_is_not_the_end(make_node, account, fault):
    """A server that hangs is given up after a while; an Event that it calls wrong is dropped, and the next one is reported."""
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        api.refuse(fault, times=1)
        tell_denied(node, "First")
        wait_until(lambda: api.requests, EVENT_S)
        for i in range(3):
            serves(node, f"p{i}")
        tell_denied(node, "Second")
        wait_until(lambda: [event for event in api.of(DENIED) if "ec2:Second" in event["message"]], EVENT_S)
        if fault == 422:
            assert not [event for event in api.of(DENIED) if "ec2:First" in event["message"]]
            assert "by script" in node.proc.text()


def test_retry_after_is_honoured(make_node, account):
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        api.refuse(429, times=1, retry_after=6)
        tell_denied(node, "Something")
        wait_event(api, DENIED)
        assert api.moments[1] - api.moments[0] > 5


def test_a_retry_after_of_centuries(make_node, account):
    """What libcurl makes of a number that is too large: it is cut, not multiplied."""
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        api.refuse(429, times=1, retry_after=9223372036854775807)
        tell_denied(node, "Something")
        wait_until(lambda: "retry_in_ms" in node.proc.text(), EVENT_S)
        assert '"retry_in_ms":300000' in node.proc.text(), "five minutes are the most"
        serves(node, "web")


def test_tokens_rotate(make_node, account):
    """The file's token of the moment is sent, and never written down."""
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        tell_denied(node, "Before")
        wait_event(api, DENIED)
        api.tokens = {"token-2-secret"}
        fresh = account / "fresh"
        fresh.write_text("token-2-secret\n")
        os.rename(fresh, account / "token")
        tell_denied(node, "After")
        wait_until(lambda: len(api.of(DENIED)) == 2 and api.of(GRANTED), EVENT_S)
        assert ("POST", 401) not in api.requests and ("PATCH", 401) not in api.requests

        (account / "token").write_text("stale-secret")
        tell_denied(node, "Later")
        wait_until(lambda: ("POST", 401) in api.requests, EVENT_S)
        (account / "token").unlink()
        serves(node, "p")
        (account / "token").write_text("token-2-secret")
        wait_until(lambda: len(api.of(DENIED)) == 3, EVENT_S)
        assert "secret" not in node.proc.text() and "token-1" not in node.proc.text()


def test_api_server_away_at_the_start(vpc, make_node, account):
    """Pods are served; the latest is kept; and when the API server comes, it is told of what lasts and not of what was."""
    node = make_node("n1", start=False)
    port = free_port(node)
    node.env.update({**POOL, **account_env(account, port)})
    deny(vpc, CREATE)
    node.start()
    tell_denied(node, "Gone")
    pods = node.add_pods(["p0", "p1", "p2"])
    wait_until(lambda: "Kubernetes; kept" in node.proc.text(), EVENT_S, why="nobody listens")
    for i in range(20):
        tell_denied(node, f"Gone{i}")
    pods.pop().delete()
    tell_denied(node, CREATE)
    serves(node, "again")
    with ApiServer(node, account, port) as api:
        event = wait_event(api, DENIED, 150)
        assert CREATE in event["message"]
        assert len(api.events) == 1 and api.told() == 1
        wait_until(lambda: "accepts events again" in node.proc.text())
        assert node.proc.text().count("Kubernetes; kept") == 1, "a line for each failure"
        node.stop()


def test_events_outlive_daemons_and_expire(make_node, account):
    """A daemon that starts again finds its Event there; one that the API server has forgotten is made anew."""
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        tell_denied(node, "Something")
        wait_event(api, DENIED, count=1)
        node.restart()
        wait_until(lambda: ("PATCH", 200) in api.requests, EVENT_S, why="brought up to date")
        assert ("POST", 409) in api.requests
        event = wait_event(api, DENIED, count=1)
        forget_denied(node)
        wait_event(api, GRANTED)
        tell_denied(node, "Something")
        again = wait_event(api, DENIED, count=2)
        assert again["firstTimestamp"] == event["firstTimestamp"]
        api.expire()
        forget_denied(node)
        wait_event(api, GRANTED)
        assert ("PATCH", 404) in api.requests


def test_ten_thousand_refused_pods_are_one_event(make_node, account):
    with cluster(make_node, account, env={"MAX_ENI": "1"}) as (node, api):
        pods = node.add_pods(["p0", "p1", "p2"])
        connections = [node.connect() for _ in range(20)]
        for i in range(500):
            for j, connection in enumerate(connections):
                request = {"network": "vpcwire", "container_id": f"c{i}-{j}", "ifname": "eth0", "timeout_ms": 1}
                connection.send("Add", request)
            for connection in connections:
                with pytest.raises(RpcError):
                    connection.read()
        for connection in connections:
            connection.socket.close()
        wait_event(api, "PodAddressLimitReached")
        assert len(api.events) == 1 and api.told() == 1, api.requests
        pods[0].delete()
        wait_event(api, "PodAddressLimitOver")


def test_only_its_own_authority_is_trusted(make_node, account, tmp_path):
    with cluster(make_node, account) as (node, api):
        node.wait_quiet(free=3)
        right = (account / "ca.crt").read_text()
        (account / "ca.crt").write_text((make_account(tmp_path / "other") / "ca.crt").read_text())
        tell_denied(node, "Something")
        wait_until(lambda: "TLS" in node.proc.text(), EVENT_S)
        assert api.requests == []
        serves(node, "p")
        (account / "ca.crt").write_text(right)
        wait_event(api, DENIED)


@pytest.mark.parametrize("missing", ["MY_NODE_NAME", "KUBERNETES_SERVICE_HOST", "token"])
def test_a_node_without_kubernetes(make_node, account, missing):
    """Said once, and nothing else is different."""
    with cluster(make_node, account, start=False) as (node, api):
        if missing == "token":
            (account / "token").unlink()
        else:
            node.env[missing] = None
        node.start()
        node.wait_quiet(free=3)
        tell_denied(node, "Something")
        serves(node, "p")
        text = node.proc.text()
        assert text.count("events to Kubernetes are off") == 1 and missing in text
        assert api.requests == []


def test_cluster_endpoint_comes_first(make_node, account):
    """aws-vpc-cni's way to reach the API server before kube-proxy works."""
    with cluster(make_node, account, start=False) as (node, api):
        node.env.update(CLUSTER_ENDPOINT=f"https://127.0.0.1:{api.port}/", KUBERNETES_SERVICE_HOST="198.51.100.254")
        node.start()
        tell_denied(node, "Something")
        wait_event(api, DENIED)


def change_facts(node, *statements):
    with contextlib.closing(sqlite3.connect(node.db, timeout=30)) as database, database:
        for statement in statements:
            database.execute(*statement)


def forget_denied(node):
    change_facts(node, ["DELETE FROM facts WHERE name LIKE 'ec2-denied/%'"])
    resync_again(node)


def tell_denied(node, action):
    """The fact that the reconciler writes when EC2 denies an action, and none of the others."""
    change_facts(
        node,
        ["DELETE FROM facts WHERE name LIKE 'ec2-denied/%'"],
        ["INSERT INTO facts VALUES (?, 'UnauthorizedOperation')", (f"ec2-denied/{action}",)],
    )
    resync_again(node)


def resync_again(node):
    """The daemon looks at its database when an address is drawn."""
    key = {"network": "vpcwire", "container_id": "look", "ifname": "eth0"}
    with contextlib.suppress(RpcError):
        node.call("Add", **key, timeout_ms=1)
    node.call("Del", **key)
