# SPDX-License-Identifier: Apache-2.0
"""A fleet of ipamd that starts in the same second against one account: sudo build/venv/bin/python tests/bench/fleet.py [--json]

Each is a real daemon on a node of its own, all calls meet one token bucket of vpcsim. Printed: when each has its first free
address and when its pool is at target, what was refused, and what no client can beat: the burst at once, the rest at the
account's rate. Then the same without the bucket, which shows how much of it is this machine. No test.

Times of the nodes are from the start of the first process on; how long EC2 was busy with them is from its first call on.
"""
import statistics
import time

import bench
from vpc import rpc
from vpc.simulator import SUBNET_A

SUBNETS = [{"id": SUBNET_A, "cidr": "10.0.0.0/18", "zone": "us-east-1a"}]
INSTANCE_TYPE, PER_ENI = "m5.large", 9
SWEEP_S = 0.2  # each daemon is asked so often; how exact the times are
READS = "Describe"
LATE = 10  # times the floor: then it is given up
PER_LINE = 16
# Name -> what the nodes are reported, and ENIs' worth of addresses that they are to have.
KINDS = {
    "default settings": ({}, 1),
    "one more ENI each": ({"WARM_ENI_TARGET": "2"}, 2),
}


class Watched:
    """One daemon, and when it was seen to have what."""

    def __init__(self, node, target):
        self.node, self.target = node, target
        self.connection = self.first_s = self.warm_s = None

    def look(self, started):
        try:
            self.connection = self.connection or rpc.Connection(self.node.socket, timeout=10)
            status = self.connection.call("Status")
        except (OSError, EOFError):  # not there yet
            self.connection = None
            return
        now_s = time.monotonic() - started
        free = status["pool"]["free"] if status["ready"] else 0
        if free and self.first_s is None:
            self.first_s = now_s
        if free >= self.target and self.warm_s is None:
            self.warm_s = now_s
            self.connection.socket.close()


def watch(watched, started, give_up_s):
    """Until all are warm, or it is too late."""
    while time.monotonic() - started < give_up_s:
        sweep = time.monotonic()
        left = [each for each in watched if each.warm_s is None]
        if not left:
            return
        for each in left:
            each.look(started)
        time.sleep(max(0, SWEEP_S - (time.monotonic() - sweep)))


def floor_s(calls, options):
    return max(0.0, (calls - options.burst) / options.rate)


def seen_by_ec2(simulator):
    """From the first call to the last one that made something: what it answered, what it refused, how long that took."""
    log = simulator.ctl("calls")["log"]
    end_ms = max(call["at_ms"] for call in log if not call["code"] and not call["action"].startswith(READS))
    log = [call for call in log if call["at_ms"] <= end_ms]
    refused = sum(1 for call in log if call["code"] == "RequestLimitExceeded")
    return {"calls": len(log) - refused, "refused": refused, "busy": (end_ms - log[0]["at_ms"]) / 1000}


def run(options, env, enis, throttled):
    """Starts the fleet in a world of its own; what was seen."""
    world_keys = {"throttle": {"account": {"rate": options.rate, "burst": options.burst}}} if throttled else {}
    with bench.world(subnets=SUBNETS, **world_keys) as world:
        nodes = [world.node(f"n{i}", instance_type=INSTANCE_TYPE, env=env) for i in range(options.nodes)]
        watched = [Watched(node, enis * PER_ENI) for node in nodes]
        give_up_s = 30 + LATE * floor_s(6 * options.nodes, options)
        started = time.monotonic()
        for node in nodes:
            node.start(wait=False)
        spawned_s = time.monotonic() - started
        watch(watched, started, give_up_s)
        return {
            **seen_by_ec2(world.simulator),
            "late": sum(1 for each in watched if each.warm_s is None),
            "first": sorted(each.first_s or give_up_s for each in watched),
            "warm": sorted(each.warm_s or give_up_s for each in watched),
            "spawned": spawned_s,
        }


def spread(times):
    return {"first": times[0], "median": statistics.median(times), "last": times[-1]}


def report(figures, options, name, enis_run):
    seen, free_run = enis_run
    floor = floor_s(seen["calls"], options)
    figures.add(f"{name}: given up on", seen["late"] + free_run["late"], "nodes", goal=(0, 0))
    for key, what in (("first", "first address free"), ("warm", "pool at target")):
        rows = {f"nodes {i + 1}-{i + len(seen[key][i:i + PER_LINE])}": seen[key][i:i + PER_LINE]
                for i in range(0, options.nodes, PER_LINE)}
        figures.add(f"{name}: {what}", spread(seen[key]), "s", each=rows)
    figures.add(f"{name}: calls", {"answered": seen["calls"], "refused": seen["refused"]}, how="until all were at target")
    figures.add(f"{name}: floor", floor, "s", how=f"({seen['calls']} calls - burst {options.burst}) / {options.rate:g} per second")
    if floor:
        figures.add(f"{name}: time of all calls / floor", seen["busy"] / floor, goal=(0, 1.2), how=f"{seen['busy']:.2f} s")
    start_s = statistics.median(free_run["warm"])
    queue = (floor + start_s) / (floor_s(seen["calls"] / 2, options) + start_s)
    figures.add(f"{name}: slowest / median", seen["warm"][-1] / statistics.median(seen["warm"]), goal=(0, 2),
                how=f"served one after the other in a perfect queue: {queue:.2f}")
    figures.add(f"{name}: without the throttle, pool at target", spread(free_run["warm"]), "s",
                how=f"of it {free_run['spawned']:.2f} s to start {options.nodes} processes one by one")


def measure(options, figures):
    figures.title(f"{options.nodes} daemons in the same second, {options.rate} calls/s and a burst of {options.burst} for all of them")
    for name, (env, enis) in KINDS.items():
        report(figures, options, name, [run(options, env, enis, throttled) for throttled in (True, False)])


def arguments(parser):
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--rate", type=float, default=20, help="calls per second of the account (20)")
    parser.add_argument("--burst", type=int, default=40, help="calls that the account's bucket holds (40)")


if __name__ == "__main__":
    bench.main(measure, __doc__, 900, arguments)
