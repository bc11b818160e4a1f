# SPDX-License-Identifier: Apache-2.0
"""
A node of the simulated VPC as a Kubernetes node: a box (vpc/box.py) with a container runtime, and in it the real kubelet and kube-proxy.

Without an API server a kubelet runs the pods whose manifests lie in `manifests`; what it runs is told by `static_pods()`. With one it is
given the kubeconfig of a node. Nothing here waits for a network: that is whoever's business who runs our daemon.
"""
import contextlib
import json
import pathlib
import ssl
import urllib.request

from control_plane import BUILT
from vpc import netns, patient, wait_until
from vpc.containerd import Containerd
from vpc.cri import SANDBOX_READY
from vpc.kube_proxy.real import CONNTRACK_AS_IT_IS

PORT = 10250
END_S = 20
START_DEADLINE_S = 60
RUNTIME = "unix:///run/containerd/containerd.sock"
CONTROL_GROUP = {
    "failCgroupV1": False,  # a kubelet of 1.35 does not like version 1, and the machine may have no other
    "failSwapOn": False,
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": True,
    "enforceNodeAllocatable": ["pods"],
}
# The machine's disk and memory are not the node's, and no reason to throw pods out.
NOTHING_EVICTED = {
    "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0.1%", "imagefs.available": "0.1%", "nodefs.inodesFree": "0.1%"},
    "imageGCHighThresholdPercent": 100,
}
EVERYBODY_MAY = {"authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"}}


class KubeletNode:
    """
    node: whose daemon is not started, ours runs in a pod. programs: where a containerd newer than Debian's is. `runtime` is its
    Containerd, `box` its box. start_kubelet(), kill_kubelet(), start_proxy(), reboot(); close() ends all, the runtime and its pods, too.
    """

    def __init__(self, node, folder, programs=None, max_pods=110, dns=None):
        self.node, self.name, self.folder = node, node.name, pathlib.Path(folder)
        self.max_pods, self.dns = max_pods, dns
        self.kubelet = self.proxy = self.kubeconfig = None
        self.runtime = Containerd(node, self.folder, programs=programs)
        self.box = self.runtime.box
        self.manifests = self.folder / "manifests"
        self.manifests.mkdir()
        (self.folder / "resolv.conf").write_text("")

    # ---- the kubelet ----

    def start_kubelet(self, kubeconfig=None):
        """Until it answers. Without an argument as before."""
        self.kubeconfig = kubeconfig or self.kubeconfig
        config = self.folder / "kubelet.json"
        config.write_text(json.dumps(self._kubelet_config()))
        flags = [f"--config={config}", f"--hostname-override={self.name}", f"--node-ip={self.node.address}", "--cert-dir=/var/lib/kubelet/pki"]
        if self.kubeconfig:
            flags.append(f"--kubeconfig={self.kubeconfig}")
        self.kubelet = self.box.popen(BUILT / "kubelet", *flags, log=self.folder / "kubelet.log")
        wait_until(lambda: self.ask_kubelet("/healthz") == "ok", START_DEADLINE_S, why=f"kubelet; its log: {self.folder}/kubelet.log")

    def _kubelet_config(self):
        names = {"clusterDNS": [self.dns], "clusterDomain": "cluster.local"} if self.dns else {}
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": RUNTIME,
            "cgroupRoot": self.box.cgroup,
            "staticPodPath": str(self.manifests),
            "volumePluginDir": "/var/lib/kubelet/volumeplugins",
            "resolvConf": str(self.folder / "resolv.conf"),
            "maxPods": self.max_pods,
            "fileCheckFrequency": "2s",
            "syncFrequency": "10s",
            **names, **CONTROL_GROUP, **NOTHING_EVICTED, **EVERYBODY_MAY,
        }

    def ask_kubelet(self, path, method="GET"):
        """What it answers on its port, asked in the node."""
        return netns.call_in(self.node.netns, _ask, f"https://127.0.0.1:{PORT}{path}", method)

    def static_pods(self):
        return json.loads(self.ask_kubelet("/pods"))["items"]

    def kill_kubelet(self):
        """SIGKILL; its pods run on."""
        self.box.kill9("kubelet")
        self.kubelet.wait(patient(END_S))

    # ---- kube-proxy ----

    def start_proxy(self, kubeconfig, mode):
        """In the place of the one that runs, whose rules are removed."""
        self.stop_proxy()
        config = self.folder / "kube-proxy.json"
        config.write_text(json.dumps({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "hostnameOverride": self.name,
            "mode": mode,
            "conntrack": CONNTRACK_AS_IT_IS,
        }))
        self.box.run(BUILT / "kube-proxy", f"--config={config}", "--cleanup")
        self.proxy = (kubeconfig, mode, self.box.popen(BUILT / "kube-proxy", f"--config={config}", log=self.folder / "kube-proxy.log"))

    def stop_proxy(self):
        """SIGKILL; its rules stay."""
        if self.proxy:
            self.box.kill9("kube-proxy")
            self.proxy[2].wait(patient(END_S))
            self.proxy = None

    # ---- pods ----

    def pod_netns(self, uid):
        """A path to the network namespace of the pod with this uid that works from here."""
        (sandbox,) = [
            sandbox.id for sandbox in self.runtime.client.call("ListPodSandbox").items if sandbox.metadata.uid == uid and sandbox.state == SANDBOX_READY
        ]
        return self.runtime.netns(sandbox)

    # ---- the node ----

    def power_cycle(self):
        """Off without a word to anybody, and on: the runtime is up again when this returns; kubelet and kube-proxy are the caller's to start."""
        self.runtime.reboot()
        for process in (self.kubelet, self.proxy and self.proxy[2]):
            if process:
                process.wait(patient(END_S))
        self.proxy = None

    def close(self):
        with contextlib.ExitStack() as ends:
            for process in (self.kubelet, self.proxy and self.proxy[2]):
                if process:
                    ends.callback(process.wait, patient(END_S))
            ends.callback(self.runtime.close)


def _ask(url, method):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(urllib.request.Request(url, method=method), context=context, timeout=patient(30)) as reply:
        return reply.read().decode()
