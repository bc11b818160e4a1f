# SPDX-License-Identifier: Apache-2.0
"""A host and a pod without a VPC, and a daemon that answers as a test says: for what the plugin does whatever happens."""
import os

from fake_ipamd import FakeIpamd
from vpc import netns
from vpc.pod import environment, new_container_id, run_plugin
from vpc.process import BUILD

PLUGIN = BUILD / "bin/vpcwire"
ADDRESS = "10.0.1.7"
LEASE = {"address": ADDRESS, "eni_id": "eni-1", "device_index": 0, "gateway": "169.254.1.1", "mtu": 9001, "reused": False}
GOOD = {
    "Add": LEASE,
    "Confirm": {},
    "Del": {"released": True, "address": ADDRESS},
    "Check": {"address": ADDRESS, "state": "wired", "eni_id": "eni-1", "device_index": 0},
}
POOL = {"total": 3, "leased": 1, "free": 2, "cooling": 0, "preparing": 0, "leaving": 0, "lost": 0, "waiting": 0}
STATUS = {
    "ready": True,
    "set_up": True,
    "impaired": False,
    "version": "1",
    "booted_ms": 0,
    "started_ms": 0,
    "node": {},
    "pool": POOL,
    "targets": {"cooldown_ms": 30000},
    "enis": 1,
    "max_enis": 3,
    "addresses_per_eni": 3,
    "blocked": [],
    "warnings": [],
}
HOST_LINK = "eni0d7763386da"  # eni + the first 11 digits of SHA-1 of default.web-0


def listed_address(address, **more):
    return {"address": address, "eni_id": "eni-1", "device_index": 0, "network_card": 0, **more}


def lease_of(container_id, ifname="eth0", network="net"):
    return {
        "address": ADDRESS,
        "eni_id": "eni-1",
        "device_index": 0,
        "network": network,
        "container_id": container_id,
        "ifname": ifname,
        "host_ifname": HOST_LINK,
        "state": "wired",
        "since_ms": 1,
    }


def listed(container_id, **changes):
    return {**lease_of(container_id), "address": ADDRESS, "state": "reserved", "pod_namespace": "default", "pod_name": "web-0", "host_ifname": HOST_LINK, **changes}


class Host:
    """A namespace that stands for a node's, one for a pod's, and a place for the daemon's socket."""

    def __init__(self, folder):
        self.prefix = f"cnid{os.getpid()}"
        self.name, self.pod = f"{self.prefix}-h", f"{self.prefix}-p"
        self.socket = folder / "ipamd.sock"
        netns.add(self.name)
        netns.add(self.pod)
        self.inside = netns.Threads(self.name, 4)
        self.container_id = new_container_id()

    def close(self):
        self.inside.close()
        netns.delete(self.name)
        netns.delete(self.pod)

    def cni(self, verb, container_id=None, args="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0", ifname="eth0", **changes):
        conf = {"cniVersion": "1.1.0", "name": "net", "type": "vpcwire", "socket": str(self.socket), "timeoutSeconds": 60, **changes}
        variables = environment(verb, container_id or self.container_id, f"/run/netns/{self.pod}", ifname, args)
        return self.inside.call(run_plugin, PLUGIN, conf, variables)

    def daemon(self, **answers):
        return FakeIpamd(self.socket, **{**GOOD, **answers})

    def links(self, name=None):
        return sorted(link["ifname"] for link in netns.ip(name or self.name, "link", "show"))

    def routes(self):
        every = netns.ip(self.name, "route", "show", "table", "all")  # a table that never was is an error
        return [(route["dst"], route["dev"]) for route in every if route.get("table") == "512"]

    def assert_clean(self):
        assert self.links() == ["lo"] and self.links(self.pod) == ["lo"] and self.routes() == []
