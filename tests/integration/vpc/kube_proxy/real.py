# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own kube-proxy in a node's network namespace: the modes that it has, by the interface of our pictures of them.

It runs from the first sync() to remove(), and is started anew where its configuration changes. That all rules are in the kernel
is seen by Services that mark: whole syncs of kube-proxy follow one another, so once it has written a mark that was made after it had
written another, all that was published with the first is there.
"""
import json
import pathlib
import tempfile

from ..process import Daemon, wait_until
from . import objects
from .iptables import IptablesNft
from .ipvs import NO_STRICT_ARP, Ipvs
from .model import KubeProxy, Service
from .nftables import TABLE, Nftables

BUILT = pathlib.Path(__file__).resolve().parents[4] / "build/kubernetes"
PROGRAM = BUILT / "kube-proxy"
CONNTRACK_AS_IT_IS = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
DEADLINE_S = 120
NODE, OTHER_NODE = "here", "elsewhere"
MARK_PORT = 9
JSON = "application/json"


class ProxyDiedError(Exception):
    """Waiting for it is over."""


class RealKubeProxy(KubeProxy):
    mode = ""  # as its configuration names it
    listing = ()  # the command that shows its endpoints in the kernel
    picture = KubeProxy  # that knows what a machine lacks for the mode

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.marks, self.server, self.daemon, self.runs_with, self.folder = 0, None, None, None, None

    @classmethod
    def missing(cls, namespace):
        if not PROGRAM.exists():
            return f"{PROGRAM.name} is not built, see build/log/kubernetes.log"
        return cls.picture.missing(namespace)

    def sync(self, services, strict_arp=False):
        options = (self.detect_local, strict_arp)
        if options != self.runs_with:
            self._stop()
            self.server, self.folder = objects.ObjectServer(self.namespace), self.folder or tempfile.TemporaryDirectory()
        mark = self._publish(services)
        if options != self.runs_with:
            self._start(strict_arp)
            self.runs_with = options
        self._wait_for(mark)
        self._wait_for(self._publish(services))

    def remove(self):
        self._stop()
        if self.folder:
            command = (PROGRAM, f"--config={self._file('config')}", "--cleanup")
            # IPVS mode's chains lead to some of iptables mode, which it would remove first: only the next time they go
            wait_until(lambda: self.execute(*command, timeout=DEADLINE_S), DEADLINE_S, why="kube-proxy's rules are removed")
            self.folder.cleanup()
            self.folder = None

    # ---- what it is told ----

    def _publish(self, services):
        """With a new mark, which is returned: an endpoint that nobody asks for."""
        self.marks += 1
        low, high = self.marks % 256, self.marks // 256
        mark = Service(f"default/mark{self.marks}:main", f"172.20.{255 - high}.{low}", (f"198.18.{high}.{low}",), MARK_PORT, MARK_PORT, ("tcp",))
        self.server.publish({
            objects.NODES: [objects.node(NODE, self.node_addresses[0])],
            objects.CIDRS: [objects.service_cidr()],
            objects.SERVICES: [objects.service(made) for made in (*services, mark)],
            objects.SLICES: [objects.slice_of(made, self._node_of) for made in (*services, mark)],
        })
        return f"{mark.endpoints[0]}:{MARK_PORT}"

    def _node_of(self, address):
        return NODE if address in self.local_pods else OTHER_NODE

    def _configuration(self, strict_arp):
        local = {"detectLocalMode": "InterfaceNamePrefix", "detectLocal": {"interfaceNamePrefix": self.detect_local}} if self.detect_local else {}
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(self._file("kubeconfig")), "acceptContentTypes": JSON, "contentType": JSON},
            "hostnameOverride": NODE,
            "mode": self.mode,
            "nodePortAddresses": ["0.0.0.0/0"],  # nftables mode has only the node's own by itself
            "conntrack": CONNTRACK_AS_IT_IS,
            "ipvs": {"strictARP": strict_arp},
            **local,
        }

    def _clusters(self):
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.server.url}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
            "current-context": "c",
        }

    # ---- its process ----

    def _file(self, name):
        return pathlib.Path(self.folder.name) / name

    def _start(self, strict_arp):
        config = self._file("config")
        config.write_text(json.dumps(self._configuration(strict_arp)))
        self._file("kubeconfig").write_text(json.dumps(self._clusters()))
        self.daemon = Daemon(["ip", "netns", "exec", self.namespace, PROGRAM, f"--config={config}"], self._file("log"))

    def _stop(self):
        """SIGKILL; its rules stay."""
        if self.daemon:
            self.daemon.kill()
        if self.server:
            self.server.close()
        self.daemon = self.server = self.runs_with = None

    def _wait_for(self, mark):
        def is_there():
            if not self.daemon.alive():
                raise ProxyDiedError(self.daemon.tail())
            return self.server.has_told() and mark in self.execute(*self.listing, check=False).stdout.split()

        try:
            wait_until(is_there, DEADLINE_S, why=f"kube-proxy has written {mark}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.daemon.tail()}") from error


class RealNftables(RealKubeProxy):
    mode, picture = "nftables", Nftables
    listing = ("nft", "list", "table", "ip", TABLE)


class RealIptables(RealKubeProxy):
    mode, picture = "iptables", IptablesNft
    listing = ("iptables-save", "-t", "nat")


class RealIpvs(RealKubeProxy):
    mode, picture = "ipvs", Ipvs
    listing = ("ipvsadm", "--list", "--numeric")

    def _stop(self):
        """The settings of strict ARP stay as they are until a node boots anew: this is for the next configuration."""
        super()._stop()
        self.execute("sysctl", "-q", "-w", *(f"{name}={value}" for name, value in NO_STRICT_ARP.items()))
