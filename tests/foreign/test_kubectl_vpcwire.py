# SPDX-License-Identifier: Apache-2.0
"""
`kubectl vpcwire` with Kubernetes' own kubectl and API server: two nodes whose daemons run, one whose kubelet does not answer, one without
a pod, and one of a kind that gets none.
"""
import contextlib
import json
import os
import re
import signal
import subprocess
import tarfile

import pytest

from control_plane import BUILT, PROGRAMS, TOP, ControlPlane, Kubelets
from exec_kubelet import ExecKubelet, announce
from vpc import Node, Simulator, netns, patient, readme, wait_until
from vpc.process import SANITIZER_OPTIONS, first_line
from vpc.simulator import SUBNET_A, SUBNET_B, default_world

pytestmark = pytest.mark.xdist_group("kubectl-vpcwire")
DEAF_PORT = 1  # nobody listens there
NO_POD, FARGATE = "node-without-pod", "node-of-fargate"
SPACE = "shop"
ANSWER_S = 20  # a node's time to answer: far above what one takes that is well, ipamctl's own patience with a hung daemon included
PATIENT_ANSWER_S = int(patient(ANSWER_S))


class Cluster:
    """Its nodes and what a person types."""

    def __init__(self, folder):
        self.folder = folder
        self.simulator = Simulator(default_world(), folder / "vpc")
        subnets = {"n1": SUBNET_A, "n2": SUBNET_B}
        self.nodes = {f"node-{i}": Node(self.simulator, name, folder / name, subnet=subnet, public=True) for i, (name, subnet) in enumerate(subnets.items())}
        self.plane = self.kubelets = None
        self.served = []

    def start(self):
        first = self.nodes["node-0"]
        for name, node in self.nodes.items():
            node.env["MY_NODE_NAME"] = name
            node.start()
        self.plane = ControlPlane(first.netns, self.folder / "kubernetes")
        self.plane.env["PATH"] = f"{TOP / 'deploy/kubectl'}:{self.plane.env['PATH']}"
        self.kubelets = Kubelets(self.plane, len(self.nodes) + 1)
        self.served = [ExecKubelet(self.plane, name, node) for name, node in self.nodes.items()]
        announce(self.plane, f"node-{len(self.nodes)}", first.address, DEAF_PORT)
        self.add_node(NO_POD, {})
        self.add_node(FARGATE, {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "eks.amazonaws.com/compute-type": "fargate"})
        self.plane.helm("install", "vpcwire", "deploy/chart", "--set", "image.repository=registry.test/vpcwire")
        self.plane.kubectl("create", "namespace", SPACE)
        self.plane.kubectl("create", "serviceaccount", "default", "--namespace", SPACE, check=False)
        wait_until(self.has_pods, 120, why="a pod of the DaemonSet on each node")
        return self

    def add_node(self, name, labels):
        item = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        self.plane.kubectl("apply", "--filename", "-", input=json.dumps(item))

    def has_pods(self):
        self.kubelets.check()
        return len([pod for pod in self.plane.get("pods")["items"] if self.kubelets.is_ready(pod)]) == len(self.nodes) + 1

    def type(self, *words, **kwargs):
        """`kubectl vpcwire ...` where kubectl works."""
        return self.nodes["node-0"].exec("kubectl", "vpcwire", *words, env=self.plane.env, cwd=self.folder, **kwargs)

    @contextlib.contextmanager
    def pod_object(self, name, node, address, **spec):
        """A pod as the kubelet of `node` would report it once its network is there; deleted at the end."""
        spec = {"nodeName": node, "containers": [{"name": "c", "image": "registry.test/c"}], **spec}
        item = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE}, "spec": spec}
        self.plane.kubectl("apply", "--filename", "-", input=json.dumps(item))
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
        try:
            self.plane.kubectl("patch", "pod", name, "--namespace", SPACE, "--subresource=status", "--type=merge", "--patch", json.dumps(status))
            yield
        finally:
            self.delete_object(name)

    def delete_object(self, name):
        self.plane.kubectl("delete", "pod", name, "--namespace", SPACE, "--force", "--grace-period=0")

    def close(self):
        for kubelet in self.served:
            kubelet.close()
        if self.kubelets:
            self.kubelets.close()
        if self.plane:
            self.plane.close()
        for node in self.nodes.values():
            if node.proc is not None and node.proc.alive():
                node.kill9()
            node.close()
        self.simulator.destroy()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("root is needed to make network namespaces")
    missing = [program.name for program in (*PROGRAMS, BUILT / "exec_kubelet") if not program.exists()]
    if missing:
        pytest.skip(f"not built, see build/log/kubernetes.log: {', '.join(missing)}")
    made = Cluster(tmp_path_factory.mktemp("kubectl"))
    try:
        yield made.start()
    finally:
        made.close()


@contextlib.contextmanager
def leased(node, name):
    """A pod with an address, of which Kubernetes does not know; deleted at the end."""
    pod = node.pod_netns(name, namespace=SPACE)
    try:
        pod.add()
        yield pod
    finally:
        pod.delete()


@pytest.fixture(scope="module")
def pods(cluster):
    """A pod on each of the nodes that answer, known to Kubernetes; by node. What the nodes do to have addresses again is over."""
    with contextlib.ExitStack() as ends:
        made = {}
        for i, (name, node) in enumerate(cluster.nodes.items()):
            made[name] = ends.enter_context(leased(node, f"web-{i}"))
            ends.enter_context(cluster.pod_object(f"web-{i}", name, made[name].address))
        for node in cluster.nodes.values():
            node.wait_quiet(leased=1)
        yield made


def rows(text):
    """The table's rows by their first cell. The cells of a row begin where those of the head do."""
    head, *lines = text.split("\n\n")[0].splitlines()
    starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", head)]
    cells = [[line[i:j].strip() for i, j in zip(starts, [*starts[1:], None])] for line in lines]
    return {row[0]: row[1:] for row in cells if row[0]}


def test_status(cluster, pods):
    done = cluster.type("status", check=False)
    table = rows(done.stdout)
    assert list(table) == ["node-0", "node-1", "node-2", FARGATE, NO_POD], done.stdout
    for name in pods:
        assert table[name][:3] == ["yes", "1/9", "0"] and table[name][4] == "", table
    assert table["node-2"][0] == "no answer" and "connection refused" in table["node-2"][4], table
    assert table[NO_POD][0] == "no pod" and "no aws-node pod" in table[NO_POD][4]
    assert table[FARGATE][0] == "-" and "fargate" in table[FARGATE][4]
    assert "2 of 4 nodes ready" in done.stdout and done.returncode == 1
    assert cluster.type("status", "--node", "node-0", "--node", FARGATE).returncode == 0
    wrong = cluster.type("status", "--node", "node-00", check=False)
    assert wrong.returncode == 1 and "did you mean node-0" in wrong.stderr


def test_status_for_programs(cluster, pods):
    nodes = {node["node"]: node for node in json.loads(cluster.type("status", "--json", check=False).stdout)["nodes"]}
    assert nodes["node-0"]["status"]["pool"]["leased"] == 1 and nodes["node-0"]["pod"].startswith("aws-node-")
    assert nodes["node-2"]["status"] is None and nodes["node-2"]["why"]
    assert [name for name, node in nodes.items() if not node["wanted"]] == [FARGATE]


def test_a_full_node(cluster):
    """What prevents more addresses is on the screen."""
    node = cluster.nodes["node-0"]
    made = []

    def full():
        row = rows(cluster.type("status", "--node", "node-0").stdout)["node-0"]
        assert row[:2] == ["yes", "9/9"] and "room: none, 9 of 9 in use, t3.small's limit; fix: " in row[4], row
        return row

    try:
        while node.pool()["leased"] < 9:
            made.append(node.add_pod(f"many-{len(made)}"))
        wait_until(full, 30)
    finally:
        node.delete_pods(made)
        wait_until(lambda: not node.pool()["cooling"], 60, why="the next test's pods have addresses")


@pytest.mark.parametrize("how", ["dead", "hung", "kubelet"])
def test_a_node_that_does_not_answer(cluster, how):
    """It is a row with the reason, and holds up nobody."""
    node, kubelet = cluster.nodes["node-1"], cluster.served[1]
    hung = {"hung": node.proc.pid, "kubelet": kubelet.daemon.pid}.get(how)
    answer_s = ANSWER_S if how == "kubelet" else PATIENT_ANSWER_S  # which is waited for to its end, or not at all
    if hung:
        os.kill(hung, signal.SIGSTOP)
    else:
        node.stop()
    try:
        table = rows(cluster.type("status", "--timeout", str(answer_s), check=False).stdout)
    finally:
        if hung:
            os.kill(hung, signal.SIGCONT)
        else:
            node.start()
    assert table["node-0"][0] == "yes" and table["node-1"][0].startswith("no") and table["node-1"][4], table
    assert (f"no answer within {answer_s} s" in table["node-1"][4]) == (how == "kubelet"), table


def test_pods(cluster, pods):
    done = cluster.type("pods", check=False)
    table = rows(done.stdout)
    assert [[table[name][i] for i in (0, 1, 4)] for name in pods] == [[f"{SPACE}/{pod.name}", pod.address, "wired"] for pod in pods.values()], done.stdout
    assert done.returncode == 1 and "node-2: " in done.stderr, "what is not shown is named"
    one = cluster.type("pods", "--node", "node-1", "--json")
    assert [(lease["node"], lease["pod_name"]) for lease in json.loads(one.stdout)["leases"]] == [("node-1", "web-1")]
    assert list(rows(cluster.type("pods", "-n", "nowhere", "--node", "node-0").stdout)) == []


def test_explain(cluster, pods):
    """Of a pod that runs its own node is asked; of one that is gone, and of an address, all."""
    done = cluster.type("explain", "web-1", "-n", SPACE)
    assert f"Kubernetes: {SPACE}/web-1: Running on node-1, address {pods['node-1'].address}" in done.stdout
    assert "node-1:\n" in done.stdout and "wired" in done.stdout and "node-0:" not in done.stdout
    assert done.stdout.splitlines()[0] == cluster.type("explain", f"{SPACE}/web-1").stdout.splitlines()[0]
    assert "node-0:\n" in cluster.type("explain", pods["node-0"].address).stdout
    with leased(cluster.nodes["node-0"], "gone"):
        pass
    done = cluster.type("explain", f"{SPACE}/gone")
    assert "Kubernetes:" not in done.stdout and "node-0:\n" in done.stdout and "0 now, 1 ended" in done.stdout
    never = cluster.type("explain", "never", check=False)
    assert never.returncode == 1 and "knows of never" in never.stderr and "node-2: " in never.stderr


def test_explain_a_pod_without_a_node(cluster):
    cluster.plane.kubectl("run", "waits", "--image=registry.test/c", "--namespace", SPACE, '--overrides={"spec":{"nodeSelector":{"no":"such"}}}')
    try:
        said = wait_until(lambda: re.search("Kubernetes: .* on no node yet: .+", cluster.type("explain", "waits", check=False).stdout), 30)
        assert f"{SPACE}/waits: Pending" in said[0]
    finally:
        cluster.delete_object("waits")


def doctor_here(node, *options):
    """What `ipamctl doctor` says on the node itself: of a machine that has no network configuration for a runtime, nothing good."""
    return node.exec(node.build / "bin/ipamctl", "doctor", *options, check=False, env={**os.environ, **SANITIZER_OPTIONS, **node.env})


def verdicts(text):
    """What doctor's JSON says that is the same a moment later."""
    report = json.loads(text)
    return report["verdict"], [(check["check"], check["verdict"]) for check in report["checks"]]


def test_ipamctl_on_a_node(cluster, pods):
    """Streams and exit codes are ipamctl's."""
    events = cluster.type("ipamctl", "node-0", "events", "--last", "2")
    assert len(events.stdout.splitlines()) == 2
    there = cluster.type("doctor", "node-0", "--json", check=False)
    here = doctor_here(cluster.nodes["node-0"], "--json")
    assert verdicts(there.stdout) == verdicts(here.stdout) and there.returncode == here.returncode > 0, there.stdout
    assert cluster.type("ipamctl", "node-0", "nonsense", check=False).returncode == 2
    deaf = cluster.type("doctor", NO_POD, check=False)
    assert deaf.returncode == 1 and "no aws-node pod is on this node" in deaf.stderr


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_bundle(cluster):
    folder = cluster.folder / "bundles"
    done = cluster.type("bundle", "--all", "--output", folder, check=False)
    assert done.returncode == 1 and "node-2: " in done.stderr and NO_POD in done.stderr and FARGATE not in done.stderr
    made = [re.sub(r"-\d{8}T\d{6}Z", "", name) for name in files(folder)]
    assert made == ["vpcwire-node-0.tar.gz", "vpcwire-node-1.tar.gz"], "whole ones only"
    for path in folder.iterdir():
        with tarfile.open(path) as archive:
            assert any(name.endswith("status.json") for name in archive.getnames())
            assert '"msg":"serving"' in archive.extractfile("logs/aws-node.log").read().decode()
    one = cluster.folder / "one.tar.gz"
    assert cluster.type("bundle", "node-0", "-o", one).stdout == f"{one}\n"
    before = one.read_bytes()
    again = cluster.type("bundle", "node-0", "-o", one, check=False)
    assert again.returncode == 1 and "exists already" in again.stderr and one.read_bytes() == before
    cluster.nodes["node-0"].exec("bash", "-c", "kubectl vpcwire bundle node-0 -o - >piped.tar.gz", env=cluster.plane.env, cwd=cluster.folder)
    with tarfile.open(cluster.folder / "piped.tar.gz") as archive:
        assert archive.getnames()


def test_a_bundle_that_cannot_be_had_leaves_no_file(cluster):
    folder = cluster.folder / "none"
    folder.mkdir()
    done = cluster.type("bundle", "node-2", "--output", folder / "b.tar.gz", check=False)
    assert done.returncode == 1 and "connection refused" in done.stderr and files(folder) == []


def check(cluster):
    """The differences on the nodes that answer: {(node, pod, what)}."""
    done = cluster.type("check", "--json", "--node", "node-0", "--node", "node-1", check=False)
    found = {(row["node"], row["pod"], row["what"]) for row in json.loads(done.stdout)["differences"]}
    assert done.returncode == (1 if found else 0), done.stderr
    return found


def test_check(cluster, pods):
    assert check(cluster) == set()
    node = cluster.nodes["node-0"]
    with leased(node, "leaked"):
        assert check(cluster) == {("node-0", f"{SPACE}/leaked", "leased, but Kubernetes has no such pod")}
        with cluster.pod_object("leaked", "node-1", "10.0.2.250"):
            assert check(cluster) == {
                ("node-0", f"{SPACE}/leaked", "leased, but Kubernetes has this pod on node-1"),
                ("node-1", f"{SPACE}/leaked", "the pod has this address, but its node has no lease for it"),
            }
    with cluster.pod_object("of-the-node", "node-0", node.address, hostNetwork=True):
        assert check(cluster) == set(), "a pod with the node's own address needs no lease"
    text = cluster.type("check", check=False)
    assert text.returncode == 1 and "node-2: " in text.stderr and "all agree" in text.stdout


def test_kubectl_s_options(cluster):
    """They are passed on; what the cluster refuses is said in its words."""
    wrong = cluster.type("status", "--context", "nowhere", check=False)
    assert wrong.returncode == 3 and "nowhere" in wrong.stderr
    nobody = cluster.type("status", "--as", "nobody", check=False)
    assert nobody.returncode == 3 and "nobody" in nobody.stderr and "forbidden" in nobody.stderr
    assert cluster.type("status", "--kubeconfig", cluster.plane.kubeconfig, "--node", "node-0").returncode == 0
    elsewhere = cluster.type("status", "--daemon-namespace", "default", "--node", "node-0", check=False)
    assert elsewhere.returncode == 1 and "no aws-node pod" in elsewhere.stdout


# Lines of README's block "With kubectl" that do not end with 0 in this cluster.
CODES = {
    "kubectl vpcwire status": 1,  # node-2
    "kubectl vpcwire pods": 1,
    "kubectl vpcwire check": 1,
}
# What each of them prints, and the file that it makes where one stands.
SAYS = {
    "install deploy/kubectl/kubectl-vpcwire /usr/local/bin": ("", "kubectl-vpcwire"),
    "kubectl vpcwire status": ("2 of 4 nodes ready", None),
    "kubectl vpcwire pods": (f"{SPACE}/web-0", None),
    "kubectl vpcwire explain NAMESPACE/POD": (f"Kubernetes: {SPACE}/web-0: Running on node-0", None),
    "kubectl vpcwire check": ("2 nodes: all agree with Kubernetes' pods", None),
    "kubectl vpcwire doctor NODE": (" broken", None),
    "kubectl vpcwire ipamctl NODE events --since 1h": ("lease-wired", None),
    "kubectl vpcwire bundle NODE": ("vpcwire-node-0-", "vpcwire-node-0-*.tar.gz"),
    "kubectl -n kube-system get pods -l k8s-app=aws-node -o wide": ("node-0", None),
    "kubectl -n kube-system exec AWS_NODE_POD -- ipamctl status": ("ready      yes", None),
    "kubectl -n kube-system exec AWS_NODE_POD -- ipamctl bundle - >bundle.tar.gz": ("", "bundle.tar.gz"),
    "kubectl -n kube-system logs AWS_NODE_POD": ('"level":"info"', None),
}
KUBECTL_LINES = readme.lines("With kubectl")
FOREVER = "kubectl -n kube-system port-forward AWS_NODE_POD 61679"


def typed(cluster, line, folder):
    """A line with names of this cluster in the place of the words in capitals."""
    aws_node = next(pod["metadata"]["name"] for pod in cluster.plane.get("pods")["items"] if pod["spec"]["nodeName"] == "node-0")
    names = {"NAMESPACE/POD": f"{SPACE}/web-0", "AWS_NODE_POD": aws_node, " NODE": " node-0", "/usr/local/bin": str(folder), "deploy/": f"{TOP}/deploy/"}
    for word, name in names.items():
        line = line.replace(word, name)
    return ["bash", "-c", f"cd {folder} && {line}"]


@pytest.mark.parametrize("line", [line for line in KUBECTL_LINES if line != FOREVER])
def test_readme_s_lines(cluster, pods, tmp_path, line):
    done = cluster.nodes["node-0"].exec(*typed(cluster, line, tmp_path), env=cluster.plane.env, check=False)
    code = doctor_here(cluster.nodes["node-0"]).returncode if "doctor" in line else CODES.get(line, 0)
    assert done.returncode == code, done.stdout + done.stderr
    said, file = SAYS[line]
    assert said in done.stdout and bool(done.stdout) == bool(said), done.stdout + done.stderr
    made = list(tmp_path.iterdir())
    assert [path for path in made if not (file and path.match(file))] == [] and len(made) == (file is not None), made
    for path in tmp_path.glob("*.tar.gz"):
        tarfile.open(path).close()


def test_readme_s_page(cluster):
    """What runs until it is interrupted."""
    node = cluster.nodes["node-0"]
    assert {FOREVER, *SAYS} == set(KUBECTL_LINES) and set(CODES) <= set(SAYS)
    line = typed(cluster, FOREVER.replace(" 61679", " :61679"), cluster.folder)  # the daemon itself has this port here
    with netns.threads(node.netns) as inside:
        forward = inside.call(subprocess.Popen, line, env=cluster.plane.env, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            port = int(re.match(r"Forwarding from 127.0.0.1:(\d+) -> 61679", first_line(forward))[1])
            page = node.web("/", to=port)
        finally:
            os.killpg(forward.pid, signal.SIGTERM)
            forward.wait()
    assert page.status == 200 and "<!DOCTYPE html>" in page.text
