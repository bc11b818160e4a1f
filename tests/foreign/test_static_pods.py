# SPDX-License-Identifier: Apache-2.0
"""
The real kubelet without an API server: on two nodes, with Debian's containerd and with one of version 2. Their static pods are
aws-node, from the manifest that is shipped, and some that want an address; what happens to a node happens to these.
"""
import json

import package
import pytest
import world_of_kubelets

from control_plane import BUILT
from kubelet import KubeletNode
from vpc import Node, Simulator, echo, rpc, wait_until
from vpc.cluster import INTERNET_HOST
from vpc.containerd import PAUSE_IMAGE
from vpc.cri import SANDBOX_READY
from vpc.daemonset import IMAGE, manifests, our_image
from vpc.process import RELEASE_BUILD
from vpc.simulator import SUBNET_A, SUBNET_B, default_world

NODES = {"n1": SUBNET_A, "n2": SUBNET_B}
NEWER_RUNTIME = {"n2": BUILT}
NEEDED = tuple(BUILT / name for name in ("kubelet", "containerd", "containerd-shim-runc-v2"))
DAEMON, SOCKET, CONFLIST = "aws-node", "/run/vpcwire/ipamd.sock", "/etc/cni/net.d/10-aws.conflist"
WEB = ("web-0", "web-1")
RUN_DEADLINE_S = 120  # an image is unpacked, a kubelet looks every some seconds, and backs off after an error
NO_NETWORK, NO_SANDBOX, NO_DAEMON = "container runtime network not ready", "CreatePodSandboxError", "cannot reach ipamd"  # in a kubelet's log
pytestmark = [pytest.mark.xdist_group("static-pods")]
each_node = pytest.mark.parametrize("name", list(NODES))


def pod_manifest(name, spec, namespace="default"):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def daemon_manifest(settings):
    """The DaemonSet's pod. A static pod has no ConfigMap and no service account: the settings are written into it."""
    spec, shipped = manifests("daemonset.yaml")
    variables = [{"name": key, "value": value} for key, value in {**shipped, **settings}.items()]
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container.pop("envFrom") == [{"configMapRef": {"name": "vpcwire"}}]
        container["env"] = [*container["env"], *variables]
        container["image"] = IMAGE
    del spec["serviceAccountName"], spec["automountServiceAccountToken"]
    return pod_manifest(DAEMON, spec, "kube-system")


def web_manifest(name):
    container = {"name": "web", "image": PAUSE_IMAGE, "imagePullPolicy": "Never", "command": ["/bin/sleep", "1000000"]}
    return pod_manifest(name, {"terminationGracePeriodSeconds": 1, "containers": [container]})


class StaticNode(KubeletNode):
    """A node whose kubelet runs what is put into its folder of manifests."""

    def put(self, manifest):
        """All at once: a kubelet looks when it likes."""
        path = self.manifests / f"{manifest['metadata']['name']}.json"
        path.with_name(f".{path.name}").write_text(json.dumps(manifest))
        path.with_name(f".{path.name}").rename(path)

    def take(self, name):
        (self.manifests / f"{name}.json").unlink(missing_ok=True)

    def pods(self):
        """By the names of their manifests; a kubelet adds the node's."""
        return {pod["metadata"]["name"].removesuffix(f"-{self.name}"): pod for pod in self.static_pods() or []}

    def pod(self, name):
        return self.pods()[name]

    def runs(self, name):
        """The pod, whose containers are ready, as its kubelet says."""
        pod = self.pod(name)
        status = pod["status"]
        assert status["phase"] == "Running" and all(container["ready"] for container in status["containerStatuses"]), status
        return pod

    def wait_runs(self, *names):
        return [wait_until(lambda name=name: self.runs(name), RUN_DEADLINE_S, why=f"{name} runs on {self.name}") for name in names]

    def address(self, name):
        return self.runs(name)["status"]["podIP"]

    def leases(self):
        """Name of a pod -> its address, as the daemon has it."""
        leases = rpc.call(self.box.path(SOCKET), "List", {})["leases"]
        return {lease["pod_name"].removesuffix(f"-{self.name}"): lease["address"] for lease in leases}

    def space(self, name):
        return self.pod_netns(self.pod(name)["metadata"]["uid"])

    def sandboxes(self):
        """Those that run: a kubelet stops one at once, and removes it some minute."""
        return {sandbox.id for sandbox in self.runtime.client.call("ListPodSandbox").items if sandbox.state == SANDBOX_READY}

    def said_since(self, mark, *texts):
        """Whether a line of the kubelet's log has all of them."""
        lines = (self.folder / "kubelet.log").read_text()[mark:].splitlines()
        return any(all(text in line for text in texts) for line in lines)

    def log_mark(self):
        return len((self.folder / "kubelet.log").read_text())


class World:
    """Both nodes, each with aws-node and WEB."""

    def __init__(self, folder):
        self.folder, self.nodes = folder, {}
        self.simulator = Simulator(default_world(), folder / "vpc")
        self.simulator.ctl("internet-address", address=INTERNET_HOST)
        self.daemon = daemon_manifest({"AWS_EC2_ENDPOINT": self.simulator.ready["ec2"], "IP_COOLDOWN_PERIOD": "1"})

    def start(self):
        archive = self.folder / "vpcwire.tar"
        our_image(archive, package.unpack(RELEASE_BUILD, self.folder))
        for name, subnet in NODES.items():
            made = Node(self.simulator, name, self.folder / name, subnet=subnet, public=True)
            node = self.nodes[name] = StaticNode(made, self.folder / name / "box", programs=NEWER_RUNTIME.get(name))
            node.runtime.ctr("images", "import", archive)
            for manifest in (self.daemon, *map(web_manifest, WEB)):
                node.put(manifest)
            node.start_kubelet()
        for node in self.nodes.values():
            node.wait_runs(DAEMON, *WEB)
        return self

    def close(self):
        world_of_kubelets.close(self.simulator, self.nodes.values())

    def everybody_is_reached(self):
        """Each pod from each, and the internet, with the source that it ought to have."""
        at = {(node, name): node.address(name) for node in self.nodes.values() for name in WEB}
        assert len(set(at.values())) == len(at), at
        spaces = {key: key[0].space(key[1]) for key in at}
        with echo.serving(self.simulator.internet, *spaces.values()):
            for key, address in at.items():
                echo.assert_source(spaces[key], set(at.values()) - {address}, address)
                echo.assert_source(spaces[key], {INTERNET_HOST}, key[0].node.public_address)


@pytest.fixture(scope="module")
def world(request, tmp_path_factory):
    yield from world_of_kubelets.run(request, NEEDED, lambda: World(tmp_path_factory.mktemp("static")))


@pytest.fixture
def node(world, name):
    """Whatever becomes of a test, the next one's node has the same pods."""
    yield world.nodes[name]
    world.nodes[name].put(world.daemon)
    world.nodes[name].take("late")


def test_pods_of_two_nodes_reach_each_other_and_the_world(world):
    world.everybody_is_reached()
    for node in world.nodes.values():
        assert node.leases() == {name: node.address(name) for name in WEB}, "the daemon and the kubelet say the same"


@each_node
def test_a_pod_comes_and_goes(node):
    """At a kubelet's word its address is taken and given back."""
    node.put(web_manifest("late"))
    node.wait_runs("late")
    assert node.leases()["late"] == node.address("late")
    node.take("late")
    wait_until(lambda: set(node.leases()) == set(WEB), RUN_DEADLINE_S, why="its address is given back")
    wait_until(lambda: len(node.sandboxes()) == len(WEB) + 1, RUN_DEADLINE_S, why="its sandbox has ended")


@each_node
def test_the_daemon_is_killed(world, node):
    """Its kubelet starts it anew; pods keep their addresses, and the node its network."""
    before, restarts = node.leases(), node.pod(DAEMON)["status"]["containerStatuses"][0]["restartCount"]
    node.box.kill9("ipamd")
    wait_until(lambda: node.pod(DAEMON)["status"]["containerStatuses"][0]["restartCount"] > restarts, RUN_DEADLINE_S, why="it is started anew")
    assert node.runtime.network_ready(), "a restart is no reason to call the node not ready"
    node.wait_runs(DAEMON)
    assert node.leases() == before
    world.everybody_is_reached()


@each_node
def test_the_daemon_is_taken_away(world, node):
    """What runs, runs on; a pod that comes waits, its kubelet says for whom, and gets its address from the next daemon."""
    before, mark = node.leases(), node.log_mark()
    node.take(DAEMON)
    wait_until(lambda: set(node.pods()) == set(WEB) and not node.box.path(SOCKET).exists(), RUN_DEADLINE_S, why="it has ended")
    node.put(web_manifest("late"))
    wait_until(lambda: node.said_since(mark, NO_SANDBOX, NO_DAEMON), RUN_DEADLINE_S, why="the kubelet says why the pod is not made")
    node.put(world.daemon)
    node.wait_runs(DAEMON, *WEB, "late")
    assert before.items() < node.leases().items()
    node.take("late")
    wait_until(lambda: node.leases() == before, RUN_DEADLINE_S, why="its address is given back")


@each_node
def test_the_kubelet_is_killed(world, node):
    """All run on. The next one takes them for its own, and runs what came meanwhile."""
    sandboxes, leases = node.sandboxes(), node.leases()
    node.kill_kubelet()
    node.put(web_manifest("late"))
    node.start_kubelet()
    node.wait_runs(DAEMON, *WEB, "late")
    assert sandboxes < node.sandboxes() and leases.items() < node.leases().items()
    world.everybody_is_reached()
    node.kill_kubelet()
    node.take("late")
    node.start_kubelet()
    wait_until(lambda: node.leases() == leases, RUN_DEADLINE_S, why="what went meanwhile is ended")


@each_node
def test_the_runtime_is_killed(world, node):
    """Pods run on, too; with the next one everything is as before."""
    sandboxes, leases = node.sandboxes(), node.leases()
    node.runtime.kill9()
    node.put(web_manifest("late"))
    node.runtime.start()
    node.wait_runs(DAEMON, *WEB, "late")
    assert sandboxes < node.sandboxes() and leases.items() < node.leases().items()
    world.everybody_is_reached()
    node.take("late")
    wait_until(lambda: node.leases() == leases, RUN_DEADLINE_S, why="its address is given back")


@each_node
def test_a_boot_has_a_network_when_the_daemon_serves(world, node):
    """The conflist of the last boot is no network: pods wait, and none fails, until aws-node is there, which needs no network itself."""
    assert node.box.path(CONFLIST).exists()
    node.take(DAEMON)
    node.kill_kubelet()
    node.power_cycle()
    assert not node.box.path(CONFLIST).exists()
    mark = node.log_mark()
    node.start_kubelet()
    wait_until(lambda: node.said_since(mark, NO_NETWORK), RUN_DEADLINE_S, why="the kubelet says what its pods wait for")
    assert not node.runtime.network_ready()
    assert [pod["status"].get("podIP") for pod in node.pods().values()] == [None] * len(WEB)
    node.put(world.daemon)
    node.wait_runs(DAEMON, *WEB)
    assert node.runtime.network_ready() and node.box.path(CONFLIST).exists()
    assert not node.said_since(mark, NO_SANDBOX), "no pod was begun before there was a network"
    assert node.leases() == {name: node.address(name) for name in WEB}
    world.everybody_is_reached()
