# SPDX-License-Identifier: Apache-2.0
"""A real container runtime (Debian's containerd and runc) makes and removes the pods, as a kubelet asks it to."""
import concurrent.futures
import itertools
import json
import pathlib
import socket
import threading
import time

import grpc
import pytest

from vpc import echo, netns, patient, wait_until
from vpc.containerd import PAUSE_IMAGE, Containerd
from vpc.ping import answers

CONFLIST = pathlib.Path(__file__).parents[2] / "deploy/cni/10-aws.conflist"
AT_ONCE, PODS = 16, 100
PATIENCE_S, RETRY_S = patient(120), 0.1
INTERNET_HOST = "198.51.100.10"


def shipped_conflist(node):
    conflist = json.loads(CONFLIST.read_text())
    conflist["plugins"][0]["socket"] = str(node.socket)
    return conflist


@pytest.fixture
def make_runtime(tmp_path):
    made = []

    def make(node):
        made.append(Containerd(node, tmp_path / f"{node.name}-runtime", shipped_conflist(node)))
        return made[-1]

    yield make
    for runtime in made:
        runtime.close()


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, items))


def settled(node):
    """Nothing is on its way, and EC2 and the database agree."""
    node.quiet()
    node.check_database()
    return True


def nothing_left(node, runtime):
    assert runtime.pods() == [] and node.leases() == []
    assert node.pod_links() == {} and node.pod_routes() == []
    return True


def serve_once(port):
    """In the namespace of the calling thread: says to the first who comes which source it saw."""
    with socket.create_server(("0.0.0.0", port)) as server:
        server.settimeout(patient(30))
        connection, peer = server.accept()
        with connection:
            connection.sendall(peer[0].encode())


def ask(address, port):
    with socket.create_connection((address, port), timeout=patient(60)) as connection:
        return connection.makefile().read()


def test_a_pod(vpc, node, make_runtime):
    """The lease knows the pod; its hostPort answers the internet; DEL may come as often as it likes."""
    runtime = make_runtime(node)
    assert runtime.network_ready()
    pod = runtime.run_pod("web", ports=[{"container_port": 80, "host_port": 8080}])
    (lease,) = node.leases()
    assert (lease["pod_namespace"], lease["pod_name"], lease["pod_uid"], lease["container_id"]) == ("default", "web", "uid-web", pod)
    assert runtime.address(pod) == lease["address"]
    vpc.ctl("internet-address", address=INTERNET_HOST)
    with netns.threads(runtime.netns(pod)) as inside:
        served = inside.submit(serve_once, 80)
        seen = wait_until(lambda: netns.call_in(vpc.internet, ask, node.public_address, 8080), 20, why="hostPort from the internet")
        served.result()
    assert seen, "the internet was answered"
    for _ in range(3):  # the second and third DEL come without a namespace and without prevResult
        runtime.stop_pod(pod)
    runtime.remove_pod(pod)
    nothing_left(node, runtime)


def as_kubelet(what):
    """what(attempt) until the runtime, which may be starting anew, does it."""
    end = time.monotonic() + PATIENCE_S
    for attempt in itertools.count():
        try:
            return what(attempt)
        except grpc.RpcError:
            if time.monotonic() > end:
                raise
            time.sleep(RETRY_S)


@pytest.mark.node(instance_type="m5.4xlarge", env={"WARM_IP_TARGET": "10", "IP_COOLDOWN_PERIOD": "1"})
def test_100_pods_16_at_a_time(node, make_runtime):
    """containerd is killed in the middle of both, the making and the removing; a kubelet tries again, and all is well."""
    runtime = make_runtime(node)
    made = threading.Event()

    def run(number):
        """A sandbox that failed is removed and another one made."""
        pod = as_kubelet(lambda attempt: runtime.run_pod(f"p{number}", attempt=attempt))
        if number == PODS // 2:
            made.set()
        return pod

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(run, number) for number in range(PODS)]
        assert made.wait(PATIENCE_S)
        runtime.kill9()
        runtime.start()
        pods = {future.result() for future in futures}
    for pod in set(runtime.pods()) - pods:  # those whose making was cut off; the kubelet removes what it does not know
        as_kubelet(lambda _, pod=pod: runtime.delete_pod(pod))
    addresses = {pod: runtime.address(pod) for pod in pods}
    assert len(set(addresses.values())) == PODS
    wait_until(lambda: len(node.leases()) == PODS, 60, why="a plugin that outlives its containerd, and its sandbox, is noticed")
    node.check_kernel()
    wait_until(lambda: settled(node), 30)
    spaces = {pod: runtime.netns(pod) for pod in pods}
    with echo.serving(*spaces.values()):
        in_parallel(lambda pod: echo.assert_source(spaces[pod], set(addresses.values()) - {addresses[pod]}, addresses[pod]), pods)

    removed = threading.Semaphore(0)

    def remove(pod):
        as_kubelet(lambda _: runtime.delete_pod(pod))
        removed.release()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(remove, pod) for pod in pods]
        for _ in range(PODS // 3):
            assert removed.acquire(timeout=PATIENCE_S)
        runtime.kill9()
        runtime.start()
        for future in futures:
            future.result()
    wait_until(lambda: nothing_left(node, runtime), 60, why="nothing is left")
    wait_until(lambda: node.pool()["leased"] == 0, 60)


@pytest.mark.node(env={"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3", "IP_COOLDOWN_PERIOD": "1"})
def test_a_deadline_that_kills_the_plugin(vpc, node, make_runtime):
    """The pool is empty and EC2 refuses: the runtime loses patience and kills the plugin in its wait. Nothing is lost or left."""
    runtime = make_runtime(node)
    node.wait_quiet(free=3)
    vpc.ctl("set-faults", rules=[{"action": "*", "effect": "error", "code": "Unavailable", "status": 503}])
    pods = [runtime.run_pod(f"p{i}") for i in range(3)]
    with pytest.raises(grpc.RpcError) as error:
        runtime.run_pod("late", deadline_s=3)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: len(runtime.pods()) == 3, 30, why="the runtime gave the sandbox up")
    wait_until(lambda: node.pool()["waiting"] == 0, 30, why="nobody waits any more")
    assert {lease["container_id"] for lease in node.leases()} == set(pods)
    vpc.ctl("set-faults", rules=[])
    late = runtime.run_pod("late", attempt=1)
    for pod in [*pods, late]:
        runtime.delete_pod(pod)
    wait_until(lambda: nothing_left(node, runtime), 30, why="nothing is left")


@pytest.mark.node(env={"VPCWIRE_ORPHAN_GRACE_PERIOD": "1"})
def test_the_daemon_is_down(node, make_runtime):
    """A pod cannot be made, and the reason names the daemon; one that runs can be removed, and its address is not lost."""
    runtime = make_runtime(node)
    pod = runtime.run_pod("web")
    node.stop()
    with pytest.raises(grpc.RpcError) as error:
        runtime.run_pod("late")
    assert "ipamd" in error.value.details(), error.value.details()
    runtime.delete_pod(pod)
    node.start()
    wait_until(lambda: nothing_left(node, runtime), 30, why="the daemon notices")
    runtime.delete_pod(runtime.run_pod("late", attempt=1))


def test_ctr_run(node, make_runtime):
    """`ctr run --cni`: no pod's name, no CNI_ARGS; DEL comes when the container has ended."""
    runtime = make_runtime(node)
    options = ["--rm", "--cni", "--snapshotter", "native", "--cgroup", f"{runtime.cgroup}/solo"]
    running = node.start_thread(runtime.ctr, "run", *options, PAUSE_IMAGE, "solo", "/bin/sleep", "1000000")
    (lease,) = wait_until(node.leases, 30, why="the container has an address")
    assert "pod_name" not in lease and lease["container_id"].endswith("solo")
    assert answers(node, lease["address"])
    wait_until(lambda: "RUNNING" in runtime.ctr("tasks", "ls").stdout, 30, why="it runs: it has its address before it is started")
    wait_until(lambda: runtime.ctr("tasks", "kill", "--signal", "KILL", "solo"), 30, why="it is killed")
    assert "exit code 137" in str(running.exception()), "ended by the signal"
    nothing_left(node, runtime)
