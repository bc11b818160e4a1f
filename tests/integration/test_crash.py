# SPDX-License-Identifier: Apache-2.0
"""The daemon, or the plugin, is killed at bad moments: no address twice, nothing leaked, running pods notice nothing."""
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import time

import pytest

from vpc import echo, netns, patient, wait_until
from vpc.pod import environment
from vpc.process import SANITIZER_OPTIONS


@pytest.fixture
def rng():
    seed = int(os.environ.get("VPCWIRE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"VPCWIRE_TEST_SEED={seed}")
    return random.Random(seed)


def settled(node):
    """EC2 and the database agree, and nothing is on its way anywhere."""
    node.quiet()
    node.check_database()
    return True


@pytest.mark.node(instance_type="m5.4xlarge", env={"IP_COOLDOWN_PERIOD": "1"})
def test_kill_in_the_middle_of_40_adds(vpc, node, rng):
    node.wait_quiet(free=29)
    vpc.ctl("set-stuck", attaching=True)  # 29 of 40 can be served at once: the kill is not too late
    pods = [node.pod_netns(f"p{i}") for i in range(40)]
    conf = node.cni_conf(timeoutSeconds=20)
    kill_at = rng.randrange(1, 30)
    futures = [node.start_thread(pod.cni, "ADD", conf=conf) for pod in pods]
    wait_until(lambda: len(node.leases()) >= kill_at, 30, why=f"{kill_at} leases")
    node.kill9()
    vpc.ctl("set-stuck", attaching=False)
    results = [future.result() for future in futures]
    failed = [pod for pod, result in zip(pods, results) if result.rc != 0]
    print(f"killed at {kill_at} leases; {len(failed)} of 40 ADDs failed")
    assert failed, "the kill came after the last ADD: it proves nothing"
    for pod, result in zip(pods, results):
        assert result.code in (None, 11), result
        pod.result = result

    node.start()
    for pod in failed:  # as a runtime does: DEL, and the pod again in a new sandbox
        pod.delete()
    again = node.add_pods(f"{pod.name}-again" for pod in failed)
    running = [pod for pod in pods if pod not in failed] + again
    addresses = [pod.address for pod in running]
    assert len(addresses) == len(set(addresses)) == 40
    assert sorted(addresses) == sorted(lease["address"] for lease in node.leases())
    assert all(lease["state"] == "wired" for lease in node.leases())
    node.check_kernel()
    wait_until(lambda: settled(node), 30)
    with echo.serving(*(pod.netns for pod in running)):
        echo.assert_source(node.netns, addresses, node.address)


@pytest.mark.world(delays={"attach_ms": 150, "detach_ms": 150})
def test_kill_at_random_moments_while_growing(vpc, make_node, rng):
    node = make_node("n1", instance_type="m5.4xlarge", env={"IP_COOLDOWN_PERIOD": "1", "WARM_ENI_TARGET": "1"}, start=False)
    for _ in range(10):
        node.start(wait=False)
        pause_s = rng.uniform(0, 0.6)
        end = time.monotonic() + pause_s
        while time.monotonic() < end:  # load until the random moment
            with contextlib.suppress(AssertionError, OSError, EOFError):
                node.call("Add", network="vpcwire", container_id=f"c{rng.randrange(1 << 30)}", ifname="eth0", timeout_ms=1)
        print(f"kill after {pause_s * 1000:.0f} ms with {len(vpc.enis('n1'))} ENIs in EC2")
        node.kill9()
    node.start()
    wait_until(lambda: settled(node), 60)
    wait_until(lambda: vpc.orphans() == [], 10, why="created, and attached to nobody")  # no look for lost ENIs hides it: those younger than 5 minutes are left alone


@pytest.mark.world(delays={"attach_ms": 50, "detach_ms": 400})
def test_kill_while_shrinking(vpc, make_node, rng):
    env = {"IP_COOLDOWN_PERIOD": "1", "WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "1", "VPCWIRE_SHRINK_DELAY": "2"}
    node = make_node("n1", env=env)
    pods = node.add_pods(f"p{i}" for i in range(6))
    assert len(vpc.enis("n1")) >= 2
    for pod in pods:
        pod.delete()
    wait_until(lambda: node.calls().get("DetachNetworkInterface"), 180, why="an ENI is given back")
    for _ in range(4):
        time.sleep(rng.uniform(0, 0.3))  # the random moment
        node.kill9()
        node.start()
    wait_until(lambda: len(vpc.enis("n1")) == 1 and settled(node), 240, why="one ENI, and quiet")
    wait_until(lambda: vpc.orphans() == [], 10, why="attached to nobody")


def test_daemon_down_while_pods_are_deleted(make_node):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "1"})
    pods = node.add_pods(f"p{i}" for i in range(4))
    node.kill9()
    for pod in pods[:3]:
        started = time.monotonic()
        pod.delete()
        assert time.monotonic() - started < patient(10), "DEL must not hang on a daemon that is not there"
    assert list(node.pod_links()) == [lease_link(pods[3])], "the plugin removed the links itself"
    node.start()
    wait_until(lambda: [lease["address"] for lease in node.leases()] == [pods[3].address], 60, why="leases reclaimed")
    node.check_kernel()
    with echo.serving(pods[3].netns):
        echo.assert_source(node.netns, [pods[3].address], node.address)


def lease_link(pod):
    return next(link["name"] for link in pod.result.json["interfaces"] if not link.get("sandbox"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_before_it_serves(make_node, number):
    """Its configuration comes from a pipe, so that it stands at that point of its start until the signal is there."""
    node = make_node("n1", start=False)
    os.mkfifo(node.conf)
    node.start(wait=False)
    writer = wait_until(lambda: os.open(node.conf, os.O_WRONLY | os.O_NONBLOCK), 60, why="it reads its configuration")
    node.proc.process.send_signal(number)
    os.close(writer)
    assert node.proc.process.wait(patient(120)) == 0
    assert "stopped" in node.proc.text() and node.db.exists()
    node.conf.unlink()
    node.start()


def test_lease_without_a_link_is_reclaimed(make_node):
    """The link went, and no DEL ever came: the runtime forgot the pod."""
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "1"})
    stays, forgotten = node.add_pod("stays"), node.add_pod("forgotten")
    forgotten.remove_netns()
    wait_until(lambda: [lease["container_id"] for lease in node.leases()] == [stays.container_id], 30, why="reclaimed")
    node.check_kernel()


def test_the_prefix_of_links_is_another_after_a_restart(make_node):
    """AWS_VPC_K8S_CNI_VETHPREFIX was changed while pods run: their leases say what their links are called."""
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "1"})
    stays, forgotten = node.add_pod("stays"), node.add_pod("forgotten")
    node.stop()
    forgotten.remove_netns()
    node.env["AWS_VPC_K8S_CNI_VETHPREFIX"] = "vpc"
    node.start()
    wait_until(lambda: forgotten.container_id not in {lease["container_id"] for lease in node.leases()}, 30, why="reclaimed")
    assert [lease["container_id"] for lease in node.leases()] == [stays.container_id]
    fresh = [node.add_pod(name, conf=node.cni_conf(vethPrefix="vpc")) for name in ("new-0", "new-1")]
    with echo.serving(stays.netns, *(pod.netns for pod in fresh)):
        for pod in fresh:
            echo.assert_source(pod.netns, [stays.address], pod.address)
            echo.assert_source(stays.netns, [pod.address], stays.address)
    stays.delete()
    assert stays.address not in {lease["address"] for lease in node.leases()}


@pytest.mark.slow
def test_lease_that_was_never_wired_is_reclaimed(make_node):
    """ADD was answered, and then neither wiring nor DEL came: the plugin was killed, and the runtime with it."""
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "1"})
    stays = node.add_pod("stays")
    node.call("Add", network="vpcwire", container_id="ghost", ifname="eth0", host_ifname="enighost0000")
    assert len(node.leases()) == 2
    wait_until(lambda: [lease["container_id"] for lease in node.leases()] == [stays.container_id], 330, why="reclaimed")


def test_running_pods_notice_nothing(nodes):
    """A TCP connection between pods lives on while both daemons are killed and started again."""
    here, there = (node.add_pod(f"{node.name}-p") for node in nodes)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(netns.call_in(there.netns, _server))
        client = stack.enter_context(netns.call_in(here.netns, _connect, there.address, server.getsockname()[1]))
        peer = stack.enter_context(server.accept()[0])
        for step in ("down", "up"):
            for node in nodes:
                node.kill9() if step == "down" else node.start()
            client.sendall(step.encode())
            assert peer.recv(16) == step.encode()
    for node, pod in zip(nodes, (here, there)):
        assert [lease["address"] for lease in node.leases()] == [pod.address]
        node.check_kernel()


def _server():
    return socket.create_server(("0.0.0.0", 0))


def _connect(address, port):
    return socket.create_connection((address, port), timeout=patient(60))


def test_plugin_killed_in_the_middle_of_add(make_node, rng):
    node = make_node("n1", env={"IP_COOLDOWN_PERIOD": "0"})
    usual_s = min(timed(lambda: node.add_pod(f"first{i}").delete()) for i in range(3))
    finished = 0
    for i in range(25):
        pod = node.pod_netns(f"p{i}")
        process = node.inside.call(_start_add, node, pod)
        started = time.monotonic()
        try:
            process.wait(rng.uniform(0, usual_s))
            usual_s = min(usual_s, time.monotonic() - started)  # the machine may have been slow when it was measured
            finished += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()
        pod.delete()
    print(f"{finished} of 25 ADDs were done before their kill")
    assert finished < 25
    assert node.leases() == []
    node.check_kernel()


def timed(function):
    started = time.monotonic()
    function()
    return time.monotonic() - started


def _start_add(node, pod):
    process = subprocess.Popen(
        [str(node.build / "bin/vpcwire")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **SANITIZER_OPTIONS, **environment("ADD", pod.container_id, pod.path, args=pod.args)},
    )
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(node.cni_conf()).encode())
        process.stdin.close()
    return process
