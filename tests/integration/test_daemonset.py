# SPDX-License-Identifier: Apache-2.0
"""The aws-node DaemonSet as shipped, from its YAML and our package, on a node whose container runtime is the real containerd."""
import contextlib
import io
import json
import pathlib
import tarfile

import grpc
import package
import pytest

from vpc import cri, image, netns, rpc, wait_until
from vpc.containerd import Containerd
from vpc.daemonset import OWNER, DaemonSetPod, our_image
from vpc.ping import answers
from vpc.process import RELEASE_BUILD
from vpc.stream import Stream

CONFLIST = "10-aws.conflist"
RESTARTS = 3
WHITEOUT = ".wh."  # a layer's word for "removed"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A docker archive with our package's files, and no more than they need."""
    folder = tmp_path_factory.mktemp("package")
    our_image(folder / "vpcwire.tar", package.unpack(RELEASE_BUILD, folder))
    return folder / "vpcwire.tar"


@pytest.fixture
def built(tmp_path):
    """A docker archive as the Dockerfile builds it."""
    image.build(tmp_path / "buildah", tmp_path / "vpcwire.tar")
    return tmp_path / "vpcwire.tar"


@pytest.fixture
def runtime(make_node, tmp_path):
    node = make_node("n1", start=False)
    runtime = Containerd(node, tmp_path / "runtime")
    yield runtime
    runtime.close()


def make_daemonset(runtime, archive):
    return DaemonSetPod(runtime, archive, {"AWS_EC2_ENDPOINT": runtime.node.simulator.ready["ec2"], "IP_COOLDOWN_PERIOD": "1"})


@pytest.fixture
def daemonset(runtime, shipped):
    return make_daemonset(runtime, shipped)


def leases(runtime):
    return rpc.call(runtime.path("/run/vpcwire/ipamd.sock"), "List", {})["leases"]


def enis(runtime):
    return rpc.call(runtime.path("/run/vpcwire/ipamd.sock"), "List", {})["enis"]


OF_THIS_MACHINE = {"firewall", "imds"}  # the runtime's own rules, and a world without a hop limit


def installed(runtime):
    ours = [runtime.cni_bin / "vpcwire", runtime.cni_conf / CONFLIST]
    return [path.name for path in ours if path.exists()]


def test_install_serve_restart_uninstall(runtime, daemonset):
    """With pods that talk: a rollout loses no byte, and what is left at the end is nothing."""
    node = runtime.node
    assert not runtime.network_ready() and installed(runtime) == []
    daemonset.start()
    wait_until(runtime.network_ready, 30, why="the runtime sees the conflist")
    assert installed(runtime) == ["vpcwire", CONFLIST]
    assert [daemonset.probe(name) for name in ("startupProbe", "livenessProbe", "readinessProbe")] == [0, 0, 0]
    pods = [runtime.run_pod(f"p{i}") for i in range(5)]
    assert sorted(runtime.address(pod) for pod in pods) == sorted(lease["address"] for lease in leases(runtime))
    with Stream(runtime.netns(pods[0]), runtime.netns(pods[4]), runtime.address(pods[4])) as stream:
        for _ in range(RESTARTS):
            assert daemonset.stop() == 0
            assert runtime.network_ready(), "a restart is no reason to call the node not ready"
            moved = stream.moved()
            wait_until(lambda moved=moved: stream.moved() > moved, 10, why="bytes flow without the daemon")
            daemonset.start()
            assert len(leases(runtime)) == 5
        stream.check()
    late = runtime.run_pod("late")
    for pod in [*pods, late]:
        runtime.delete_pod(pod)
    wait_until(lambda: leases(runtime) == [], 30)
    assert node.pod_links() == {} and node.pod_routes() == []
    assert daemonset.stop() == 0
    daemonset.run_once("/usr/sbin/ipamd", "uninstall")
    assert installed(runtime) == []
    wait_until(lambda: not runtime.network_ready(), 30, why="the runtime sees that the conflist has gone")


def test_a_boot_begins_without_network(runtime, daemonset):
    """Else the runtime would call the node ready, and each pod would fail, until our init container has run."""
    daemonset.start()
    wait_until(runtime.network_ready, 30, why="the runtime sees the conflist")
    assert daemonset.stop() == 0
    runtime.reboot()
    assert not runtime.network_ready() and installed(runtime) == ["vpcwire"]
    daemonset.start()
    wait_until(runtime.network_ready, 30, why="the runtime sees the conflist")
    assert daemonset.stop() == 0


def test_least_privilege_is_enough(runtime, daemonset):
    """NET_ADMIN and a read-only root: ipamd sets sysctls through the mount that the manifest gives it, and nothing is refused."""
    daemonset.start()
    wait_until(lambda: "eni ready" in daemonset.log("aws-node"), 30)
    pod = runtime.run_pod("web")
    log = daemonset.log("aws-node")
    assert "Read-only" not in log and "ermission" not in log, log
    with pytest.raises(grpc.RpcError, match="no such file"):
        daemonset.exec("/bin/sh", "-c", "true")
    status = pathlib.Path(f"/proc/{ipamd_pid(runtime)}/status").read_text()
    assert "CapEff:\t0000000000001000" in status, "CAP_NET_ADMIN alone"
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp_filters:\t2" in status, "the runtime's filter, and ours"
    wait_until(lambda: [eni["state"] for eni in enis(runtime)] == ["ready"] * 2, 60, why="the spare ENI is there: nothing is half made")
    checks = json.loads(daemonset.exec("/usr/bin/ipamctl", "--json", "doctor").stdout)["checks"]
    assert [check for check in checks if check["verdict"] in ("warn", "fail") and check["check"] not in OF_THIS_MACHINE] == []
    unchecked = {check["check"] for check in checks if check["verdict"] == "unchecked"}
    assert {"max-pods", "cni-plugin", "networkd"} <= unchecked and not unchecked & {"cni-config", "kernel"}, checks
    runtime.delete_pod(pod)
    daemonset.stop()


def members(archive):
    """Name -> member of the files that a docker archive's last layer adds: it is the one that ours are in."""
    with tarfile.open(archive) as outer:
        (manifest,) = json.load(outer.extractfile("manifest.json"))
        layer = outer.extractfile(manifest["Layers"][-1]).read()
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        return {member.name: member for member in inner if member.isfile() and not pathlib.Path(member.name).name.startswith(WHITEOUT)}


@pytest.mark.slow
def test_the_image_of_the_dockerfile_serves_a_node(built, runtime):
    """Built on a slim Debian, and run with the manifest's rights."""
    files = members(built)
    for name in ("usr/sbin/ipamd", "usr/bin/ipamctl", "usr/lib/vpcwire/vpcwire"):
        assert (files[name].uid, files[name].gid, files[name].mode & 0o777) == (OWNER, OWNER, 0o755), name
    assert not [name for name in files if name.startswith(("tmp/", "src/", "var/lib/apt/lists/", "var/cache/"))]
    daemonset = make_daemonset(runtime, built).start()
    assert [daemonset.probe(name) for name in ("startupProbe", "livenessProbe", "readinessProbe")] == [0, 0, 0]
    pod = runtime.run_pod("web")
    assert [lease["address"] for lease in leases(runtime)] == [runtime.address(pod)]
    runtime.delete_pod(pod)
    assert daemonset.stop() == 0
    daemonset.run_once("/usr/sbin/ipamd", "uninstall")
    assert installed(runtime) == []
    handover = DaemonSetPod(runtime, built, manifest="handover/daemonset.yaml").start(ready=False)
    assert handover.status(handover.container).state == cri.CONTAINER_RUNNING, "it stays, to show that it is done"
    handover.stop()


def rules_of_ours(node):
    return [rule for rule in node.ip("rule", "show") if rule.get("protocol") == "118"]


def test_going_back(runtime, daemonset, shipped):
    """By the commands of deploy/README.md: exported from the daemon's container, and what is ours taken away by a DaemonSet's pod."""
    node = runtime.node
    daemonset.start()
    pod = runtime.run_pod("web")
    export = daemonset.exec("/usr/bin/ipamctl", "export", "aws-vpc-cni", "--output", "/var/run/aws-node/ipam.json")
    assert export.exit_code == 0, export.stderr
    rows = json.loads(runtime.path("/run/aws-node/ipam.json").read_text())["allocations"]
    assert [row["ipv4"] for row in rows] == [runtime.address(pod)]
    with pytest.raises(grpc.RpcError, match="exported to another daemon"):
        runtime.run_pod("late")
    assert daemonset.stop() == 0 and rules_of_ours(node)
    handover = DaemonSetPod(runtime, shipped, manifest="handover/daemonset.yaml")
    handover.start_sandbox()
    (undo,) = handover.spec["initContainers"]
    handover.run_to_its_end(undo)
    runtime.delete_pod(handover.sandbox)
    assert rules_of_ours(node) == [] and "vpcwire" not in node.exec("nft", "list", "tables").stdout
    assert installed(runtime) == ["vpcwire"], "the plugin is there for our pods' ends"
    assert answers(node, runtime.address(pod))
    daemonset.start()  # and here again
    wait_until(lambda: [lease["address"] for lease in leases(runtime)] == [runtime.address(pod)], 60, why="taken over")
    wait_until(runtime.network_ready, 30, why="the runtime sees the conflist")
    runtime.delete_pod(pod)
    wait_until(lambda: leases(runtime) == [], 30)
    assert daemonset.stop() == 0


def name_of(pid):
    """Of a process, "" when it has ended meanwhile."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def ipamd_pid(runtime):
    (pid,) = [pid for pid in netns.processes(runtime.node.netns) if name_of(pid) == "ipamd"]
    return pid
