# SPDX-License-Identifier: Apache-2.0
"""A small cluster that a whole module of tests shares: nodes with pods on their primary and secondary ENIs."""
from .node import Node
from .process import wait_until
from .simulator import SUBNET_A, SUBNET_B, Simulator, default_world

INTERNET_HOST = "198.51.100.10"
READY_DEADLINE_S = 60


class Cluster:
    """Two nodes (`here`, `there`) in two zones, a plain instance (`other`) without ipamd, a host on the internet."""

    def __init__(self, folder, pods_per_node, instance_type="t3.medium", world=None, env=None):
        self.simulator = Simulator(default_world(**(world or {})), folder / "vpc")
        self.nodes = []
        try:
            self._fill(folder, pods_per_node, instance_type, env)
        except BaseException:
            self.destroy()
            raise

    def _fill(self, folder, pods_per_node, instance_type, env):
        for name, subnet in (("n1", SUBNET_A), ("n2", SUBNET_B)):
            options = {"instance_type": instance_type, "subnet": subnet, "public": True, "env": env}
            self.nodes.append(Node(self.simulator, name, folder / name, **options))
        self.here, self.there = self.nodes
        self.other = self.simulator.add_node("other", subnet=SUBNET_A)
        self.simulator.ctl("internet-address", address=INTERNET_HOST)
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.wait_ready(READY_DEADLINE_S)
            node.add_pods(f"{node.name}-{i}" for i in range(pods_per_node))
            wait_until(lambda node=node: all(eni["state"] == "ready" for eni in node.enis()), READY_DEADLINE_S)

    @property
    def other_netns(self):
        return self.simulator.namespace("other")

    @property
    def pods(self):
        return [pod for node in self.nodes for pod in node.pods]

    @staticmethod
    def on_eni(node, device_index):
        """The node's pods whose address is on this ENI; at least one."""
        ids = {eni["device_index"]: eni["eni_id"] for eni in node.enis()}
        here = {lease["address"] for lease in node.leases() if lease["eni_id"] == ids[device_index]}
        pods = [pod for pod in node.pods if pod.address in here]
        assert pods, f"no pod on device {device_index} of {node.name}: {node.leases()}"
        return pods

    @staticmethod
    def eni_address(node, device_index):
        """The primary private address of one of the node's ENIs."""
        return next(eni["primary_address"] for eni in node.enis() if eni["device_index"] == device_index)

    def close(self):
        """Ends all, and proves what every world proves at its end."""
        for pod in self.pods:
            pod.delete()
        for node in self.nodes:
            node.check_kernel()
            node.stop()
        for node in self.nodes:
            node.close()
        self.simulator.check()
        self.simulator.stop()

    def destroy(self):
        """Whatever is left goes, and nothing is proven."""
        for node in self.nodes:
            if node.proc and node.proc.alive():
                node.proc.kill()
            node.close()
        self.simulator.destroy()
