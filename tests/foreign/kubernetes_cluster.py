# SPDX-License-Identifier: Apache-2.0
"""
A Kubernetes cluster whose every part is real but the VPC: two nodes of it, each a box with a container runtime (one Debian's containerd,
one a newer), kubelet and kube-proxy; the control plane on an instance of its own; our DaemonSet as it is shipped; CoreDNS.
"""
import concurrent.futures
import contextlib
import http.client
import json

import package
import world_of_kubelets
from cluster_objects import DNS_ADDRESS, WEB_PORT, WHO, coredns, coredns_image, deployment, pod_spec, shipped_image, web_container, web_image
from control_plane import BUILT, NODES_GROUP, PROGRAMS, SYSTEM, TOP, ControlPlane
from kubelet import KubeletNode
from vpc import Node, Simulator, netns, patient, rpc, wait_until
from vpc.cluster import INTERNET_HOST
from vpc.daemonset import our_image
from vpc.process import RELEASE_BUILD
from vpc.simulator import SUBNET_A, SUBNET_B, default_world

INSTANCE_TYPE = "t3.medium"
ADDRESSES_PER_ENI, ENIS = 5, 3  # for pods, on that type
NODES = {"n1": SUBNET_A, "n2": SUBNET_B}
NEWER_RUNTIME = {"n2": BUILT}  # node -> where its containerd is, if it is not Debian's
PROXY_USER = "system:kube-proxy"
CONTROLLERS = (
    "daemonset-controller", "deployment-controller", "disruption-controller", "endpointslice-controller", "garbage-collector-controller",
    "namespace-controller", "node-lifecycle-controller", "pod-garbage-collector-controller", "replicaset-controller",
    "root-ca-certificate-publisher-controller", "serviceaccount-controller", "serviceaccount-token-controller", "taint-eviction-controller",
)
SETTINGS = {"IP_COOLDOWN_PERIOD": "1", "WARM_ENI_TARGET": "1"}
AWS_NODE = ("daemonset", "aws-node")
OURS = "k8s-app=aws-node"
WEB, WEB_PODS = "web", 20
DEADLINE_S = 180
NEEDED = (*PROGRAMS, *(BUILT / name for name in ("kubelet", "kube-proxy", "coredns", "containerd", "containerd-shim-runc-v2")))


class KubernetesCluster:
    """start() it, close() it. Its nodes by name; what an owner does; and who reaches whom."""

    def __init__(self, folder):
        self.folder, self.nodes, self.plane, self.mode = folder, {}, None, "nftables"
        self.made = []  # every node, also of a start that failed
        self.simulator = Simulator(default_world(), folder / "vpc")
        self.control = self.simulator.add_node("control", subnet=SUBNET_A)
        self.simulator.ctl("internet-address", address=INTERNET_HOST)

    # ---- its life ----

    def start(self):
        users = {**{f"system:node:{name}": NODES_GROUP for name in NODES}, PROXY_USER: ""}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            boxes = pool.map(self._make_node, NODES)
            self.plane = ControlPlane(
                self.simulator.namespace("control"), self.folder / "kubernetes", self.control["primary_address"], CONTROLLERS, users
            )
            self.plane.env["PATH"] = f"{TOP / 'deploy/kubectl'}:{self.plane.env['PATH']}"
            self._install()
            self.nodes = dict(zip(NODES, boxes, strict=True))
            list(pool.map(self._join, self.nodes.values()))
        wait_until(self.all_ready, DEADLINE_S, why="nodes are ready")
        self.rolled_out("deployment", "coredns", namespace=SYSTEM)
        return self

    def _make_node(self, name):
        node = Node(self.simulator, name, self.folder / name, instance_type=INSTANCE_TYPE, subnet=NODES[name], public=True)
        made = KubeletNode(node, self.folder / name / "box", programs=NEWER_RUNTIME.get(name), dns=DNS_ADDRESS)
        self.made.append(made)
        return made

    def images(self):
        """Archives of what runs here, made once."""
        ours = self.folder / "vpcwire.tar"
        our_image(ours, package.unpack(RELEASE_BUILD, self.folder), shipped_image())
        return [ours, web_image(self.folder / "web.tar"), coredns_image(self.folder / "coredns.tar")]

    def _install(self):
        """Before the first node joins: the DaemonSet with the settings of this world, and CoreDNS."""
        self.kubectl("apply", "--kustomize", "deploy/kubernetes")
        settings = {**SETTINGS, "AWS_EC2_ENDPOINT": self.simulator.ready["ec2"]}
        self.kubectl("patch", "configmap", "vpcwire", "--namespace", SYSTEM, "--type=merge", "--patch", json.dumps({"data": settings}))
        self.apply(*coredns())
        self.archives = self.images()

    def _join(self, node):
        for archive in self.archives:
            node.runtime.ctr("images", "import", archive)
        node.start_kubelet(self.plane.kubeconfig_of(f"system:node:{node.name}"))
        self.start_proxy(node)

    def close(self):
        world_of_kubelets.close(self.simulator, self.made, *([self.plane] if self.plane else []))

    # ---- what an owner does ----

    def kubectl(self, *arguments, **kwargs):
        return self.plane.kubectl(*arguments, **kwargs)

    def get(self, *arguments, namespace="default"):
        return self.plane.get(*arguments, namespace=namespace)

    def apply(self, *objects):
        return self.kubectl("apply", "--filename", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def delete(self, kind, *names, namespace="default"):
        self.kubectl("delete", "--ignore-not-found", "--namespace", namespace, kind, *names)

    def pods(self, name, namespace="default"):
        """Those of a Deployment of that name that are not about to end."""
        pods = self.get("pods", "--selector", f"app={name}", namespace=namespace)["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def rolled_out(self, kind, name, namespace="default"):
        self.kubectl("rollout", "status", kind, name, "--namespace", namespace, f"--timeout={int(patient(DEADLINE_S))}s", timeout=2 * DEADLINE_S)

    def wait(self, condition, *what, namespace="default"):
        """As kubectl wait: condition=Ready, delete, jsonpath=..."""
        self.kubectl("wait", f"--for={condition}", *what, "--namespace", namespace, f"--timeout={int(patient(DEADLINE_S))}s", timeout=2 * DEADLINE_S)

    def scale(self, name, replicas):
        """And waits until there are as many, no more."""
        self.kubectl("scale", "deployment", name, f"--replicas={replicas}")
        self.rolled_out("deployment", name)
        wait_until(lambda: len(self.get("pods", "--selector", f"app={name}")["items"]) == replicas, DEADLINE_S, why=f"{replicas} pods of {name}")

    def is_rolled_out(self, kind, name, namespace="default"):
        thing = self.get(kind, name, namespace=namespace)
        status = thing["status"]
        is_new = status["observedGeneration"] == thing["metadata"]["generation"]
        return is_new and status.get("updatedNumberScheduled") == status.get("numberAvailable") == status["desiredNumberScheduled"]

    def exec(self, pod, *command, namespace="default", check=True):
        """What a command in a pod's container says."""
        return self.plane.run_inside("kubectl", "exec", "--namespace", namespace, pod, "--", *command, check=check)

    def ready(self, name):
        """The node's condition Ready: (status, what the kubelet says about it)."""
        (condition,) = [row for row in self.get("node", name)["status"].get("conditions", []) if row["type"] == "Ready"]
        return condition["status"], condition["message"]

    def all_ready(self):
        states = {name: self.ready(name) for name in self.nodes}
        assert all(status == "True" for status, _ in states.values()), states
        return True

    def failed_sandboxes(self):
        """What the owner of a pod sees of an ADD that failed: [(pod, message)]."""
        events = self.get("events", "--field-selector", "reason=FailedCreatePodSandBox")["items"]
        return [(event["involvedObject"]["name"], event["message"]) for event in events]

    def delete_events(self):
        self.kubectl("delete", "events", "--all")

    # ---- the nodes ----

    def start_proxy(self, node, mode=None):
        """kube-proxy of that mode, or of the one that the cluster has."""
        self.mode = mode or self.mode
        node.start_proxy(self.plane.kubeconfig_of(PROXY_USER), self.mode)

    def daemon_pod(self, name):
        """The name of the aws-node pod on a node."""
        pods = self.get("pods", "--selector", OURS, "--field-selector", f"spec.nodeName={name}", namespace=SYSTEM)["items"]
        (pod,) = [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return pod

    def books(self, name):
        """What the daemon of a node has."""
        return rpc.call(self.nodes[name].box.path("/run/vpcwire/ipamd.sock"), "List", {})

    def leased(self, name):
        """Pod's name -> address, on a node; of pods that are known by name: a daemon that lost its books knows its pods by the kernel."""
        return {lease["pod_name"]: lease["address"] for lease in self.books(name)["leases"] if "pod_name" in lease}

    def check_kernel(self, name):
        """Of a node: one link and one route per lease, no more."""
        node, leases = self.nodes[name].node, self.books(name)["leases"]
        assert sorted(node.pod_links()) == sorted(lease["host_ifname"] for lease in leases)
        assert node.pod_routes() == sorted(lease["address"] for lease in leases)
        return True

    def wait_enis(self, name):
        """Until all that the node has or wants is there: nothing is half made."""

        def settled():
            enis = self.books(name)["enis"]
            assert enis and all(eni["state"] == "ready" for eni in enis), enis
            return True

        wait_until(settled, DEADLINE_S, why=f"ENIs of {name}")

    def daemon(self, daemon_pod):
        """What Kubernetes says of the daemon's container."""
        (status,) = self.get("pod", daemon_pod, namespace=SYSTEM)["status"]["containerStatuses"]
        return status

    def restarted(self, daemon_pod, before):
        """The daemon's container was started anew, since it was `before`, and runs."""
        status = self.daemon(daemon_pod)
        return status["restartCount"] > before["restartCount"] and "running" in status["state"]

    def device(self, pod):
        """The device index of the ENI that a pod's address is on."""
        books = self.books(pod["spec"]["nodeName"])
        devices = {eni["eni_id"]: eni["device_index"] for eni in books["enis"]}
        return next(devices[lease["eni_id"]] for lease in books["leases"] if lease["address"] == address(pod))

    def places(self, pods):
        """A pod on each ENI of each node that has some of these: {(node, device): pod}."""
        return {(pod["spec"]["nodeName"], self.device(pod)): pod for pod in pods}

    def netns(self, pod):
        return self.nodes[pod["spec"]["nodeName"]].pod_netns(pod["metadata"]["uid"])

    # ---- who reaches whom ----

    def ask(self, space, target, port=WEB_PORT, bind=""):
        """From a network namespace (and from its address `bind`): [name of the pod that answers, the source it saw]."""
        return netns.call_in(space, get_words, target, port, WHO, bind)

    def ask_all(self, space, targets):
        """The answers of (address, port)s, asked one after the other."""
        with netns.threads(space) as inside:
            return [inside.call(get_words, target, port, WHO) for target, port in targets]


def get_words(target, port, path, bind=""):
    with contextlib.closing(http.client.HTTPConnection(target, port, timeout=patient(10), source_address=(bind, 0))) as connection:
        connection.request("GET", path)
        reply = connection.getresponse()
        text = reply.read().decode()
        assert reply.status == 200, (reply.status, text)
        return text.split()


def web():
    """The Deployment that the tests look at."""
    return deployment(WEB, WEB_PODS, pod_spec(web_container()))


def address(pod):
    return pod["status"]["podIP"]


def name_of(pod):
    return pod["metadata"]["name"]


def is_ready(pod):
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", []))
