# SPDX-License-Identifier: Apache-2.0
"""Times and memory of the whole path: sudo build/venv/bin/python tests/bench/figures.py [--json]

CNI ADD and DEL as a runtime sees them (start of the plugin to its end), how long the host network stays broken when somebody
deletes a part of it, and resident memory of ipamd with 58 pods. EC2 calls are calls.py's. Release build. No test.
"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import time

import bench
from vpc import wait_until
from vpc.pod import environment

ROUNDS = 200
HEAL_ROUNDS = 20
HEAL_AIM_MS = 1000
DAMAGE = {
    "the pods' rule deleted": ("ip rule del priority 512", "ip -4 rule show priority 512"),
    "a pod's route deleted": ("ip route del {address} table 512", "ip route show table 512 {address}"),
    "the nftables table deleted": ("nft delete table ip vpcwire", "nft list tables ip"),
    "an ENI's address deleted": ("ip address flush dev eth1", "ip -4 -br address show dev eth1"),
    "forwarding switched off": ("sysctl -w net.ipv4.ip_forward=0", "sysctl net.ipv4.ip_forward"),
    "rp_filter made strict": ("sysctl -w net.ipv4.conf.eth1.rp_filter=1", "sysctl net.ipv4.conf.eth1.rp_filter"),
}
PODS = 58
DEADLINE_S = 300


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
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99) - 1]}


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: int(re.search(rf"^{key}:\s+(\d+)", status, re.M)[1]) / 1024 for key in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}


def measure_times(node, figures):
    adds, deletes = [], []
    for i in range(ROUNDS):
        pod = node.pod_netns(f"b{i}")
        adds.append(node.inside.call(timed_call, node, "ADD", pod))
        deletes.append(node.inside.call(timed_call, node, "DEL", pod))
        pod.remove_netns()
    figures.add("ADD", percentiles(adds), "ms", how=f"{ROUNDS} one after the other")
    figures.add("DEL", percentiles(deletes), "ms", how=f"{ROUNDS} one after the other")
    figures.add("starting /bin/true the same way", spawn_ms(node), "ms")


def output(command):
    return subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout


def heal_ms(damage, look):
    """Runs in the node's namespace."""
    whole = output(look)
    output(damage)
    started = time.perf_counter()
    wait_until(lambda: output(look) == whole, 20, why=look)
    return (time.perf_counter() - started) * 1000


def measure_healing(node, pod, figures):
    for name, commands in DAMAGE.items():
        damage, look = (command.format(address=pod.address) for command in commands)
        times = [node.inside.call(heal_ms, damage, look) for _ in range(HEAL_ROUNDS)]
        figures.add(f"{name}, and as it was again after at most", max(times), "ms", goal=(0, HEAL_AIM_MS))


def measure(_options, figures):
    with bench.world() as world:
        figures.title("Times and memory")
        node = world.node("n1", instance_type="m5.4xlarge", env={"IP_COOLDOWN_PERIOD": "1", "WARM_ENI_TARGET": "2"}).start()
        node.wait_quiet(free=PODS)
        measure_times(node, figures)
        wait_until(lambda: node.pool()["free"] >= PODS, 30)
        for i in range(PODS):
            node.add_pod(f"p{i}")
        measure_healing(node, node.pods[0], figures)
        figures.add(f"ipamd with {PODS} pods", resident_mib(node.proc.pid), "MiB")
        for pod in list(node.pods):
            pod.delete()


if __name__ == "__main__":
    bench.main(measure, __doc__, DEADLINE_S)
