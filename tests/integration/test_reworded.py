# SPDX-License-Identifier: Apache-2.0
"""Text is only shown. ipamd as it is, and ipamd linked with other words for every message that it makes (reworded.c), are the
same to programs: Kubernetes' Events, STATUS, metrics, ipamctl and the doctor."""
import json
import os

import pytest

from test_events import DENIED, account, cluster, deny, wait_event  # noqa: F401 (a fixture)
from test_pool import SMALL_SUBNET, SMALL_WORLD, ec2, fill_subnet  # noqa: F401 (a fixture)
from vpc import wait_until
from vpc.process import SANITIZER_OPTIONS

PROGRAMS = ("ipamd", "ipamd_reworded")
WORDS = "subnet subnet-x has no free addresses"


@pytest.fixture(params=PROGRAMS)
def reworded(request, make_node, account):  # noqa: F811
    """cluster(), with this program as the daemon."""

    def make(**options):
        def make_with(name, **description):
            node = make_node(name, **description)
            node.program = request.param
            return node

        return cluster(make_with, account, **options)

    return make


def check_words(node, text):
    """The test is about the words that it thinks."""
    assert (WORDS in text) == (node.program == "ipamd_reworded"), text


def blocked(node):
    """(kind, cause, object) of what is blocked, to its words."""
    return {(row["kind"], row["cause"], row["subject"]): row["reason"] for row in node.status()["blocked"]}


def verdicts(node):
    """The doctor's, by check."""
    env = {**os.environ, **SANITIZER_OPTIONS, "VPCWIRE_DB": str(node.db), "VPCWIRE_SOCKET": str(node.socket)}
    found = {}
    for finding in json.loads(node.exec(node.build / "bin/ipamctl", "--json", "doctor", check=False, env=env).stdout)["checks"]:
        found.setdefault(finding["check"], set()).add(finding["verdict"])
    return found


def test_a_denied_call(vpc, reworded):
    deny(vpc, "AssignPrivateIpAddresses")
    with reworded() as (node, api):
        wait_event(api, DENIED, type="Warning")

        def is_blocked():
            """At one time: once its time is over it is blocked no more, until it is refused again."""
            (words,) = [words for key, words in blocked(node).items() if key[:2] == ("assign", "denied")]
            check_words(node, words)
            return node.metric("vpcwire_blocked", step="assign") == 1 and "warn" in verdicts(node)["ec2"]

        wait_until(is_blocked, 120, why="the call is put off")
        assert node.metric("vpcwire_ec2_denied", action="AssignPrivateIpAddresses") == 1
        assert node.metric("vpcwire_ec2_calls_total", action="AssignPrivateIpAddresses", **{"class": "denied"}) >= 1
        assert node.cni_status().code is None, "nobody waits"


@pytest.mark.world(**SMALL_WORLD)
def test_a_full_subnet(ec2, reworded):  # noqa: F811
    with reworded(subnet=SMALL_SUBNET["id"]) as (node, api):
        wait_until(lambda: node.quiet()["free"] >= 1, 20)
        fill_subnet(ec2)
        pods = [node.add_pod("p0")]
        while node.pool()["free"] > 0:
            pods.append(node.add_pod(f"p{len(pods)}"))
        wait_event(api, "SubnetHasNoFreeAddresses", type="Warning")
        wait_until(lambda: "capacity_subnet" in {key[1] for key in blocked(node)}, 120, why="no ENI is made")
        assert node.metric("vpcwire_ec2_calls_total", action="CreateNetworkInterface", **{"class": "capacity-subnet"}) >= 1


def test_pods_that_wait_in_vain(reworded):
    with reworded(env={"MAX_ENI": "1"}) as (node, api):
        node.add_pods(["p0", "p1", "p2"])
        wait_until(lambda: node.status()["blocked"], 20, why="the pool cannot grow")
        assert node.cni_status().code is None, "nobody waits yet"
        late = node.pod_netns("late")
        future = node.start_thread(late.cni, "ADD", conf=node.cni_conf(timeoutSeconds=240))
        wait_event(api, "PodAddressLimitReached", type="Warning")
        wait_until(lambda: node.status()["room"] == "none" and ("grow", "eni_limit", "") in blocked(node), 60)
        assert node.status()["room_cause"] == "eni_limit"
        assert node.cni_status().code is None, "a full node is ready"
        wait_until(lambda: verdicts(node)["serving"] == {"fail"}, 60)
        check_words(node, node.status()["waiting_reason"])
        assert verdicts(node)["ec2"] == {"ok"}, "that a node is full is no trouble"
        assert node.metric("vpcwire_pool_missing_addresses", reason="eni-limit") >= 1
        late.cni("DEL")
        assert future.result().code == 11
        assert node.metric("vpcwire_requests_total", verb="add", result="overtaken") == 1


def test_what_ended_a_lease(reworded):
    with reworded() as (node, _):
        pod = node.add_pod("p0")
        pod.delete()
        report = node.ctl("explain", pod.address)
        ended = [event for event in report["events"] if event["kind"] == "lease-released"]
        assert [event["lease_end"] for event in ended] == ["del"]
        check_words(node, ended[0]["text"])
