# SPDX-License-Identifier: Apache-2.0
"""From the first command to cause and remedy on the screen: sudo build/venv/bin/python tests/bench/nights.py [--json] [--show]

The nights of tests/integration/nights.py, each in a world of its own, with the one command that is typed then. Printed: how
long it takes, how many lines it is, the first of them. What the lines must say is test_nights.py's. No test.
"""
import time

import bench

GOAL_S = 1.0
FIRST_LINE_COLUMNS = 110


def run(night):
    """What the command printed, standard error first as on a terminal, and its seconds."""
    from nights import Host  # which needs the tests' packages

    with bench.world(**night.world) as world:
        node = world.node("n1", instance_type="t3.small", hop_limit=2, subnet=night.subnet, env=night.env).start()
        host = Host(world.simulator, node, world.folder / "host")
        with night.begin(host) as how:
            started = time.monotonic()
            done = host.type(night.command, **how)
            return done.stderr + done.stdout, time.monotonic() - started


def measure(options, figures):
    from nights import NIGHTS

    figures.title("Commands and seconds until cause and remedy are on the screen")
    for night in NIGHTS:
        text, seconds = run(night)
        lines = text.splitlines()
        figures.add(f"{night.name}: ipamctl {night.command}", seconds, "s", goal=(0, GOAL_S), how=f"{len(lines)} lines: {lines[0][:FIRST_LINE_COLUMNS]}")
        if options.show and not options.json:
            print("\n".join(f"      | {line}" for line in lines))


def arguments(parser):
    parser.add_argument("--show", action="store_true", help="print the whole screen of each")


if __name__ == "__main__":
    bench.main(measure, __doc__, 900, arguments)
