# SPDX-License-Identifier: Apache-2.0
"""The aws-node DaemonSet as shipped, from its YAML and our package, on a node whose container runtime is the real containerd."""
import pathlib

import grpc
import package
import pytest

from vpc import netns, rpc, wait_until
from vpc.containerd import Containerd
from vpc.daemonset import DaemonSetPod
from vpc.process import RELEASE_BUILD
from vpc.stream import Stream

CONFLIST = "10-aws.conflist"
RESTARTS = 3


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return package.unpack(RELEASE_BUILD, tmp_path_factory.mktemp("package"))


@pytest.fixture
def runtime(make_node, tmp_path):
    node = make_node("n1", start=False)
    runtime = Containerd(node, tmp_path / "runtime")
    yield runtime
    runtime.close()


@pytest.fixture
def daemonset(vpc, runtime, shipped):
    return DaemonSetPod(runtime, shipped, {"AWS_EC2_ENDPOINT": vpc.ready["ec2"], "IP_COOLDOWN_PERIOD": "1"})


def leases(runtime):
    return rpc.call(runtime.path("/run/vpcwire/ipamd.sock"), "List", {})["leases"]


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
    runtime.delete_pod(pod)
    daemonset.stop()


def ipamd_pid(runtime):
    (pid,) = [pid for pid in netns.processes(runtime.node.netns) if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "ipamd"]
    return pid
