# SPDX-License-Identifier: Apache-2.0
"""A node as aws-vpc-cni leaves it: ENIs with its tags, its links, rules, routes and packet filter, pods, and its checkpoint."""
import hashlib
import json
import pathlib
import time

import boto3

from . import netns
from .pod import Pod
from .process import run

USER = {"access_key_id": "AKIATAKEOVER00000000", "secret_access_key": "aws-vpc-cni-secret"}
GATEWAY = "169.254.1.1"
MARK = "0x80"
VERSIONS = ("1.22", "1.23")  # they differ in what marks a new connection
NFT_TABLE = """
table ip aws-cni {
    chain snat-mark {
        counter ip daddr 10.0.0.0/16 return
        counter ct mark set ct mark or %(mark)s
    }
    chain nat-prerouting {
        type nat hook prerouting priority dstnat + 10; policy accept;
        fib daddr type local return
        iifname "eni*" counter jump snat-mark
        counter meta mark set ct mark and %(mark)s
    }
}
"""


class AwsCni:
    """add_eni(), add_pod() and write_checkpoint() make the node; row() what the checkpoint says of a pod."""

    def __init__(self, node, folder, version, program="iptables-nft", mark=MARK):
        self.node, self.simulator, self.version, self.program, self.mark = node, node.simulator, version, program, mark
        self.checkpoint = pathlib.Path(folder) / "ipam.json"
        self.rows, self.enis = [], []
        self.ec2 = boto3.client(
            "ec2",
            region_name="us-east-1",
            endpoint_url=self.simulator.ready["ec2_local"],
            aws_access_key_id=USER["access_key_id"],
            aws_secret_access_key=USER["secret_access_key"],
        )
        self.primary = self.simulator.enis(node.name)[0]
        self.free = {0: []}
        for key, value in (("ip_forward", 1), ("conf.all.rp_filter", 0), ("conf.eth0.rp_filter", 2)):
            self.sysctl(key, value)
        self.secondary = {}
        self.start_again()

    def start_again(self):
        """What each start of the daemon makes."""
        self.filter()
        self.rule("add", "fwmark", f"{self.mark}/{self.mark}", "lookup", "main", "priority", "1024")
        for address, table in self.secondary.items():
            self.rule("add", "from", address, "lookup", table, "priority", "32765")

    def rule(self, *arguments):
        run("ip", "-n", self.node.netns, "rule", *arguments)

    def route(self, *arguments):
        run("ip", "-n", self.node.netns, "route", *arguments)

    def link(self, *arguments):
        run("ip", "-n", self.node.netns, "link", *arguments)

    def sysctl(self, key, value):
        run("ip", "netns", "exec", self.node.netns, "sysctl", "-qw", f"net.ipv4.{key}={value}")

    def iptables(self, table, *arguments):
        run("ip", "netns", "exec", self.node.netns, self.program, "-w", "-t", table, *arguments)

    def filter(self):
        """What it has of packet filter."""
        self.filter_snat()
        if self.version == "1.23" and self.program == "iptables-nft":
            self.node.exec("nft", "-f", "-", input=NFT_TABLE % {"mark": self.mark})
        else:
            self.filter_connmark()
        self.filter_primary()

    def restore_mark(self):
        return ["-j", "CONNMARK", "--restore-mark", "--nfmask", self.mark, "--ctmask", self.mark]

    def filter_snat(self):
        chain = "AWS-SNAT-CHAIN-0"
        self.iptables("nat", "-N", chain)
        self.iptables("nat", "-A", "POSTROUTING", "-m", "comment", "--comment", "AWS SNAT CHAIN", "-j", chain)
        self.iptables("nat", "-A", chain, "-d", "10.0.0.0/16", "-m", "comment", "--comment", "AWS SNAT CHAIN", "-j", "RETURN")
        self.iptables(
            "nat", "-A", chain, "!", "-o", "vlan+", "-m", "comment", "--comment", "AWS, SNAT", "-m", "addrtype", "!", "--dst-type", "LOCAL",
            *["-j", "SNAT", "--to-source", self.node.address, "--random-fully"],
        )

    def filter_connmark(self):
        """As 1.22 has it everywhere, and 1.23 where iptables is iptables-legacy."""
        chain = "AWS-CONNMARK-CHAIN-0"
        comment = "AWS CONNMARK CHAIN" if self.version == "1.23" else "AWS CONNMARK CHAIN, VPC CIDR"
        self.iptables("nat", "-N", chain)
        self.iptables("nat", "-A", "PREROUTING", "-i", "eni+", "-m", "comment", "--comment", "AWS, outbound connections", "-j", chain)
        self.iptables("nat", "-A", chain, "-d", "10.0.0.0/16", "-m", "comment", "--comment", comment, "-j", "RETURN")
        self.iptables("nat", "-A", chain, "-m", "comment", "--comment", "AWS, CONNMARK", "-j", "CONNMARK", "--set-xmark", f"{self.mark}/{self.mark}")
        self.iptables("nat", "-A", "PREROUTING", "-m", "comment", "--comment", "AWS, CONNMARK", *self.restore_mark())

    def filter_primary(self):
        comment = ["-m", "comment", "--comment", "AWS, primary ENI"]
        self.iptables(
            "mangle", "-A", "PREROUTING", "-i", "eth0", *comment, "-m", "addrtype", "--dst-type", "LOCAL", "--limit-iface-in",
            *["-j", "CONNMARK", "--set-xmark", f"{self.mark}/{self.mark}"],
        )
        for pods in ("eni+", "vlan+"):
            self.iptables("mangle", "-A", "PREROUTING", "-i", pods, *comment, *self.restore_mark())

    def add_addresses(self, count):
        """To the primary ENI."""
        reply = self.ec2.assign_private_ip_addresses(NetworkInterfaceId=self.primary["id"], SecondaryPrivateIpAddressCount=count)
        self.free[0] += [entry["PrivateIpAddress"] for entry in reply["AssignedPrivateIpAddresses"]]

    def add_eni(self, count):
        """A secondary ENI with count addresses, its link, table and rule."""
        device = len(self.free)
        instance = self.node.facts["instance_id"]
        eni = self.ec2.create_network_interface(
            SubnetId=self.primary["subnet_id"],
            Description=f"aws-K8S-{instance}",
            SecondaryPrivateIpAddressCount=count,
            TagSpecifications=[
                {"ResourceType": "network-interface", "Tags": [{"Key": "node.k8s.amazonaws.com/instance_id", "Value": instance}]}
            ],
        )["NetworkInterface"]
        self.ec2.attach_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=device)
        name = self.wait_link(eni["MacAddress"])
        address, table = eni["PrivateIpAddress"], str(device + 1)
        gateway = address.rsplit(".", 1)[0] + ".1"
        self.link("set", name, "up", "mtu", "9001")
        run("ip", "-n", self.node.netns, "addr", "add", f"{address}/24", "dev", name, "noprefixroute")
        self.route("add", gateway, "dev", name, "scope", "link", "table", table)
        self.route("add", "default", "via", gateway, "dev", name, "table", table)
        self.secondary[address] = table
        self.rule("add", "from", address, "lookup", table, "priority", "32765")
        self.free[device] = [entry["PrivateIpAddress"] for entry in eni["PrivateIpAddresses"] if not entry["Primary"]]

    def wait_link(self, mac):
        def find():
            return next((link["ifname"] for link in self.node.ip("link", "show") if link.get("address") == mac), None)

        return self.node.wait_until(find, 30, why="the ENI's link")

    def add_pod(self, name, device):
        pod = Pod(self.node, name)
        address = self.free[device].pop()
        host = "eni" + hashlib.sha1(f"{pod.namespace}.{name}".encode()).hexdigest()[:11]
        self.link("add", host, "type", "veth", "peer", "name", "eth0", "netns", pod.netns)
        self.link("set", host, "up")
        (link,) = netns.ip(self.node.netns, "link", "show", "dev", host)
        for command in (
            ["link", "set", "eth0", "up"],
            ["addr", "add", f"{address}/32", "dev", "eth0"],
            ["route", "add", GATEWAY, "dev", "eth0", "scope", "link"],
            ["route", "add", "default", "via", GATEWAY, "dev", "eth0"],
            ["neigh", "replace", GATEWAY, "lladdr", link["address"], "dev", "eth0", "nud", "permanent"],
        ):
            run("ip", "-n", pod.netns, *command)
        self.route("add", address, "dev", host, "scope", "link")
        self.rule("add", "to", address, "lookup", "main", "priority", "512")
        if device:
            self.rule("add", "from", address, "lookup", str(device + 1), "priority", "1536")
        self.row(pod.container_id, name, address, pod.namespace)
        pod.old_address, pod.old_link = address, host
        return pod

    def row(self, container_id, name, address, namespace="default"):
        self.rows.append(
            {
                "networkName": "aws-cni",
                "containerID": container_id,
                "ifName": "eth0",
                "ipv4": address,
                "allocationTimestamp": time.time_ns(),
                "metadata": {"k8sPodNamespace": namespace, "k8sPodName": name, "interfacesCount": 1},
            }
        )

    def write_checkpoint(self, **changes):
        self.checkpoint.write_text(json.dumps({"version": "vpc-cni-ipam/1", "allocations": self.rows, **changes}) + "\n")

    def left(self):
        """Its rules, host routes and packet filter that are still there."""
        rules = [r for r in self.node.ip("rule", "show") if r["priority"] in (512, 1536, 1024, 32765) and r.get("protocol") != "118"]
        routes = [route["dst"] for route in self.node.ip("route", "show", "table", "main") if route.get("dev", "").startswith("eni")]
        nft = [line.strip() for line in self.node.exec("nft", "list", "ruleset").stdout.splitlines() if "AWS-" in line or "aws-cni" in line]
        rest = [run("ip", "netns", "exec", self.node.netns, f"iptables-{which}-save").stdout for which in ("nft", "legacy")]
        return rules, routes, nft + [line for text in rest for line in text.splitlines() if "AWS" in line]
