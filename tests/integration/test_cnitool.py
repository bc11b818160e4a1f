# SPDX-License-Identifier: Apache-2.0
"""CNI's own command line and library (cnitool, libcni) call the plugin: every verb, every version of the specification."""
import json
import os
import pathlib
import subprocess

import pytest

from vpc import patient, wait_until
from vpc.host import CONFLIST
from vpc.ping import answers
from vpc.process import BUILD, SANITIZER_OPTIONS

CNITOOL = pathlib.Path(os.environ.get("VPCWIRE_TOOLS", pathlib.Path(__file__).parents[2] / "build/tools")) / "cnitool"
VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
NETWORK = "aws-cni"
# libcni remembers results in a fixed folder; `ip netns exec` has a mount namespace of its own.
IN_ITS_CACHE = 'mkdir -p /var/lib/cni && mount --bind "$0" /var/lib/cni && exec "$@"'


class CniTool:
    """plugin: our entry in the conflist; None: no more than it needs. requests: what the runtime has for capabilities, by name."""

    def __init__(self, node, folder, version, plugin=None, requests=None):
        self.node = node
        self.conf = folder / "net.d"
        self.conf.mkdir()
        self.cache = folder / "cache"
        self.cache.mkdir()
        self.requests = requests or {}
        plugin = {**(plugin or {"type": "vpcwire"}), "socket": str(node.socket)}
        conflist = {"cniVersion": version, "name": NETWORK, "plugins": [plugin]}
        (self.conf / "10-aws.conflist").write_text(json.dumps(conflist))

    def __call__(self, verb, pod, code=0):
        env = {**os.environ, **SANITIZER_OPTIONS, "NETCONFPATH": str(self.conf), "CNI_PATH": str(BUILD / "bin"), "CAP_ARGS": json.dumps(self.requests)}
        command = ["ip", "netns", "exec", self.node.netns, "sh", "-c", IN_ITS_CACHE, self.cache, CNITOOL, verb, NETWORK, pod.path]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=patient(60))
        assert done.returncode == code, (verb, done)
        return done


def address(version, result):
    if version in ("0.1.0", "0.2.0"):
        return result["ip4"]["ip"].split("/")[0]
    return result["ips"][0]["address"].split("/")[0]


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "1"})
def test_every_verb_and_version(node, tmp_path):
    """libcni parses each result by its version's rules, keeps it, and hands it back to CHECK, DEL and GC."""
    for version in VERSIONS:
        (tmp_path / version).mkdir()
        tool = CniTool(node, tmp_path / version, version)
        pod = node.pod_netns("v" + version.replace(".", "-"))
        result = json.loads(tool("add", pod).stdout)
        assert result["cniVersion"] == version
        (lease,) = node.leases()
        assert address(version, result) == lease["address"]
        assert answers(node, lease["address"])
        if version >= "0.4.0":
            tool("check", pod)
            pod.exec("ip", "addr", "flush", "dev", "eth0")
            tool("check", pod, code=1)
        if version >= "1.1.0":
            wait_until(lambda: tool("status", pod), why="STATUS is answered in its half second")
            conf = node.cni_conf(name=NETWORK)
            other = node.add_pod("other", conf=conf)
            tool("gc", pod)  # libcni DELs what it remembers, and names no attachments to us: no reason to destroy any
            (lease,) = node.leases()
            assert lease["address"] == other.address
            other.delete(conf=conf)
        tool("del", pod)
        tool("del", pod)
        assert node.leases() == [] and node.pod_links() == {}
        pod.remove_netns()


def test_the_conflist_that_is_shipped_takes_wishes(vpc, node, tmp_path):
    """libcni hands an address and a MAC only to a plugin that declares these capabilities; a runtime that has none changes nothing."""
    shipped = json.loads(CONFLIST.read_text())["plugins"][0]
    node.wait_quiet(60, total=3)
    address = vpc.enis("n1")[0]["addresses"][-1]
    mac = "02:00:5e:10:00:01"
    for name, requests in (("asks", {"ips": [f"{address}/32"], "mac": mac}), ("asks-nothing", {})):
        (tmp_path / name).mkdir()
        tool = CniTool(node, tmp_path / name, "1.0.0", shipped, requests)
        pod = node.pod_netns(name)
        result = json.loads(tool("add", pod).stdout)
        if requests:
            assert result["ips"][0]["address"] == f"{address}/32" and result["interfaces"][1]["mac"] == mac, result
        tool("check", pod)
        tool("del", pod)
        pod.remove_netns()
