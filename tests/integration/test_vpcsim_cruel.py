# SPDX-License-Identifier: Apache-2.0
"""vpcsim's unkindness as boto3 sees it: rates, permissions, late views, stuck attachments, STS, faults by script, TLS."""
import http.client
import json
import ssl
import time
import urllib.parse

import botocore.exceptions
import pytest

from vpc import patient
from vpc.plain import TOKEN_HEADER, TTL_HEADER, WORLD, Sim
from vpc.plain import addresses, create, ec2, eni_of, refused, sim  # noqa: F401 (fixtures)
from vpc.process import BUILD, run, wait_until

ROLE = "arn:aws:iam::123456789012:role/pods/irsa"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2RlIn0."


def hits(sim):
    return [rule["hits"] for rule in sim.ctl("faults")["rules"]]


def faults(sim, *rules):
    sim.ctl("set-faults", rules=list(rules))


def refused_by_control(sim, command, **arguments):
    """The error text of a command that must fail."""
    done = run(BUILD / "bin/vpcsim", "ctl", sim.control, command, json.dumps(arguments), check=False)
    reply = json.loads(done.stdout)
    assert done.returncode == 1 and reply["code"] == "invalid", reply
    return reply["error"]


# ---- rates ----


@pytest.mark.world(throttle={"actions": {"CreateNetworkInterface": {"rate": 0.001, "burst": 2}}})
def test_an_actions_bucket(sim, ec2):
    create(ec2), create(ec2)
    assert refused("RequestLimitExceeded", create, ec2, status=503) == "Request limit exceeded."
    ec2.describe_vpcs()
    assert sim.ctl("faults")["throttle"] == [{"action": "CreateNetworkInterface", "taken": 2, "refused": 1}]
    sim.ctl("set-throttle", actions={"Describe*": {"rate": 0.001, "burst": 1}})
    create(ec2)
    ec2.describe_vpcs()
    refused("RequestLimitExceeded", ec2.describe_subnets, status=503)
    sim.ctl("set-throttle")
    ec2.describe_subnets()


def test_the_accounts_bucket_fills_again(sim, ec2):
    started = time.monotonic()
    sim.ctl("set-throttle", account={"rate": 0.2, "burst": 3})
    for call in (ec2.describe_vpcs, ec2.describe_subnets, ec2.describe_instances):
        call()
    refused("RequestLimitExceeded", ec2.describe_vpcs, status=503)
    wait_until(lambda: not is_refused(ec2.describe_vpcs), 15)
    assert time.monotonic() - started >= 5, "a fifth of a call each second"


def is_refused(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None


# ---- permissions ----


@pytest.mark.world(denied=["Assign*"])
def test_permissions(sim, ec2):
    eni_id = create(ec2)["NetworkInterfaceId"]
    arguments = {"NetworkInterfaceId": eni_id, "SecondaryPrivateIpAddressCount": 1}
    message = refused("UnauthorizedOperation", ec2.assign_private_ip_addresses, status=403, **arguments)
    assert "not authorized to perform: ec2:AssignPrivateIpAddresses" in message
    assert len(message.split("Encoded authorization failure message: ")[1]) >= 400
    assert addresses(eni_of(ec2, eni_id)) == addresses(eni_of(ec2, eni_id))[:1]
    role = json.loads(sim.imds("iam/security-credentials/node-role"))
    node = sim.client(role["AccessKeyId"], role["SecretAccessKey"], role["Token"])
    message = refused("UnauthorizedOperation", node.assign_private_ip_addresses, status=403, **arguments)
    assert f"arn:aws:sts::123456789012:assumed-role/node-role/{sim.node['n1']['instance_id']}" in message
    sim.ctl("set-denied", actions=[])
    ec2.assign_private_ip_addresses(**arguments)


# ---- views ----


@pytest.mark.world(delays={"describe_lag_ms": 3000})
def test_describe_is_late(sim, ec2):
    started = time.monotonic()
    eni_id = create(ec2)["NetworkInterfaceId"]
    refused("InvalidNetworkInterfaceID.NotFound", eni_of, ec2, eni_id)
    assert sim.ctl("status")["enis"][-1]["id"] == eni_id
    wait_until(lambda: not is_refused(eni_of, ec2, eni_id), 15)
    assert time.monotonic() - started >= 3
    ec2.delete_network_interface(NetworkInterfaceId=eni_id)
    assert eni_of(ec2, eni_id)["Status"] == "available"
    wait_until(lambda: is_refused(eni_of, ec2, eni_id) == "InvalidNetworkInterfaceID.NotFound", 15)
    assert time.monotonic() - started >= 6


def test_stale_views(sim, ec2):
    n1 = sim.node["n1"]
    path = f"network/interfaces/macs/{n1['mac']}/local-ipv4s"
    before = addresses(eni_of(ec2, n1["primary_eni"]))
    sim.ctl("set-stale", imds=True)
    ec2.assign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], SecondaryPrivateIpAddressCount=2)
    after = addresses(eni_of(ec2, n1["primary_eni"]))
    assert len(after) == 3 and sim.imds(path).split() == before
    sim.ctl("set-stale", imds=False, describe=True)
    assert sim.imds(path).split() == after
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], PrivateIpAddresses=after[1:])
    assert addresses(eni_of(ec2, n1["primary_eni"])) == after and sim.imds(path).split() == before
    sim.ctl("set-stale", describe=False)
    assert addresses(eni_of(ec2, n1["primary_eni"])) == before
    assert "describe: want true or false" in refused_by_control(sim, "set-stale", describe=1)


@pytest.mark.world(delays={"imds_lag_ms": 400})
def test_metadata_forgets_late_too(sim, ec2):
    n1 = sim.node["n1"]
    path = f"network/interfaces/macs/{n1['mac']}/local-ipv4s"
    ec2.assign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], SecondaryPrivateIpAddressCount=1)
    both = addresses(eni_of(ec2, n1["primary_eni"]))
    wait_until(lambda: sim.imds(path).split() == both)
    started = time.monotonic()
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=n1["primary_eni"], PrivateIpAddresses=both[1:])
    wait_until(lambda: sim.imds(path).split() == both[:1])
    assert time.monotonic() - started >= 0.4


# ---- stuck attachments ----


def test_stuck_attachments(sim, ec2):
    instance = sim.node["n1"]["instance_id"]
    one, other = (create(ec2)["NetworkInterfaceId"] for _ in range(2))
    sim.ctl("set-stuck", attaching=[one], detaching=True)
    ids = {}
    for index, eni_id in enumerate((one, other), 1):
        reply = ec2.attach_network_interface(NetworkInterfaceId=eni_id, InstanceId=instance, DeviceIndex=index)
        ids[eni_id] = reply["AttachmentId"]
    assert eni_of(ec2, other)["Attachment"]["Status"] == "attached"
    ec2.detach_network_interface(AttachmentId=ids[other])
    for _ in range(3):
        assert eni_of(ec2, one)["Attachment"]["Status"] == "attaching"
        assert eni_of(ec2, other)["Attachment"]["Status"] == "detaching"
    refused("InvalidParameterValue", ec2.delete_network_interface, NetworkInterfaceId=other)
    sim.ctl("set-stuck", attaching=False)
    assert eni_of(ec2, one)["Attachment"]["Status"] == "attached"
    assert eni_of(ec2, other)["Attachment"]["Status"] == "detaching"
    sim.ctl("set-stuck", detaching=False)
    assert eni_of(ec2, other)["Status"] == "available"


# ---- STS ----


@pytest.fixture
def sts(sim):
    return sim.client(service_name="sts")


def test_caller_identity(sim, sts):
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/vpcsim"
    role = json.loads(sim.imds("iam/security-credentials/node-role"))
    node = sim.client(role["AccessKeyId"], role["SecretAccessKey"], role["Token"], service_name="sts")
    reply = node.get_caller_identity()
    assert reply["Account"] == "123456789012"
    assert reply["Arn"] == f"arn:aws:sts::123456789012:assumed-role/node-role/{sim.node['n1']['instance_id']}"


@pytest.mark.world(sts_roles=[{"role_arn": ROLE, "web_identity_token": TOKEN}], credentials_ttl_s=20)
def test_roles(sim, sts):
    reply = sts.assume_role(RoleArn=ROLE, RoleSessionName="here")
    reply_web = sts.assume_role_with_web_identity(RoleArn=ROLE, RoleSessionName="there", WebIdentityToken=TOKEN)
    assert reply["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/irsa/here"
    for keys in (reply["Credentials"], reply_web["Credentials"]):
        access = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
        assert sim.client(*access).describe_vpcs()["Vpcs"]
        assert 0 < keys["Expiration"].timestamp() - time.time() <= 20
        refused("AuthFailure", sim.client(*access[:2]).describe_vpcs, status=401)
    assert sim.client(*access, service_name="sts").get_caller_identity()["Arn"].endswith("/irsa/there")
    wait_until(lambda: is_refused(sim.client(*access).describe_vpcs) == "RequestExpired", 20)


@pytest.mark.world(sts_roles=[{"role_arn": ROLE, "web_identity_token": TOKEN}, {"role_arn": ROLE + "2"}])
def test_roles_that_are_refused(sim, sts):
    web = sts.assume_role_with_web_identity
    arguments = {"RoleSessionName": "x1", "WebIdentityToken": TOKEN}
    refused("InvalidIdentityToken", web, RoleArn=ROLE, **{**arguments, "WebIdentityToken": TOKEN + "x"})
    refused("AccessDenied", web, RoleArn=ROLE + "2", status=403, **arguments)
    refused("AccessDenied", web, RoleArn=ROLE + "3", status=403, **arguments)
    refused("AccessDenied", sts.assume_role, RoleArn=ROLE + "3", RoleSessionName="x1", status=403)
    sts.assume_role(RoleArn=ROLE + "2", RoleSessionName="x1")
    wrong = sim.client(secret="wrong", service_name="sts")
    refused("SignatureDoesNotMatch", wrong.assume_role, RoleArn=ROLE, RoleSessionName="x1", status=403)
    sim.ctl("set-roles", roles=[{"role_arn": ROLE, "web_identity_token": "newer"}])
    refused("InvalidIdentityToken", web, RoleArn=ROLE, **arguments)
    web(RoleArn=ROLE, RoleSessionName="x1", WebIdentityToken="newer")


# ---- faults by script ----


def test_errors_by_script(sim, ec2):
    rule = {"action": "CreateNetworkInterface", "effect": "error", "code": "InternalError", "message": "no & <luck>"}
    faults(sim, {**rule, "nth": 2}, {**rule, "action": "Describe*", "every": 2, "code": "Unavailable", "status": 503})
    create(ec2)
    assert refused("InternalError", create, ec2, status=500) == "no & <luck>"
    create(ec2)
    assert len(sim.ctl("status")["enis"]) == 4
    for _ in range(2):
        ec2.describe_vpcs()
        refused("Unavailable", ec2.describe_subnets, status=503)
    assert [(rule["seen"], rule["hits"]) for rule in sim.ctl("faults")["rules"]] == [(3, 1), (4, 2)]
    faults(sim, {**rule, "commit": True, "times": 1})
    refused("InternalError", create, ec2, status=500)
    assert len(sim.ctl("status")["enis"]) == 5
    create(ec2)
    assert [call["code"] for call in sim.ctl("calls")["log"] if call["action"].startswith("Create")].count(
        "InternalError"
    ) == 2


def test_probability_has_a_seed(sim, ec2):
    def series(seed):
        faults(sim, {"effect": "error", "code": "InternalError", "probability": 0.5, "seed": seed})
        return [bool(is_refused(ec2.describe_vpcs)) for _ in range(24)]

    first = series(7)
    assert 4 < sum(first) < 20 and series(7) == first and series(8) != first


@pytest.mark.parametrize("commit", [False, True])
def test_dropped_connections(sim, ec2, commit):
    faults(sim, {"action": "CreateNetworkInterface", "effect": "drop", "commit": commit})
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        create(ec2)
    assert len(sim.ctl("status")["enis"]) == (3 if commit else 2) and hits(sim) == [1]


def test_waiting_for_nothing(sim):
    steady, hasty = sim.client(), sim.client(timeouts={"read_timeout": 0.5})
    faults(sim, {"action": "DescribeVpcs", "effect": "hang"}, {"action": "DescribeSubnets", "effect": "delay", "delay_ms": 700})
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        hasty.describe_vpcs()
    steady.describe_instances()  # nobody else waits: the one that hangs does so for good
    started = time.monotonic()
    steady.describe_subnets()
    assert time.monotonic() - started >= 0.7
    assert hits(sim) == [1, 1]


def raw(sim, action="DescribeVpcs"):
    """(status, Content-Length, bytes that came) of a call."""
    request = {}
    sim.signed(f"Action={action}&Version=2016-11-15", lambda made: request.update(made.headers.items()))
    address = urllib.parse.urlsplit(sim.ready["ec2"])
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=patient(30))
    connection.request("POST", "/", body=f"Action={action}&Version=2016-11-15", headers=request)
    reply = connection.getresponse()
    try:
        body = reply.read()
    except http.client.IncompleteRead as error:
        body = error.partial
    connection.close()
    return reply.status, int(reply.headers["Content-Length"]), body


def test_harmed_bodies(sim, ec2):
    status, length, whole = raw(sim)
    assert (status, length) == (200, len(whole)) and whole.endswith(b"</DescribeVpcsResponse>")
    for effect, check in {
        "truncated": lambda s, n, body: s == 200 and n == len(body) == len(whole) // 2,
        "wrong-length": lambda s, n, body: n > len(body) == len(whole),
        "empty": lambda s, n, body: (s, n, body) == (200, 0, b""),
        "bomb": lambda s, n, body: b"<!ENTITY i" in body and n == len(body),
        "html": lambda s, n, body: body.startswith(b"<!DOCTYPE html>"),
        "huge": lambda s, n, body: n == len(body) >= 10 * 1024 * 1024,
    }.items():
        faults(sim, {"action": "DescribeVpcs", "effect": effect, "nth": 2})  # the first is signed() itself
        got = raw(sim)
        assert check(*got), (effect, got[:2], got[2][:200])
    faults(sim, {"effect": "body", "body": "\r\nwhat?", "status": 404, "nth": 2})
    assert raw(sim) == (404, 7, b"\r\nwhat?")
    faults(sim, {"effect": "slow", "bytes_per_s": 500, "nth": 2})
    started = time.monotonic()
    assert len(raw(sim)[2]) == len(whole)
    assert time.monotonic() - started > len(whole) / 500 * 0.9


def test_faults_of_sts_and_metadata(sim, ec2):
    faults(
        sim,
        {"service": "sts", "effect": "error", "code": "Throttling", "status": 400},
        {"service": "imds", "action": "*/api/token", "effect": "error", "status": 503, "nth": 1},
        {"service": "imds", "action": "*/mac", "node": "n1", "effect": "body", "body": "02:xx\r\n"},
        {"service": "imds", "action": "*/instance-id", "effect": "error", "status": 500},
    )
    refused("Throttling", sim.client(service_name="sts").get_caller_identity)
    put = ("imds", "PUT", "/latest/api/token", {TTL_HEADER: "60", "X-Vpcsim-Node": "n1"})
    assert sim.http(*put)[0] == 503 and sim.http(*put)[0] == 200
    assert sim.imds("mac") == "02:xx\r\n" and sim.imds("mac", "n2") == sim.node["n2"]["mac"]
    status, _, body = sim.http("imds", "GET", "/latest/meta-data/instance-id", {"X-Vpcsim-Node": "n2"})
    assert status == 500 and "500" in body
    ec2.describe_vpcs()
    assert hits(sim) == [1, 1, 1, 1]


def test_forgotten_tokens(sim):
    headers = {TOKEN_HEADER: sim.token(), "X-Vpcsim-Node": "n1"}
    path = "/latest/meta-data/mac"
    assert sim.http("imds", "GET", path, headers)[0] == 200
    sim.ctl("forget-imds-tokens")
    assert sim.http("imds", "GET", path, headers)[0] == 401
    assert sim.imds("mac") == sim.node["n1"]["mac"]


def test_rules_that_are_wrong(sim, ec2):
    faults(sim, {"action": "DescribeVpcs", "effect": "error", "code": "Unavailable", "status": 503})
    for rule, text in [
        ({}, "faults[0]: effect"),
        ({"effect": "explode"}, "'explode' is none"),
        ({"effect": "error"}, "want a code"),
        ({"effect": "slow"}, "want bytes_per_s"),
        ({"effect": "drop", "nth": 0}, "nth: want a whole number"),
        ({"effect": "drop", "nth": 1, "every": 2}, "want one of nth, every and probability"),
        ({"effect": "drop", "probability": 2}, "probability: want"),
        ({"effect": "drop", "colour": "red"}, "colour"),
        ({"effect": "drop", "service": "s3"}, "service"),
    ]:
        assert text in refused_by_control(sim, "set-faults", rules=[rule]), rule
    refused("Unavailable", ec2.describe_vpcs, status=503)  # those that were there still are
    assert "rate above 0" in refused_by_control(sim, "set-throttle", account={"rate": 0, "burst": 1})
    assert "denied: want" in refused_by_control(sim, "set-denied", actions="all")
    assert "stuck" in refused_by_control(sim, "set-stuck", moving=True)
    assert "role_arn" in refused_by_control(sim, "set-roles", roles=[{"role_arn": "me"}])


# ---- TLS ----


@pytest.mark.parametrize("kind, problem", [("good", None), ("expired", "expired"), ("other-host", "doesn't match|not valid for")])
def test_tls(tmp_path, kind, problem):
    ca = tmp_path / "ca.pem"
    simulator = Sim(tmp_path, WORLD, ["--tls", str(ca), "--certificate", kind])
    try:
        assert simulator.ready["ca"] == str(ca) and simulator.ready["ec2"].startswith("https://127.0.0.1:")
        if problem:
            with pytest.raises(botocore.exceptions.SSLError, match=problem):
                simulator.client().describe_vpcs()
        else:
            assert simulator.client().describe_vpcs()["Vpcs"]
            with pytest.raises(botocore.exceptions.SSLError, match="self-signed|self signed|unable to get"):
                simulator.client(verify=True).describe_vpcs()
        context = ssl.create_default_context(cafile=str(ca))
        assert context.get_ca_certs()[0]["subject"] == ((("commonName", "vpcsim CA"),),)
        assert simulator.daemon.stop() == 0 and not ca.exists()
        simulator.daemon.check_log()
    finally:
        simulator.daemon.stop()
