# SPDX-License-Identifier: Apache-2.0
"""What the modes share: a Service, its ports as kube-proxy sees them from one node, names, and the proxy's frame."""
import base64
import dataclasses
import hashlib

from .. import netns

SERVICE_CIDR = "172.20.0.0/16"
MASQUERADE_MARK = 0x4000


@dataclasses.dataclass(frozen=True)
class Service:
    """One that has the same port for each of its protocols. name is "namespace/name:port"."""

    name: str
    cluster_ip: str
    endpoints: tuple
    port: int = 80
    target_port: int = 80
    protocols: tuple = ("tcp", "udp")
    node_port: int = 0
    load_balancer_ip: str = ""
    local: bool = False  # externalTrafficPolicy: Local

    @property
    def external(self):
        return bool(self.node_port or self.load_balancer_ip)


@dataclasses.dataclass(frozen=True)
class Port:
    """A Service's port on one node: kube-proxy has chains for each of these."""

    service: Service
    protocol: str
    local_endpoints: tuple

    def endpoint(self, address):
        return f"{address}:{self.service.target_port}"

    def hash(self, more=""):
        """The first part of SHA-256 of name, protocol and more, in base 32: what makes a chain's name unique."""
        text = self.service.name + self.protocol + more
        return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:16]


class KubeProxy:
    """kube-proxy on one node. detect_local: "" as EKS has it, or a prefix of interface names whose traffic is pods'."""

    def __init__(self, namespace, node_addresses=(), local_pods=(), detect_local=""):
        self.namespace = namespace
        self.node_addresses = list(node_addresses)
        self.local_pods = frozenset(local_pods)
        self.detect_local = detect_local

    def ports(self, services):
        for service in services:
            here = tuple(address for address in service.endpoints if address in self.local_pods)
            for protocol in service.protocols:
                yield Port(service, protocol, here)

    def execute(self, *command, **kwargs):
        return netns.execute(self.namespace, *command, **kwargs)
