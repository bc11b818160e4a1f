# SPDX-License-Identifier: Apache-2.0
"""What befalls a cluster of real parts: a drain, pods killed, a rollout of ours, a full node. Reboots: test_cluster_reboot.py."""
import contextlib
import itertools
import json

import pytest

from cluster_objects import WEB_PORT, pod, pod_spec, web_container
from control_plane import SYSTEM
from kubernetes_cluster import ADDRESSES_PER_ENI, AWS_NODE, DEADLINE_S, ENIS, WEB, WEB_PODS, address, is_ready, name_of
from vpc import patient, wait_until
from vpc.stream import Stream

pytestmark = pytest.mark.xdist_group("cluster")
FEW = 8  # web pods that one node has room for, beside others
BATCH, BATCHES = 2, 3
FILLER = "filler"


@pytest.fixture
def few_web_pods(cluster, web):
    """So that there is room; as many as before at the end."""
    cluster.scale(WEB, FEW)
    yield
    cluster.scale(WEB, WEB_PODS)


def restarts(cluster):
    """What would show that a pod did not live through something: its containers' restarts, by pod and address."""
    return {(name_of(item), address(item)): item["status"]["containerStatuses"][0]["restartCount"] for item in cluster.pods(WEB)}


def run_pod(cluster, name, node):
    cluster.apply(pod(name, pod_spec(web_container(), nodeName=node)))
    cluster.wait("condition=Ready", f"pod/{name}")
    return cluster.get("pod", name)


@contextlib.contextmanager
def streams(cluster, pods):
    """A connection from each of these pods to the next, on any node."""
    with contextlib.ExitStack() as ends:
        made = []
        for i, (here, there) in enumerate(zip(pods, [*pods[1:], pods[0]], strict=True)):
            made.append(ends.enter_context(Stream(cluster.netns(here), cluster.netns(there), address(there), port=7788 + i)))
        yield made


def test_a_rollout_of_ours_under_traffic(cluster, few_web_pods):
    """No connection breaks, and every pod that is made meanwhile gets its address at the first try: no owner sees a failed ADD."""
    cluster.delete_events()
    before = {name: cluster.daemon_pod(name) for name in cluster.nodes}
    with streams(cluster, list(cluster.places(cluster.pods(WEB)).values())) as running:
        cluster.kubectl("rollout", "restart", *AWS_NODE, "--namespace", SYSTEM)
        for batch in itertools.count():
            names = {f"made-{batch}-{node}-{i}": node for node in cluster.nodes for i in range(BATCH)}
            cluster.apply(*(pod(name, pod_spec(web_container(), nodeName=node)) for name, node in names.items()))
            cluster.wait("condition=Ready", *(f"pod/{name}" for name in names))
            cluster.delete("pod", *names)
            if batch >= BATCHES and cluster.is_rolled_out(*AWS_NODE, namespace=SYSTEM):
                break
        after = {name: cluster.daemon_pod(name) for name in cluster.nodes}
        assert not set(before.values()) & set(after.values())
        moved = [stream.moved() for stream in running]
        wait_until(lambda: all(stream.moved() > count for stream, count in zip(running, moved, strict=True)), 30, why="bytes flow")
    assert cluster.failed_sandboxes() == []
    assert cluster.all_ready()


@pytest.mark.parametrize("part", ["kubelet", "containerd"])
def test_a_part_that_is_killed(cluster, web, part):
    """On both nodes: running pods notice nothing, and the next is made as ever."""
    before = restarts(cluster)
    for name, node in cluster.nodes.items():
        targets = [(address(item), WEB_PORT) for item in cluster.pods(WEB) if item["spec"]["nodeName"] == name]
        if part == "kubelet":
            node.kill_kubelet()
        else:
            node.runtime.kill9()
        assert len(cluster.ask_all(node.node.netns, targets)) == len(targets), "pods answer without it"
        if part == "kubelet":
            node.start_kubelet()
        else:
            node.runtime.start()
        made = run_pod(cluster, f"after-{part}-{name}", name)
        assert cluster.ask(node.node.netns, address(made)) == [name_of(made), node.node.address]
        cluster.delete("pod", name_of(made))
    wait_until(cluster.all_ready, DEADLINE_S, why="nodes are ready")
    assert restarts(cluster) == before


def has_successor(cluster, victim):
    pods = cluster.pods(WEB)
    return len(pods) == WEB_PODS and all(map(is_ready, pods)) and name_of(victim) not in map(name_of, pods)


def test_a_pod_deleted_by_force(cluster, web):
    """Kubernetes forgets it at once; the node ends it, takes its address back, and its successor is another pod."""
    for victim in cluster.places(cluster.pods(WEB)).values():
        node = victim["spec"]["nodeName"]
        cluster.kubectl("delete", "pod", name_of(victim), "--force", "--grace-period=0")
        wait_until(lambda node=node, victim=victim: name_of(victim) not in cluster.leased(node), DEADLINE_S, why="its address is back")
        wait_until(lambda victim=victim: has_successor(cluster, victim), DEADLINE_S, why="another pod is in its place")
    for name in cluster.nodes:
        wait_until(lambda name=name: cluster.check_kernel(name), DEADLINE_S, why="links and routes are those of the leases")


def test_a_drain(cluster, few_web_pods):
    """All that ran there runs elsewhere, and the node has no lease any more; afterwards it takes pods again."""
    drained, other = cluster.nodes
    cluster.kubectl("drain", drained, "--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={int(patient(DEADLINE_S))}s", timeout=2 * DEADLINE_S)
    try:
        cluster.rolled_out("deployment", WEB)
        assert {item["spec"]["nodeName"] for item in cluster.pods(WEB)} == {other}
        wait_until(lambda: cluster.leased(drained) == {}, DEADLINE_S, why="no lease is left")
        assert cluster.check_kernel(drained) and cluster.ready(drained)[0] == "True", "it is ready, but nothing is scheduled there"
    finally:
        cluster.kubectl("uncordon", drained)
    cluster.rolled_out("deployment", "coredns", namespace=SYSTEM)


def test_a_full_node(cluster, few_web_pods):
    """It stays ready for its running pods, the pod that waits says why, and gets the address that becomes free."""
    full = next(iter(cluster.nodes))
    room = ADDRESSES_PER_ENI * ENIS - len(cluster.books(full)["leases"])
    names = [f"{FILLER}-{i}" for i in range(room)]
    cluster.apply(*(pod(name, pod_spec(web_container(), nodeName=full)) for name in names))
    cluster.wait("condition=Ready", *(f"pod/{name}" for name in names))
    cluster.delete_events()
    cluster.apply(pod("late", pod_spec(web_container(), nodeName=full)))
    (_, said), *_ = wait_until(cluster.failed_sandboxes, DEADLINE_S, why="the waiting pod says why")
    assert "limit" in said and "15 of 15" in said, said
    assert cluster.ready(full)[0] == "True"
    (daemon,) = [cluster.get("pod", cluster.daemon_pod(full), namespace=SYSTEM)]
    assert is_ready(daemon) and all(is_ready(cluster.get("pod", name)) for name in names)
    assert json.loads(cluster.exec(name_of(daemon), "ipamctl", "--json", "status", namespace=SYSTEM))["ready"]
    cluster.delete("pod", names.pop())
    cluster.wait("condition=Ready", "pod/late")
    cluster.delete("pod", "late", *names)
