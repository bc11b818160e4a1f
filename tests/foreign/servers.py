# SPDX-License-Identifier: Apache-2.0
"""The EC2s that the tests run against, each a process of its own on a loopback port: vpcsim, moto, LocalStack."""
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import random
import socket
import sys
import urllib.request

import boto3
import botocore.config

from vpc.process import BUILD, Daemon, run, wait_until

REGION = "us-east-1"
START_DEADLINE_S = 90
SUBNET_CIDR, VPC_CIDR = "10.0.0.0/17", "10.0.0.0/16"
SUBNET_IPV6, VPC_IPV6 = "2001:db8:1:101::/64", "2001:db8:1:100::/56"  # vpcsim's; others choose their own
INSTANCE_TYPE = "t3.small"  # 3 ENIs with 4 addresses each
FOLDER = pathlib.Path(__file__).parent
VENVS = pathlib.Path(os.environ.get("VPCWIRE_VENVS", FOLDER.parent.parent / "build")).resolve()
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:*", "sts:*"], "Resource": "*"}]}
NODE = json.loads((FOLDER.parent.parent / "deploy/iam/policy.json").read_text())  # what we tell owners to allow, and no more
NO_EC2 = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["sts:*"], "Resource": "*"}]}


def free_port():
    """Of those that no connection is given for its own end: it stays free until the server has it."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(first // 2, first)
        with contextlib.suppress(OSError), socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            return port


class Server:
    """endpoint, vpc_id, subnet_id, group_id, and one running instance: instance_id, primary_eni."""

    name = None

    def client(self, service="ec2", credentials=None):
        credentials = credentials or self.admin
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("Token"),
            config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=60, read_timeout=300),
        )

    def eni(self, eni_id):
        """As boto3 sees it."""
        return self.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni_id])["NetworkInterfaces"][0]

    def primary_of(self, instance_id):
        instance = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return self.eni(instance["NetworkInterfaces"][0]["NetworkInterfaceId"])

    def learn_instance(self, instance_id):
        self.instance_id, self.primary_eni = instance_id, self.primary_of(instance_id)
        self.vpc_id, self.subnet_id = self.primary_eni["VpcId"], self.primary_eni["SubnetId"]
        self.group_id = self.primary_eni["Groups"][0]["GroupId"]

    def assume(self, role):
        """A session of a role, from STS."""
        sts = self.client("sts")
        made = sts.assume_role(RoleArn=self.roles[role], RoleSessionName="test", DurationSeconds=3600)["Credentials"]
        expires = made["Expiration"].astimezone(datetime.timezone.utc)
        return {
            "AccessKeyId": made["AccessKeyId"],
            "SecretAccessKey": made["SecretAccessKey"],
            "Token": made["SessionToken"],
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def stop(self):
        """It ends on SIGTERM; one of somebody else's that does not, by SIGKILL."""
        try:
            self.daemon.stop()
        except AssertionError:
            assert not self.daemon.alive()


class Vpcsim(Server):
    """Without packets: credentials come from its own metadata service."""

    name = "vpcsim"
    small_subnet_id = "subnet-aaaa0000000000002"
    roles = {"poor-role": "arn:aws:iam::123456789012:role/poor-role"}
    admin = {"AccessKeyId": "AKIAVPCSIMTEST000001", "SecretAccessKey": "a/secret+of=40characters0123456789abcdef"}

    def __init__(self, folder):
        subnet = "subnet-aaaa0000000000001"
        world = {
            "region": REGION,
            "account": "123456789012",
            "vpc": {"id": "vpc-0123456789abcdef0", "cidrs": [VPC_CIDR], "ipv6_cidrs": [VPC_IPV6]},
            "subnets": [
                {"id": subnet, "cidr": SUBNET_CIDR, "ipv6_cidr": SUBNET_IPV6, "zone": "us-east-1a"},
                {"id": self.small_subnet_id, "cidr": "10.0.200.0/28", "zone": "us-east-1a"},
            ],
            "users": [{"access_key_id": self.admin["AccessKeyId"], "secret_access_key": self.admin["SecretAccessKey"]}],
            "role": "node-role",
            "sts_roles": [{"role_arn": self.roles["poor-role"], "denied": ["*"]}],
            "nodes": [{"name": "n1", "instance_type": INSTANCE_TYPE, "subnet": subnet}],
        }
        (folder / "world.json").write_text(json.dumps(world))
        read, write = os.pipe()
        with open(write, "wb") as stdout:
            self.daemon = Daemon(
                [BUILD / "bin/vpcsim", "run", "--world", folder / "world.json", "--control", folder / "control.sock"]
                + ["--no-fabric", "--ec2-port", "0"],
                folder / "vpcsim.log",
                stdout=stdout,
            )
        with open(read) as stdout:
            line = stdout.readline()
        assert line, self.daemon.tail()
        self.ready = json.loads(line)
        self.endpoint, self.nodes, self.control = self.ready["ec2"], 1, folder / "control.sock"
        self.ec2 = self.client()
        self.learn_instance(self.ready["nodes"][0]["instance_id"])

    def new_instance(self):
        """(id, primary ENI) of one more."""
        self.nodes += 1
        wanted = {"name": f"n{self.nodes}", "instance_type": INSTANCE_TYPE, "subnet": self.subnet_id}
        made = json.loads(run(BUILD / "bin/vpcsim", "ctl", self.control, "add-node", json.dumps(wanted)).stdout)
        return made["instance_id"], self.primary_of(made["instance_id"])

    def _imds(self, method, path, headers):
        connection = http.client.HTTPConnection(self.ready["imds"].removeprefix("http://"), timeout=300)
        try:
            connection.request(method, path, headers={"X-Vpcsim-Node": "n1", **headers})
            reply = connection.getresponse()
            assert reply.status == 200, path
            return reply.read().decode()
        finally:
            connection.close()

    def credentials(self, role="node-role"):
        """A session of the node's role, from the metadata service; of another one, from STS."""
        if role != "node-role":
            return self.assume(role)
        token = self._imds("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        headers = {"X-aws-ec2-metadata-token": token}
        keys = json.loads(self._imds("GET", "/latest/meta-data/iam/security-credentials/node-role", headers))
        return {key: keys[key] for key in ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")}


class Foreign(Server):
    """What moto and LocalStack share: IAM, STS, and a world made with boto3."""

    admin = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    health = None

    def wait_ready(self):
        def ready():
            assert self.daemon.alive(), self.daemon.tail()
            with urllib.request.urlopen(self.endpoint + self.health, timeout=2) as reply:
                return reply.status == 200

        wait_until(ready, START_DEADLINE_S, why=f"{self.name} ready")

    def make_world(self):
        ec2 = self.ec2 = self.client()
        vpc_id = ec2.create_vpc(CidrBlock=VPC_CIDR, AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
        vpc = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
        ipv6 = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
        zone = {"AvailabilityZone": "us-east-1a"}
        made = ec2.create_subnet(VpcId=vpc_id, CidrBlock=SUBNET_CIDR, Ipv6CidrBlock=ipv6, **zone)
        subnet_id = made["Subnet"]["SubnetId"]
        small = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.200.0/28", **zone)
        self.small_subnet_id = small["Subnet"]["SubnetId"]
        self.image_id = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        self.learn_instance(self._run_instance(subnet_id))

    def _run_instance(self, subnet_id):
        one = {"ImageId": self.image_id, "MinCount": 1, "MaxCount": 1}
        made = self.ec2.run_instances(InstanceType=INSTANCE_TYPE, SubnetId=subnet_id, **one)
        return made["Instances"][0]["InstanceId"]

    def new_instance(self):
        """(id, primary ENI) of one more."""
        instance_id = self._run_instance(self.subnet_id)
        return instance_id, self.primary_of(instance_id)

    def make_roles(self):
        iam = self.client("iam")
        admin = iam.create_user(UserName="admin")["User"]["Arn"]
        iam.put_user_policy(UserName="admin", PolicyName="p", PolicyDocument=json.dumps(ALLOW))
        trust = {"Effect": "Allow", "Principal": {"AWS": admin}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.roles = {}
        for name, policy in (("node-role", NODE), ("poor-role", NO_EC2)):
            self.roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="admin")["AccessKey"]
        self.admin = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}
        self.ec2 = self.client()

    def credentials(self, role="node-role"):
        """A session of a role."""
        return self.assume(role)


class Moto(Foreign):
    """moto_server; every call's signature and policies are checked once the world is made."""

    name = "moto"
    health = "/moto-api/data.json"

    def __init__(self, folder):
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        command = [VENVS / "venv-moto/bin/moto_server", "--host", "127.0.0.1", "--port", port]
        self.daemon = Daemon(command, folder / "moto.log")
        self.wait_ready()
        self.make_world()
        self.make_roles()
        request = urllib.request.Request(
            self.endpoint + "/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
        )
        with urllib.request.urlopen(request, timeout=300) as reply:
            assert reply.status == 200


class LocalStack(Foreign):
    """LocalStack on the host, EC2, IAM and STS only."""

    name = "localstack"
    health = "/_localstack/health"

    def __init__(self, folder):
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        env = {
            "FILESYSTEM_ROOT": str(folder / "root"),  # all that it writes
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TMPDIR": str(folder),
            "SERVICES": "ec2,iam,sts",
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "GATEWAY_SERVER": "hypercorn",  # the default, twisted, listens on all addresses
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "LS_LOG": "warning",
        }
        (folder / "root").mkdir(parents=True)
        command = [VENVS / "venv-localstack/bin/python", FOLDER / "localstack_main.py"]
        self.daemon = Daemon(command, folder / "localstack.log", env=env)
        self.wait_ready()
        self.make_world()
        self.make_roles()


SERVERS = {kind.name: kind for kind in (Vpcsim, Moto, LocalStack)}


def start(name, folder):
    """A fresh one, with nothing of another test in it. What was half started is ended."""
    folder.mkdir(parents=True, exist_ok=True)
    server = SERVERS[name].__new__(SERVERS[name])
    try:
        server.__init__(folder)
    except BaseException:
        if hasattr(server, "daemon"):
            server.stop()
            print(server.daemon.tail(60), file=sys.stderr)
        raise
    return server
