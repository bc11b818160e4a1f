# SPDX-License-Identifier: Apache-2.0
"""The figures that the README and closing notes quote, measured anew: sudo build/venv/bin/python tests/bench/figures.py

Times of CNI ADD and DEL as a runtime sees them (start of the plugin to its end), resident memory of ipamd with 58 pods, and
the EC2 calls that vpcsim counted for a start, for one more ENI and for a minute of steady state. Release build. No test.
"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/integration"))
os.environ.setdefault("VPCWIRE_BUILD", str(TOP / "build/release"))

from vpc import Node, Simulator, wait_until  # noqa: E402
from vpc.pod import environment  # noqa: E402
from vpc.simulator import SUBNET_A, default_world  # noqa: E402

ROUNDS = 200
PODS = 58
STEADY_S = 60


def timed_call(node, command, pod):
    """Milliseconds of one call of the plugin. Runs in the node's namespace."""
    env = {"PATH": os.environ["PATH"], **environment(command, pod.container_id, pod.path, args=pod.args)}
    stdin = json.dumps(node.cni_conf()).encode()
    started = time.perf_counter()
    done = subprocess.run([str(node.build / "bin/vpcwire")], input=stdin, capture_output=True, env=env)
    took_ms = (time.perf_counter() - started) * 1000
    assert done.returncode == 0, done.stdout
    return took_ms


def spawn_ms(node):
    """What starting any program costs here: a part of each figure above."""

    def one():
        started = time.perf_counter()
        subprocess.run(["/bin/true"], input=b"", capture_output=True)
        return (time.perf_counter() - started) * 1000

    return statistics.median(node.inside.call(one) for _ in range(ROUNDS))


def percentiles(values):
    ordered = sorted(values)
    return f"p50 {ordered[len(ordered) // 2]:.2f} ms, p99 {ordered[int(len(ordered) * 0.99) - 1]:.2f} ms"


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: int(re.search(rf"^{key}:\s+(\d+)", status, re.M)[1]) for key in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}


def quiet(node):
    pool = node.pool()
    return all(eni["state"] == "ready" for eni in node.enis()) and pool["preparing"] == pool["waiting"] == 0 and pool


def measure_times(node):
    adds, deletes = [], []
    for i in range(ROUNDS):
        pod = node.pod_netns(f"b{i}")
        adds.append(node.inside.call(timed_call, node, "ADD", pod))
        deletes.append(node.inside.call(timed_call, node, "DEL", pod))
        pod.remove_netns()
    print(f"ADD, {ROUNDS} one after the other: {percentiles(adds)}")
    print(f"DEL, {ROUNDS} one after the other: {percentiles(deletes)}")
    print(f"  (starting /bin/true the same way: {spawn_ms(node):.2f} ms)")


def measure_calls(simulator, folder):
    node = Node(simulator, "calls", folder / "calls", subnet=SUBNET_A, instance_type="t3.small", public=True,
                env={"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3"})
    try:
        simulator.calls_reset()
        node.start()
        wait_until(lambda: quiet(node) and node.pool()["free"] == 3, 30)
        time.sleep(6)  # the first look comes a few seconds after a start: it belongs to the start
        print(f"EC2 calls of a start with an empty database: {node.calls()}")
        simulator.calls_reset()
        for i in range(3):
            node.add_pod(f"c{i}")
        wait_until(lambda: quiet(node) and len(node.enis()) == 2, 30)
        print(f"EC2 calls of +1 ENI: {node.calls()}")
        simulator.calls_reset()
        time.sleep(STEADY_S)
        print(f"EC2 calls of {STEADY_S} s of steady state: {node.calls() or 0}")
        node.stop()
        simulator.calls_reset()
        node.start()
        print(f"EC2 calls of a start with a valid database, until it serves: {node.calls() or 0}")
        node.stop()
    finally:
        node.close()


def main():
    if os.geteuid() != 0:
        sys.exit("root is needed to make network namespaces")
    with tempfile.TemporaryDirectory(prefix="vpcwire-figures-") as name:
        folder = pathlib.Path(name)
        simulator = Simulator(default_world(), folder / "vpc", build=pathlib.Path(os.environ["VPCWIRE_BUILD"]))
        try:
            node = Node(simulator, "n1", folder / "n1", subnet=SUBNET_A, instance_type="m5.4xlarge", public=True,
                        env={"IP_COOLDOWN_PERIOD": "1", "WARM_ENI_TARGET": "2"})
            node.start()
            wait_until(lambda: quiet(node) and node.pool()["free"] >= PODS, 30)
            measure_times(node)
            wait_until(lambda: node.pool()["free"] >= PODS, 30)
            pods = [node.add_pod(f"p{i}") for i in range(PODS)]
            rss = resident_kib(node.proc.pid)
            print(f"ipamd with {PODS} pods: " + ", ".join(f"{key} {value / 1024:.1f} MiB" for key, value in rss.items()))
            for pod in pods:
                pod.delete()
            node.stop()
            node.close()
            measure_calls(simulator, folder)
            print(f"packets with a wrong source: {simulator.wrong_source_packets()}")
            simulator.check()
            simulator.stop()
        finally:
            simulator.destroy()


if __name__ == "__main__":
    main()
