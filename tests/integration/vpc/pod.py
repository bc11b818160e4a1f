# SPDX-License-Identifier: Apache-2.0
"""Pods as a container runtime makes them: a network namespace, and the CNI plugin called with environment and stdin."""
import dataclasses
import json
import os
import secrets
import subprocess

from . import netns
from .deadline import patient
from .process import SANITIZER_OPTIONS, sanitizer_reports

PLUGIN_DEADLINE_S = 270  # beyond the longest timeoutSeconds
UNHEARD = "did not answer in time"  # what the plugin says of a daemon
TRIES = 5


@dataclasses.dataclass
class CniResult:
    """What a call of the plugin gave."""

    rc: int
    stdout: str
    stderr: str

    @property
    def json(self):
        return json.loads(self.stdout) if self.stdout.strip() else None

    @property
    def code(self):
        """The CNI error code; None on success."""
        return None if self.rc == 0 else self.json["code"]

    @property
    def address(self):
        """The pod's address, without its length."""
        return self.json["ips"][0]["address"].split("/")[0]


def new_container_id():
    return secrets.token_hex(32)


def network_conf(node, **changes):
    """What the runtime writes to the plugin's standard input."""
    conf = {"cniVersion": "1.0.0", "name": "vpcwire", "type": "vpcwire", "socket": str(node.socket)}
    conf.update(changes)
    return {key: value for key, value in conf.items() if value is not None}


def environment(command, container_id, namespace, ifname="eth0", args=None):
    """The runtime's variables; a None leaves one out."""
    variables = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container_id,
        "CNI_NETNS": namespace,
        "CNI_IFNAME": ifname,
        "CNI_PATH": "/opt/cni/bin",
        "CNI_ARGS": args,
    }
    return {name: value for name, value in variables.items() if value is not None}


def run_plugin(plugin, conf, env, timeout=PLUGIN_DEADLINE_S):
    """Runs the plugin in the network namespace of the calling thread."""
    stdin = conf if isinstance(conf, (bytes, str)) else json.dumps(conf)
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [str(plugin)],
        input=stdin,
        capture_output=True,
        timeout=patient(timeout),
        env={"PATH": os.environ["PATH"], **SANITIZER_OPTIONS, **env},
    )
    result = CniResult(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    assert not sanitizer_reports(result.stderr), result.stderr
    assert done.returncode >= 0, f"the plugin died of signal {-done.returncode}: {result.stderr}"
    return result


def heard(call):
    """What a call of the plugin gave. On a slow machine its patience, which is fixed, may end before the daemon's answer is there:
    then it is called again."""
    for _ in range(TRIES):
        result = call()
        if UNHEARD not in result.stdout:
            return result
    raise AssertionError(f"the daemon is never heard: {result}")


class Pod:
    """A namespace on a node that was, or will be, wired by ADD."""

    def __init__(self, node, name, ifname="eth0", namespace="default"):
        self.node, self.name, self.ifname, self.namespace = node, name, ifname, namespace
        self.container_id = new_container_id()
        self.netns = f"{node.simulator.prefix}-pod-{name}"
        self.result = None
        netns.add(self.netns)
        node.pods.append(self)

    @property
    def path(self):
        return f"/run/netns/{self.netns}"

    @property
    def args(self):
        return f"IgnoreUnknown=1;K8S_POD_NAMESPACE={self.namespace};K8S_POD_NAME={self.name}"

    @property
    def address(self):
        return self.result.address

    def cni(self, command, conf=None, **changes):
        """Calls the plugin for this pod; changes go to Node.cni()."""
        arguments = {"netns": self.path, "ifname": self.ifname, "args": self.args, **changes}
        return self.node.cni(command, self.container_id, conf=conf, **arguments)

    def add(self, **changes):
        """ADD that must succeed."""
        result = self.cni("ADD", **changes)
        assert result.rc == 0, f"ADD of {self.name}: {result}"
        self.result = result
        return result

    def refused(self, timeout_s):
        """ADD that the daemon must refuse when its time is over; all that it says."""
        result = heard(lambda: self.cni("ADD", conf=self.node.cni_conf(timeoutSeconds=timeout_s)))
        assert result.code == 11, result
        return result.json["msg"] + result.json.get("details", "")

    def delete(self, **changes):
        """DEL, which must succeed, and the namespace goes as a runtime does it."""
        result = self.cni("DEL", **changes)
        assert result.rc == 0 and result.stdout.strip() == "", f"DEL of {self.name}: {result}"
        self.remove_netns()
        return result

    def remove_netns(self):
        if self in self.node.pods:
            self.node.pods.remove(self)
        netns.delete(self.netns)

    def exec(self, *command, **kwargs):
        return netns.execute(self.netns, *command, **kwargs)
