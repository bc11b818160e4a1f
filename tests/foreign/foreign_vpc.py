# SPDX-License-Identifier: Apache-2.0
"""
A node whose EC2 is somebody else's. Foreign is: EC2 (every ENI and address is the server's), IAM and STS. Simulated is:
the metadata service (imds.py, with the server's facts and sessions), and the packets: a thread reads from the server which
ENIs are attached and puts a link with that MAC into the node's namespace, its far end on a bridge that answers for the
gateway and sends the packets of each address to the ENI that the server says has it. Nothing checks sources.

ForeignVpc has what vpc.Node wants of a vpc.Simulator.
"""
import contextlib
import ipaddress
import os
import secrets
import select
import socket
import subprocess
import threading

from imds import Imds
from servers import INSTANCE_TYPE, REGION, SUBNET_CIDR, VPC_CIDR
from vpc import netns
from vpc.process import run, wait_until

POLL_S = 0.2
GATEWAY_MAC = "02:00:0a:00:00:01"
CHUNK = 65536


def _pump(a, b):
    """Bytes both ways until one side ends."""
    with a, b, contextlib.suppress(OSError):
        while True:
            for source in select.select([a, b], [], [])[0]:
                data = source.recv(CHUNK)
                if not data:
                    return
                (b if source is a else a).sendall(data)


class Forwarder:
    """A port on a namespace's loopback that is a port here. The bytes are not touched: signatures stay good."""

    def __init__(self, namespace, port):
        self.port = port
        self.listener = netns.call_in(namespace, socket.create_server, ("127.0.0.1", port))
        self.connections = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.port), timeout=120)
            except OSError:
                near.close()
                continue
            self.connections += [near, far]
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()

    def close(self):
        for opened in [self.listener, *self.connections]:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Plugs:
    """Links and neighbours as the server's attachments say, looked at every POLL_S."""

    def __init__(self, enis, node, vpc):
        self.enis, self.node, self.vpc = enis, node, vpc
        self.plugged = {}  # ENI id -> its port on the bridge
        self.reached = {}  # address -> MAC
        self.error = None
        self.ended = threading.Event()
        self.sync()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(POLL_S):
            try:
                self.sync()
            except Exception as error:  # told at the end of the test
                self.error = error
                return

    def sync(self):
        attached = {eni["NetworkInterfaceId"]: eni for eni in self.enis()}
        for eni_id in [known for known in self.plugged if known not in attached]:
            run("ip", "-n", self.vpc, "link", "delete", self.plugged.pop(eni_id))
        for eni_id in [known for known in attached if known not in self.plugged]:
            self._plug(attached[eni_id])
        reached = {
            item["PrivateIpAddress"]: eni["MacAddress"] for eni in attached.values() for item in eni["PrivateIpAddresses"]
        }
        for address, mac in reached.items() - self.reached.items():
            run("ip", "-n", self.vpc, "neighbour", "replace", address, "lladdr", mac, "dev", "br0", "nud", "permanent")
        for address in self.reached.keys() - reached.keys():
            run("ip", "-n", self.vpc, "neighbour", "delete", address, "dev", "br0")
        self.reached = reached

    def _plug(self, eni):
        index = eni["Attachment"]["DeviceIndex"]
        far = "p" + eni["NetworkInterfaceId"].removeprefix("eni-")[:13]
        run("ip", "-n", self.vpc, "link", "add", far, "mtu", "9001", "type", "veth", "peer", "name", f"eth{index}",
            "address", eni["MacAddress"], "mtu", "9001", "netns", self.node)
        run("ip", "-n", self.vpc, "link", "set", far, "master", "br0", "up")
        self.plugged[eni["NetworkInterfaceId"]] = far

    def close(self):
        self.ended.set()
        self.thread.join()


class ForeignVpc:
    """prefix, namespace(), add_node(), ready["ec2"], enis(): see vpc.Simulator. One node: the server's instance."""

    def __init__(self, server):
        self.server = server
        self.prefix = f"f{secrets.token_hex(3)}"
        self.gateway = str(next(ipaddress.ip_network(SUBNET_CIDR).hosts()))
        self.ready, self.closers = {}, []

    def namespace(self, name):
        return f"{self.prefix}-{name}"

    def attached(self):
        """The server's own words."""
        wanted = [{"Name": "attachment.instance-id", "Values": [self.server.instance_id]}]
        return self.server.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]

    def enis(self, _=None):
        return [
            {
                "id": eni["NetworkInterfaceId"],
                "addresses": [item["PrivateIpAddress"] for item in eni["PrivateIpAddresses"] if not item["Primary"]],
            }
            for eni in self.attached()
        ]

    def add_node(self, name):
        node, vpc = self.namespace(name), self.namespace("vpc")
        bits = SUBNET_CIDR.split("/")[1]
        for namespace in (node, vpc):
            netns.add(namespace)
        # an address of its own: else it changes with the ports, and the node's neighbour entry is wrong
        run("ip", "-n", vpc, "link", "add", "br0", "address", GATEWAY_MAC, "mtu", "9001", "type", "bridge")
        run("ip", "-n", vpc, "address", "add", f"{self.gateway}/{bits}", "dev", "br0")
        run("ip", "-n", vpc, "link", "set", "br0", "up")
        plugs = Plugs(self.attached, node, vpc)
        self.closers.append(plugs.close)
        self.plugs = plugs
        primary = self.server.primary_eni
        run("ip", "-n", node, "address", "add", f"{primary['PrivateIpAddress']}/{bits}", "dev", "eth0")
        run("ip", "-n", node, "link", "set", "eth0", "up")
        run("ip", "-n", node, "route", "add", "default", "via", self.gateway)
        imds = Imds(self.server.credentials, self._leaves(primary), listen=lambda make: netns.call_in(node, make))
        self.closers.append(imds.close)
        port = int(self.server.endpoint.rsplit(":", 1)[1])
        self.closers.append(Forwarder(node, port).close)
        self.ready = {"ec2": self.server.endpoint, "imds": imds.endpoint}
        return {"primary_address": primary["PrivateIpAddress"], "public_address": None}

    def _leaves(self, eni):
        folder = f"network/interfaces/macs/{eni['MacAddress']}"
        return {
            "instance-id": self.server.instance_id,
            "instance-type": INSTANCE_TYPE,
            "placement/availability-zone": eni["AvailabilityZone"],
            "placement/region": REGION,
            "mac": eni["MacAddress"],
            "network/interfaces/macs": eni["MacAddress"] + "/",
            f"{folder}/interface-id": eni["NetworkInterfaceId"],
            f"{folder}/subnet-id": eni["SubnetId"],
            f"{folder}/vpc-id": eni["VpcId"],
            f"{folder}/local-ipv4s": eni["PrivateIpAddress"],
            f"{folder}/subnet-ipv4-cidr-block": SUBNET_CIDR,
            f"{folder}/vpc-ipv4-cidr-blocks": VPC_CIDR,
            f"{folder}/security-group-ids": "\n".join(group["GroupId"] for group in eni["Groups"]),
        }

    def close(self):
        """Threads and namespaces go, and whatever is left in them."""
        for close in reversed(self.closers):
            close()
        for name in netns.names(self.prefix):
            for pid in netns.processes(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            with contextlib.suppress(subprocess.SubprocessError):
                wait_until(lambda name=name: not netns.processes(name), why=f"empty namespace {name}")
            netns.delete(name)
