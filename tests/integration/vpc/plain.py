# SPDX-License-Identifier: Apache-2.0
"""vpcsim without packets, as boto3 and a plain HTTP client see it: what the tests of vpcsim itself share."""
import http.client
import json
import os
import re
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest

from .deadline import patient
from .process import BUILD, Daemon, run

REGION = "us-east-1"
USER = {"access_key_id": "AKIAVPCSIMTEST000001", "secret_access_key": "a/secret+of=40characters0123456789abcdef"}
VPC = "vpc-0123456789abcdef0"
SUBNET_A, SUBNET_B, SMALL = (f"subnet-aaaa000000000000{n}" for n in (1, 2, 3))
TTL_HEADER, TOKEN_HEADER = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
WORLD = {
    "region": REGION,
    "account": "123456789012",
    "vpc": {"id": VPC, "cidrs": ["10.0.0.0/16", "100.64.0.0/16"]},
    "subnets": [
        {"id": SUBNET_A, "cidr": "10.0.1.0/24", "zone": "us-east-1a", "tags": {"kubernetes.io/role/cni": "1"}},
        {"id": SUBNET_B, "cidr": "10.0.2.0/24", "zone": "us-east-1b"},
        {"id": SMALL, "cidr": "10.0.3.0/28", "zone": "us-east-1a"},
    ],
    "users": [USER],
    "role": "node-role",
    "nodes": [
        {"name": "n1", "instance_type": "t3.small", "subnet": SUBNET_A, "public": True, "hop_limit": 1},
        {"name": "n2", "instance_type": "t3.small", "subnet": SUBNET_A, "hop_limit": 2},
    ],
}


class Sim:
    """A vpcsim without packets."""

    def __init__(self, folder, world, options=()):
        self.folder, self.control = folder, folder / "control.sock"
        (folder / "world.json").write_text(json.dumps(world))
        ready_read, ready_write = os.pipe()
        with open(ready_write, "wb") as stdout:
            self.daemon = Daemon(
                [BUILD / "bin/vpcsim", "run", "--world", folder / "world.json", "--control", self.control]
                + ["--no-fabric", "--ec2-port", "0", *options],
                folder / "vpcsim.log",
                stdout=stdout,
            )
        with open(ready_read) as stdout:
            line = stdout.readline()
        assert line, (folder / "vpcsim.log").read_text()
        self.ready = json.loads(line)
        self.node = {node["name"]: node for node in self.ready["nodes"]}

    def client(self, key=USER["access_key_id"], secret=USER["secret_access_key"], token=None, region=REGION, **more):
        options = {"service_name": "ec2", "verify": self.ready["ca"] or False, **more}
        timeouts = {"connect_timeout": patient(5), "read_timeout": patient(20), **options.pop("timeouts", {})}
        return boto3.client(
            **options,
            region_name=region,
            endpoint_url=self.ready["ec2"],
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=botocore.config.Config(retries={"total_max_attempts": 1}, **timeouts),
        )

    def ctl(self, command, **arguments):
        reply = json.loads(run(BUILD / "bin/vpcsim", "ctl", self.control, command, json.dumps(arguments)).stdout)
        assert reply["ok"] is True
        return reply

    def http(self, which, method, path, headers=None, body=None):
        """(status, headers, body) of one request; headers with keys in lower case."""
        address = urllib.parse.urlsplit(self.ready[which])
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=patient(60))
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode()
        finally:
            connection.close()

    def token(self, node="n1", ttl=60):
        status, _, body = self.http("imds", "PUT", "/latest/api/token", {TTL_HEADER: str(ttl), "X-Vpcsim-Node": node})
        assert status == 200
        return body

    def imds(self, path, node="n1"):
        """The body at /latest/meta-data/PATH, None for 404."""
        headers = {TOKEN_HEADER: self.token(node), "X-Vpcsim-Node": node}
        status, _, body = self.http("imds", "GET", f"/latest/meta-data/{path}", headers)
        assert status in (200, 404)
        return body if status == 200 else None

    def signed(self, body, change=None, when=None, access=None):
        """A POST signed by botocore, with `change(request)` before it leaves: what a tamperer would send."""
        access = access or botocore.credentials.Credentials(USER["access_key_id"], USER["secret_access_key"])
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = botocore.awsrequest.AWSRequest("POST", self.ready["ec2"] + "/", headers=headers, data=body)
        auth = botocore.auth.SigV4Auth(access, "ec2", REGION)
        if when:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: when)
                auth.add_auth(request)
        else:
            auth.add_auth(request)
        if change:
            change(request)
        return self.http("ec2", "POST", "/", dict(request.headers.items()), request.body)


@pytest.fixture
def sim(tmp_path, request):
    marker = request.node.get_closest_marker("world")
    simulator = Sim(tmp_path, {**WORLD, **(marker.kwargs if marker else {})})
    try:
        yield simulator
        assert simulator.ctl("check")["violations"] == []
        assert simulator.daemon.stop() == 0
        simulator.daemon.check_log()
    finally:
        simulator.daemon.stop()


@pytest.fixture
def ec2(sim):
    return sim.client()


def refused(code, call, /, *args, status=400, **kwargs):
    """The call fails with this EC2 code and status; its message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **kwargs)
    reply = caught.value.response
    assert (reply["Error"]["Code"], reply["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply["ResponseMetadata"]["RequestId"])
    return reply["Error"]["Message"]


def create(ec2, subnet=SUBNET_A, **more):
    return ec2.create_network_interface(SubnetId=subnet, **more)["NetworkInterface"]


def eni_of(ec2, eni_id):
    return ec2.describe_network_interfaces(NetworkInterfaceIds=[eni_id])["NetworkInterfaces"][0]


def addresses(eni):
    return [item["PrivateIpAddress"] for item in eni["PrivateIpAddresses"]]


def free(ec2, subnet):
    return ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"]
