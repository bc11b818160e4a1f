# SPDX-License-Identifier: Apache-2.0
"""
What is shipped for a cluster, with Kubernetes' own API server, controllers and scheduler: it is accepted, takes aws-vpc-cni's place
by the very commands of deploy/README.md, and gives no more rights than ipamd's events need.
"""
import json
import os
import re

import pytest

from control_plane import PORT, PROGRAMS, SYSTEM, TOP, ControlPlane, Kubelets
from vpc import Node, Simulator, wait_until
from vpc.apiserver import account_env
from vpc.simulator import SUBNET_A, default_world

NODES = 10
ROLLOUT_S = 180
AWS_NODE = ("daemonset", "aws-node")
REGISTRY = "registry.invalid/set-your-registry"  # as in the manifests; kubelets that are played pull nothing
IMAGE = ("--set", f"image.repository={REGISTRY}/vpcwire")
ROLE = "eks.amazonaws.com/role-arn"
EVERYBODYS = {"selfsubjectreviews.authentication.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectrulesreviews.authorization.k8s.io"}
pytestmark = pytest.mark.xdist_group("kubernetes")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node of a simulated VPC, whose daemon is not started; the control plane is on its loopback."""
    if os.geteuid() != 0:
        pytest.skip("root is needed to make network namespaces")
    missing = [program.name for program in PROGRAMS if not program.exists()]
    if missing:
        pytest.skip(f"not built, see build/log/kubernetes.log: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("kubernetes")
    simulator = Simulator(default_world(), folder / "vpc")
    made = Node(simulator, "n1", folder / "n1", subnet=SUBNET_A, public=True)
    try:
        yield made
        simulator.stop()
    finally:
        if made.proc is not None and made.proc.alive():
            made.kill9()
        made.close()
        simulator.destroy()


@pytest.fixture(scope="module")
def plane(node):
    made = ControlPlane(node.netns, node.folder / "kubernetes")
    made.env["registry"] = REGISTRY  # of the documented lines
    yield made
    made.close()


@pytest.fixture(scope="module")
def kubelets(plane):
    made = Kubelets(plane, NODES)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def empty(plane, kubelets):
    """Nothing of a test is left in the cluster for the next."""
    yield
    plane.kubectl("delete", "--ignore-not-found", "--kustomize", "deploy/kubernetes")
    plane.kubectl("delete", "--ignore-not-found", "--namespace", SYSTEM, *AWS_NODE)
    plane.kubectl("delete", "--ignore-not-found", "--namespace", SYSTEM, "serviceaccount", "aws-node")
    wait_until(lambda: plane.get("pods")["items"] == [], ROLLOUT_S, why="the garbage collector and the kubelets end the pods")
    plane.kubectl("delete", "--namespace", "default", "events", "--all")
    kubelets.check()


def documented(heading, program):
    """The command lines of a section of deploy/README.md that begin with this program."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", (TOP / "deploy/README.md").read_text(), re.M | re.S)
    lines = [line for line in re.findall(r"^    (.*)$", section, re.M) if line.startswith(f"{program} ")]
    assert lines
    return lines


def pod_spec(plane):
    return plane.get(*AWS_NODE)["spec"]["template"]["spec"]


def aws_vpc_cni():
    """Its DaemonSet and account as EKS makes them: by server-side apply, with a network policy agent beside the daemon."""
    labels = {"app.kubernetes.io/name": "aws-node", "app.kubernetes.io/instance": "aws-vpc-cni", "k8s-app": "aws-node"}
    bin_mount = {"name": "cni-bin-dir", "mountPath": "/host/opt/cni/bin"}
    template = {
        "serviceAccountName": "aws-node",
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "initContainers": [{"name": "aws-vpc-cni-init", "image": "registry.test/init:v1", "securityContext": {"privileged": True}, "volumeMounts": [bin_mount]}],
        "containers": [
            {
                "name": "aws-node",
                "image": "registry.test/cni:v1",
                "env": [{"name": "WARM_ENI_TARGET", "value": "1"}, {"name": "AWS_VPC_CNI_NODE_PORT_SUPPORT", "value": "true"}],
                "livenessProbe": {"exec": {"command": ["/app/grpc-health-probe"]}, "initialDelaySeconds": 60},
                "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}},
                "volumeMounts": [bin_mount, {"name": "run-dir", "mountPath": "/var/run/aws-node"}],
            },
            {"name": "aws-eks-nodeagent", "image": "registry.test/agent:v1", "securityContext": {"privileged": True}, "volumeMounts": [bin_mount]},
        ],
        "volumes": [{"name": "cni-bin-dir", "hostPath": {"path": "/opt/cni/bin"}}, {"name": "run-dir", "hostPath": {"path": "/var/run/aws-node"}}],
    }
    spec = {
        "selector": {"matchLabels": {"k8s-app": "aws-node"}},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {"metadata": {"labels": labels}, "spec": template},
    }
    account = {"name": "aws-node", "namespace": SYSTEM, "labels": {"app.kubernetes.io/name": "aws-node"}}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "aws-node", "namespace": SYSTEM, "labels": labels}, "spec": spec},
    ]


EKS = ("--server-side", "--force-conflicts", "--field-manager=eks")


def apply_aws_vpc_cni(plane, *how):
    """And its role, as AWS documents it."""
    items = {"apiVersion": "v1", "kind": "List", "items": aws_vpc_cni()}
    plane.kubectl("apply", *how, "--filename", "-", input=json.dumps(items))
    plane.kubectl("annotate", "--overwrite", "--namespace", SYSTEM, "serviceaccount", "aws-node", f"{ROLE}=arn:aws:iam::1:role/cni")


def rolled_out(plane, kubelets):
    """Every node has a pod of the DaemonSet as it is now, and it is ready."""

    def done():
        kubelets.check()
        daemonset = plane.get(*AWS_NODE)
        status = daemonset["status"]
        assert status.get("observedGeneration") == daemonset["metadata"]["generation"], status
        assert status.get("updatedNumberScheduled") == status.get("numberAvailable") == status["desiredNumberScheduled"] == NODES, status
        return True

    wait_until(done, ROLLOUT_S, why="rolled out")


def containers_of_pods(plane):
    """(init containers, containers) of the pods that run, each way once."""
    pods = plane.get("pods", "--selector", "k8s-app=aws-node")["items"]
    names = {tuple(tuple(c["name"] for c in pod["spec"].get(kind, [])) for kind in ("initContainers", "containers")) for pod in pods}
    assert len(pods) == NODES
    return names


OURS = {(("vpcwire-install",), ("aws-node",))}
THEIRS = {(("aws-vpc-cni-init",), ("aws-node", "aws-eks-nodeagent"))}


def test_the_manifests_are_accepted(plane, kubelets):
    """Every field is known; a second time changes nothing; and it runs on every node."""
    apply = ("apply", "--validate=strict", "--kustomize", "deploy/kubernetes")
    first = plane.kubectl(*apply)
    assert first.count("created") == len(first.splitlines()) >= 5, first
    second = plane.kubectl(*apply)
    assert second.count("unchanged") == len(second.splitlines()) == len(first.splitlines()), second
    rolled_out(plane, kubelets)
    assert containers_of_pods(plane) == OURS


def test_the_chart_is_the_same(plane, kubelets):
    plane.kubectl("apply", "--kustomize", "deploy/kubernetes")
    spec = pod_spec(plane)
    plane.kubectl("delete", "--kustomize", "deploy/kubernetes")
    plane.helm("install", "vpcwire", "deploy/chart", *IMAGE)
    assert pod_spec(plane) == spec
    rolled_out(plane, kubelets)
    generation = plane.get(*AWS_NODE)["metadata"]["generation"]
    plane.helm("upgrade", "vpcwire", "deploy/chart", *IMAGE)
    assert plane.get(*AWS_NODE)["metadata"]["generation"] == generation, "nothing is rolled out for nothing"
    plane.helm("upgrade", "vpcwire", "deploy/chart", *IMAGE, "--set", "env.WARM_ENI_TARGET=2")
    rolled_out(plane, kubelets)
    assert plane.get(*AWS_NODE)["metadata"]["generation"] > generation, "a setting is"
    plane.helm("uninstall", "vpcwire")
    assert plane.get("daemonset,configmap", "--selector", "k8s-app=aws-node")["items"] == []


def test_an_owners_settings_stay(plane, kubelets):
    """By the overlay: the ConfigMap that is there is not written over, nor taken away."""
    for line in documented("An overlay", "kubectl"):
        plane.shell(line)
    rolled_out(plane, kubelets)
    plane.kubectl("patch", "configmap", "vpcwire", "--namespace", SYSTEM, "--type=merge", "--patch", '{"data": {"WARM_IP_TARGET": "5"}}')
    plane.kubectl("apply", "--kustomize", "deploy/overlay")
    assert plane.get("configmap", "vpcwire")["data"] == {"WARM_ENI_TARGET": "1", "WARM_IP_TARGET": "5"}


def test_an_owners_values_take_the_place_of_its_own_charts(plane, kubelets):
    """originalMatchLabels: false, as in values for aws-vpc-cni's chart: the selector that it made stays, and so the pods are replaced in order."""
    items = aws_vpc_cni()
    (daemonset,) = [item for item in items if item["kind"] == "DaemonSet"]
    selector = {"app.kubernetes.io/name": "aws-node", "app.kubernetes.io/instance": "aws-vpc-cni"}
    daemonset["spec"]["selector"]["matchLabels"] = selector
    daemonset["spec"]["template"]["metadata"]["labels"].update(selector)
    plane.kubectl("apply", "--filename", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    rolled_out(plane, kubelets)
    take_over = ("--take-ownership", "--server-side=false", "--force-replace", "--set", "serviceAccount.create=false")
    plane.helm("install", "aws-vpc-cni", "deploy/chart", *IMAGE, *take_over, "--set", "originalMatchLabels=false")
    rolled_out(plane, kubelets)
    assert containers_of_pods(plane) == OURS
    plane.helm("uninstall", "aws-vpc-cni")


@pytest.mark.parametrize("before", [EKS, ()], ids=["by-eks", "by-apply"])
@pytest.mark.parametrize("program", ["kubectl", "helm"])
def test_changing_over(plane, kubelets, program, before):
    """By the documented lines: nothing of aws-vpc-cni's stays but the account's role, and one node of ten at a time goes without."""
    plane.kubectl("apply", "--kustomize", "deploy/kubernetes")
    fresh = pod_spec(plane)
    plane.kubectl("delete", "--kustomize", "deploy/kubernetes")
    apply_aws_vpc_cni(plane, *before)
    rolled_out(plane, kubelets)
    assert containers_of_pods(plane) == THEIRS
    kubelets.watch()
    for line in documented("Changing over from aws-vpc-cni", program):
        plane.shell(line)
    rolled_out(plane, kubelets)
    assert pod_spec(plane) == fresh and containers_of_pods(plane) == OURS
    assert kubelets.worst == 1, "10 %"
    assert plane.get("serviceaccount", "aws-node")["metadata"]["annotations"][ROLE]
    if program == "helm":
        plane.helm("upgrade", "vpcwire", "deploy/chart", *IMAGE, "--set", "serviceAccount.create=false,env.WARM_ENI_TARGET=2")
        rolled_out(plane, kubelets)
        plane.helm("uninstall", "vpcwire")


def test_going_back_by_apply(plane, kubelets):
    plane.kubectl("apply", "--kustomize", "deploy/kubernetes")
    rolled_out(plane, kubelets)
    kubelets.watch()
    apply_aws_vpc_cni(plane)
    rolled_out(plane, kubelets)
    assert containers_of_pods(plane) == THEIRS and kubelets.worst == 1
    assert plane.get("serviceaccount", "aws-node").get("automountServiceAccountToken", True), "aws-vpc-cni needs the token"


def test_going_back_to_the_add_on(plane, kubelets):
    plane.kubectl("apply", "--kustomize", "deploy/kubernetes")
    rolled_out(plane, kubelets)
    remove, *tidy_up = documented("Going back", "kubectl")
    plane.shell(remove)
    apply_aws_vpc_cni(plane, *EKS)
    rolled_out(plane, kubelets)
    assert containers_of_pods(plane) == THEIRS
    assert "rollout status" in tidy_up[1]
    for line in tidy_up:
        plane.shell(line)
    assert [item["metadata"]["name"] for item in plane.get("daemonsets")["items"]] == ["aws-node"]


def test_rights(plane):
    """Events in the namespace of Nodes' events, and what everybody may."""
    plane.kubectl("apply", "--kustomize", "deploy/kubernetes")
    account = f"system:serviceaccount:{SYSTEM}:aws-node"

    def rights(namespace):
        rows = plane.kubectl("auth", "can-i", "--list", "--no-headers", f"--as={account}", "--namespace", namespace).splitlines()
        resources = [row for row in rows if not row.startswith(" ")]
        return {(row.split()[0], row[row.rindex("[") :]) for row in resources if row.split()[0] not in EVERYBODYS}

    wait_until(lambda: rights("default") == {("events", "[create patch]")}, 60, why="the API server has seen the role")
    assert rights(SYSTEM) == set()


def test_events_arrive(plane, node):
    """A denied action is told to the real API server with the account's token, and reported again as over."""
    plane.kubectl("apply", "--kustomize", "deploy/kubernetes")
    account = plane.account(node.folder / "account", "aws-node")
    node.env.update(account_env(account, PORT, name="node-0"))
    node.simulator.ctl("set-denied", actions=["AssignPrivateIpAddresses"])
    node.start(wait=False)

    def event(reason, kind):
        (found,) = [item for item in plane.get("events", namespace="default")["items"] if item["reason"] == reason]
        assert (found["type"], found["involvedObject"]["kind"], found["involvedObject"]["name"]) == (kind, "Node", "node-0")
        return found

    denied = wait_until(lambda: event("MissingIAMPermissions", "Warning"), 60)
    assert "ec2:AssignPrivateIpAddresses" in denied["message"]
    node.simulator.ctl("set-denied", actions=[])
    wait_until(lambda: event("IAMPermissionsGranted", "Normal"), 300)
    assert "MissingIAMPermissions" in plane.kubectl("events", "--namespace", "default", "--for", "node/node-0")
    node.stop()
