# SPDX-License-Identifier: Apache-2.0
"""
What kubectl exec, logs and port-forward end at: exec_kubelet, made of a kubelet's own code, in a node of the simulated VPC. A command
runs where the daemon runs, with its variables, as it would in the daemon's container.
"""
import json
import os

from control_plane import BUILT
from vpc.process import SANITIZER_OPTIONS, Daemon

PORT = 10250


class ExecKubelet:
    """Serves the Kubernetes node `name` on the simulated node's address."""

    def __init__(self, plane, name, node):
        self.node = node
        env = {**SANITIZER_OPTIONS, **node.daemon_env(), "PATH": f"{node.build / 'bin'}:{os.environ['PATH']}"}
        command = ["ip", "netns", "exec", node.netns, "env", f"--chdir={node.folder}", BUILT / "exec_kubelet", f"{node.address}:{PORT}", node.log]
        self.daemon = Daemon(command, node.folder / "exec_kubelet.log", env=env)
        announce(plane, name, node.address, PORT)

    def close(self):
        self.daemon.kill()


def announce(plane, name, address, port):
    """Where the API server finds the kubelet of a node."""
    status = {"addresses": [{"type": "InternalIP", "address": address}], "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
    plane.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "--patch", json.dumps({"status": status}))
