# SPDX-License-Identifier: Apache-2.0
"""EC2 calls that ipamd makes, counted by vpcsim: sudo build/venv/bin/python tests/bench/calls.py [--json] [--steady SECONDS]

A start with and without a database, one more ENI, more addresses, one ENI fewer, and an hour in which nothing changes. Attaching
and detaching take as long as in EC2. No test: the goals beside the figures are what the daemon is meant to need.
"""
import signal
import time

import bench
from vpc import wait_until

ATTACH_MS, DETACH_MS = 1500, 3000
DEADLINE_S = 30  # of one step
GIVE_BACK_S = 150  # a surplus must last a minute, and an ENI be a minute old, before one goes
AFTER_START_S = 15  # the resync after a start comes within 10 s
HOUR_S = 3600
RESYNC_PERIOD_S = {"default": 1800, "shortest": 10}
SWEEPS_PER_HOUR = 1
COOLDOWN = {"IP_COOLDOWN_PERIOD": "1"}


def pause(seconds):
    """The observation itself: nothing is waited for."""
    time.sleep(seconds)


class Counter:
    """The calls of one node since the last question."""

    def __init__(self, world, node):
        self.world, self.node = world, node
        world.simulator.calls_reset()

    def take(self):
        calls = self.node.calls()
        self.world.simulator.calls_reset()
        return calls


def start_from_nothing(world, figures):
    node = world.node("n1", instance_type="m5.large", env=COOLDOWN)
    counter = Counter(world, node)
    node.start()
    node.wait_quiet(DEADLINE_S, free=9)
    pause(AFTER_START_S)
    calls = counter.take()
    figures.add("start from nothing to warm", sum(calls.values()), goal=(0, 6), calls=calls,
                how="m5.large, default settings, to 9 free addresses and 15 s beyond")
    return node, counter


def grow_by_an_eni(node, counter, figures):
    pod = node.add_pod("first")
    node.wait_quiet(DEADLINE_S, free=17)
    calls = counter.take()
    figures.add("one more ENI", sum(calls.values()), goal=(3, 3), calls=calls, how="a pod takes the 9th address")
    return pod


def start_with_database(node, counter, figures):
    node.stop()
    counter.take()
    node.start()
    pod = node.add_pod("after-start")
    before = counter.take()
    figures.add("start with a database, until a pod is served", sum(before.values()), goal=(0, 0), calls=before)
    pause(AFTER_START_S)
    after = counter.take()
    figures.add("start with a database, afterwards", sum(after.values()), goal=(1, 1), calls=after, how="in the first 15 s")
    pod.delete()


def shrink_by_an_eni(node, counter, pod, figures):
    pod.delete()
    wait_until(lambda: len(node.enis()) == 1 and node.quiet(), GIVE_BACK_S, why="an ENI goes back")
    calls = counter.take()
    figures.add("one ENI fewer", sum(calls.values()), goal=(2, 3), calls=calls, how="the only pod goes")


def more_addresses(world, figures):
    node = world.node("n2", instance_type="m5.large", env={"WARM_IP_TARGET": "2"}).start()
    node.wait_quiet(DEADLINE_S, free=2)
    wait_until(lambda: node.calls().get("CreateTags"), DEADLINE_S, why="the primary ENI's tag is the last call of a start")
    counter = Counter(world, node)
    node.conf.write_text("WARM_IP_TARGET=7\n")
    node.proc.process.send_signal(signal.SIGHUP)
    node.wait_quiet(DEADLINE_S, free=7)
    calls = counter.take()
    figures.add("5 more addresses", sum(calls.values()), goal=(1, 1), calls=calls, how="WARM_IP_TARGET from 2 to 7")
    world.drop(node)


def steady_hour(world, figures, seconds):
    """Pods come and go within what the pool has."""
    whole = seconds >= HOUR_S
    period_s = RESYNC_PERIOD_S["default" if whole else "shortest"]
    env = {**COOLDOWN, **({} if whole else {"VPCWIRE_RESYNC_PERIOD": str(period_s)})}
    node = world.node("n3", instance_type="m5.large", env=env).start()
    node.add_pod("stays")
    node.wait_quiet(DEADLINE_S, free=17)
    pause(AFTER_START_S)
    counter = Counter(world, node)
    end = time.monotonic() + seconds
    pods = 0
    while time.monotonic() < end:
        node.add_pod(f"p{pods}").delete()
        pods += 1
        pause(1)
    calls = counter.take()
    looks = calls.get("DescribeNetworkInterfaces", 0) + calls.get("DescribeSubnets", 0)
    others = sum(calls.values()) - looks
    note = f"{pods} pods came and went in {seconds} s"
    if whole:
        figures.add("a steady hour", sum(calls.values()), goal=(0, 6), calls=calls, how=note)
    else:
        hour = looks * period_s / seconds * HOUR_S / RESYNC_PERIOD_S["default"] + others * HOUR_S / seconds + SWEEPS_PER_HOUR
        figures.add("a steady hour", hour, goal=(0, 6), calls=calls, how=(
            f"{note} with VPCWIRE_RESYNC_PERIOD={period_s}: {looks} resyncs and counts of free addresses, {others} other calls. Scaled: the first to the default"
            f" period of {RESYNC_PERIOD_S['default']} s, other calls to the hour, and {SWEEPS_PER_HOUR} for the look for lost"
            " ENIs, once an hour, which was not observed. --steady 3600 watches an hour as it is"))
    world.drop(node)


def measure(options, figures):
    with bench.world(delays={"attach_ms": ATTACH_MS, "detach_ms": DETACH_MS}) as world:
        figures.title("EC2 calls")
        node, counter = start_from_nothing(world, figures)
        pod = grow_by_an_eni(node, counter, figures)
        start_with_database(node, counter, figures)
        shrink_by_an_eni(node, counter, pod, figures)
        world.drop(node)
        more_addresses(world, figures)
        steady_hour(world, figures, options.steady)


def arguments(parser):
    parser.add_argument("--steady", type=int, default=60, metavar="SECONDS", help="how long the steady state is watched (60)")


if __name__ == "__main__":
    bench.main(measure, __doc__, 600 + HOUR_S, arguments)
