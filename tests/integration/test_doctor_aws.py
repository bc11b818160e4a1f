# SPDX-License-Identifier: Apache-2.0
"""ipamctl doctor: what the daemon reaches of AWS, which it is asked to try (Probe), and kubelet against the limits of ours."""
import concurrent.futures
import http.client
import json
import re

import boto3
import pytest

from fake_ipamd import RemoteError
from test_doctor import Doctor, doctor, stand_in, wired  # noqa: F401  (fixtures)
from vpc import netns, patient, wait_until

# EC2 has no dry run of the last two.
ASKED = {"DescribeNetworkInterfaces", "DescribeSubnets", "DescribeInstanceTypes", "CreateNetworkInterface", "AttachNetworkInterface",
         "ModifyNetworkInterfaceAttribute", "DetachNetworkInterface", "DeleteNetworkInterface"}
UNASKED = {"AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"}
NO_TOKEN_S = 10  # in which a pod beyond the hop limit gets no answer


def found(doctor, check):
    return [finding["found"] for finding in doctor.findings() if finding["check"] == check]


def test_dry_runs_are_as_in_ec2s_own_model():
    ec2 = boto3.client("ec2", region_name="us-east-1").meta.service_model
    assert {action for action in ASKED | UNASKED if "DryRun" in ec2.operation_model(action).input_shape.members} == ASKED


@pytest.mark.node(hop_limit=2)
def test_each_action_is_asked_for_and_nothing_is_done(doctor, vpc):
    node = doctor.node
    node.wait_quiet()
    enis, leases = node.enis(), node.leases()
    vpc.ctl("calls-reset")
    permissions = {p["action"]: p["result"] for p in node.call("Probe")["permissions"]}
    assert permissions == {**{action: "allowed" for action in ASKED}, **{action: "unasked" for action in UNASKED}}
    calls = [call for call in vpc.ctl("calls")["log"] if call["code"] == "DryRunOperation"]
    assert sorted(call["action"] for call in calls) == sorted(ASKED), calls
    doctor.assert_well()
    assert [call for call in vpc.ctl("calls")["log"] if call["code"] == "DryRunOperation"] == calls, "asked again within a minute"
    assert (node.enis(), node.leases()) == (enis, leases)
    assert vpc.ctl("check")["violations"] == []


def failures(node):
    """What alerts and the page know of EC2 calls that failed. (Real ones go on meanwhile: they succeed.)"""
    kept = ("vpcwire_ec2_calls_total", "vpcwire_ec2_denied", "vpcwire_ec2_throttles_total", "awscni_ec2api_error_count", "awscni_aws_api_error_count")
    seen = {(name, labels): n for (name, labels), n in node.metrics().items() if name in kept and ("class", "ok") not in labels}
    return seen, [call for call in json.loads(node.web("/v1/node").text)["calls"] if call["class"] != "ok"]


@pytest.mark.node(hop_limit=2)
def test_looking_changes_nothing(doctor, vpc):
    """Dry runs, denied ones too, are in no other metric, not on the page and in no event."""
    node = doctor.node
    node.wait_quiet()
    node.wait_start_calls()
    before, events = failures(node), node.call("Events")
    vpc.ctl("set-denied", actions=["DescribeInstanceTypes", "DetachNetworkInterface"])  # of which nothing makes a real call now
    doctor.assert_named("permissions", "fail")
    assert failures(node) == before
    assert node.metric("vpcwire_ec2_dry_runs_total", action="DetachNetworkInterface") == 1
    assert node.call("Events") == events


@pytest.mark.node(hop_limit=2)
def test_a_throttled_account_is_not_asked(doctor, vpc):
    node = doctor.node
    node.wait_quiet()
    vpc.ctl("set-faults", rules=[{"action": "*", "effect": "error", "code": "RequestLimitExceeded", "status": 503}])
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        for i in range(9):
            pool.submit(node.call, "Add", network="n", container_id=f"c{i}", ifname="eth0", timeout_ms=15000)
        node.wait_until(lambda: node.metric("vpcwire_ec2_throttles_total") >= 2, 30)
        permissions = {p["action"]: p for p in node.call("Probe")["permissions"] if p["action"] in ASKED}
    assert {p["result"] for p in permissions.values()} == {"unknown"}
    assert all("throttles" in p["why"] for p in permissions.values()), permissions
    assert not any(name == "vpcwire_ec2_dry_runs_total" for name, _ in node.metrics())


@pytest.mark.node(hop_limit=2)
def test_a_denied_action_is_named(doctor, vpc):
    node = doctor.node
    for denied in [ASKED, *({action} for action in sorted(ASKED))]:
        vpc.ctl("set-denied", actions=sorted(denied))
        node.restart()  # the new one asks anew
        named = doctor.assert_named("permissions", "fail")
        assert {re.match(r"ec2:(\w+) is denied", finding["found"])[1] for finding in named} == denied
        assert all("Encoded" not in finding["found"] and finding["remedy"].startswith("allow ec2:") for finding in named)
    vpc.ctl("set-denied", actions=[])
    assert doctor.assert_named("permissions", "fail") == named, "the answer of a moment ago is given again"
    node.restart()
    doctor.assert_named("permissions", "ok")


def test_what_has_no_dry_run_is_known_by_its_last_call(make_node, vpc, tmp_path):
    node = make_node("n1", hop_limit=2, env={"WARM_IP_TARGET": "1"})
    doctor = Doctor(node, tmp_path / "host")
    node.wait_quiet(free=1)
    vpc.ctl("set-denied", actions=["Assign*"])
    node.add_pod("p1")  # the spare address is gone
    node.wait_until(lambda: any("AssignPrivateIpAddresses" in b["reason"] for b in node.status()["blocked"]), 30)
    named = doctor.assert_named("permissions", "fail")
    assert [finding["found"].split()[0] for finding in named] == ["ec2:AssignPrivateIpAddresses"], named


@pytest.mark.world(credentials_ttl_s=900)
def test_imds_away(doctor, vpc):
    node = doctor.node
    vpc.ctl("set-faults", rules=[{"service": "imds", "action": "*", "effect": "error", "status": 403}])
    node.restart()  # its database tells who it is; credentials it has none
    assert "403" in doctor.assert_named("imds", "fail")[0]["found"]
    assert "403" in doctor.assert_named("credentials", "fail")[0]["found"]
    assert all("no credentials" in text for text in found(doctor, "permissions")), found(doctor, "permissions")
    vpc.ctl("set-faults", rules=[])
    node.restart()
    for check in ("imds", "credentials", "permissions"):
        doctor.assert_named(check, "ok")
    assert re.fullmatch(r"from \S+.*, good until 20\d\d-.*Z", found(doctor, "credentials")[0]), found(doctor, "credentials")


def gets_a_token(timeout_s):
    connection = http.client.HTTPConnection("169.254.169.254", timeout=timeout_s)
    try:
        connection.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        return connection.getresponse().status == 200
    except TimeoutError:  # the answer dies on its way
        return False
    finally:
        connection.close()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_hop_limit_is_seen(make_node, tmp_path, limit):
    """By the packets themselves. A pod gets a token where the doctor says so."""
    node = make_node("n1", hop_limit=limit)
    doctor = Doctor(node, tmp_path / "host")
    # not known is what the daemon calls it where no reply came in time; it asks again after a minute
    assert wait_until(lambda: node.call("Probe")["imds"]["hops"], 120) == min(limit, 2)
    assert ("hop limit 1:" if limit == 1 else "hop limit 2 or more") in found(doctor, "imds")[0]
    assert netns.call_in(node.add_pod("p1").netns, gets_a_token, NO_TOKEN_S if limit == 1 else patient(NO_TOKEN_S)) == (limit > 1)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_reply_that_does_not_come_says_nothing_of_hops(make_node, vpc, tmp_path, limit):
    node = make_node("n1", hop_limit=limit)
    vpc.ctl("set-faults", rules=[{"service": "imds", "action": "*/api/token", "effect": "hang", "nth": 2}])
    imds = node.call("Probe")["imds"]
    assert (imds["reachable"], imds["hops"]) == (True, 0), imds
    assert "hop limit not known" in found(Doctor(node, tmp_path / "host"), "imds")[0]


@pytest.mark.node(hop_limit=2)
def test_a_wrong_clock(doctor, vpc):
    vpc.ctl("set-delays", clock_ahead_s=1000)
    doctor.node.restart()
    named = doctor.assert_named("clock", "warn")
    assert re.fullmatch(r"this machine's clock is (99|100)\d s behind AWS's", named[0]["found"]), named
    vpc.ctl("set-delays", clock_ahead_s=0)
    doctor.node.restart()
    doctor.assert_named("clock", "ok")


def test_credentials_that_cannot_be_renewed(doctor):
    with stand_in(doctor.node) as fake:
        probed = fake.answers["Probe"]
        fake.answers["Probe"] = {**probed, "credentials": {**probed["credentials"], "failing": True, "why": "imds: HTTP 503"}}
        assert "imds: HTTP 503" in doctor.assert_named("credentials", "warn")[0]["found"]
        fake.answers["Probe"] = RemoteError("NotReady", reason="ipamd is still busy")
        for check in ("imds", "credentials", "permissions"):
            assert "busy" in doctor.assert_named(check, "warn")[0]["found"]
        del fake.answers["Probe"]  # an older daemon
        doctor.assert_well()
        fake.answers["Probe"] = probed
        doctor.assert_well()


@pytest.mark.node(env={"HTTP_TIMEOUT": "5"})
def test_an_ec2_that_hangs_keeps_nobody_waiting(node, vpc, tmp_path):
    doctor = Doctor(node, tmp_path / "host")
    node.wait_quiet(free=3)
    vpc.ctl("set-faults", rules=[{"action": "*", "effect": "hang"}])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        probing = pool.submit(node.call, "Probe")
        node.wait_until(lambda: any(rule["seen"] for rule in vpc.ctl("faults")["rules"]), 20)
        node.call("Add", network="n", container_id="c", ifname="eth0", timeout_ms=1000)
        assert not probing.done(), "an ADD had to wait for EC2"
        permissions = probing.result()["permissions"]
    assert {p["result"] for p in permissions if p["action"] in ASKED} == {"unknown"}, permissions
    assert len(permissions) == len(ASKED | UNASKED)
    doctor.assert_named("permissions", "warn")
    vpc.ctl("set-faults", rules=[])
    node.restart()
    doctor.assert_named("permissions", "ok")


def test_without_an_eni_of_ours_a_refusal_says_little(make_node, vpc, tmp_path):
    """A policy that is limited to our tags does not cover the primary ENI."""
    node = make_node("n1", env={"WARM_ENI_TARGET": "0", "WARM_IP_TARGET": "1"})
    doctor = Doctor(node, tmp_path / "host")
    node.wait_quiet(free=1)
    assert len(node.enis()) == 1
    vpc.ctl("set-denied", actions=["DetachNetworkInterface", "CreateNetworkInterface"])
    results = {p["action"]: p["result"] for p in node.call("Probe")["permissions"]}
    assert (results["DetachNetworkInterface"], results["CreateNetworkInterface"]) == ("unknown", "denied")
    assert any("primary ENI" in text for text in found(doctor, "permissions"))


def test_kubelet_against_a_limit_of_ours(make_node, tmp_path):
    node = make_node("n1", env={"VPCWIRE_MAX_PODS": "5"})
    doctor = Doctor(node, tmp_path / "host")
    config = doctor.write("var/lib/kubelet/config.yaml", "maxPods: 8\n")
    named = doctor.assert_named("max-pods", "warn")
    assert "VPCWIRE_MAX_PODS is 5" in named[0]["found"] and "VPCWIRE_MAX_PODS to 6" in named[0]["remedy"]
    assert node.metric("vpcwire_addresses_limit") == 5 and node.metric("awscni_ip_max") == 9
    config.write_text("maxPods: 7\n")
    doctor.assert_named("max-pods", "ok")
