# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a simulated VPC of which nothing is left at the end, and figures as text or JSON.

Importing it makes the integration tests' `vpc` package usable, with the release build.
"""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/integration"))
os.environ.setdefault("VPCWIRE_BUILD", str(TOP / "build/release"))

from vpc import Node, Simulator  # noqa: E402
from vpc.process import BUILD  # noqa: E402
from vpc.simulator import SUBNET_A, default_world  # noqa: E402


class World:
    """A running vpcsim and the nodes that were made in it."""

    def __init__(self, folder, world):
        self.folder, self.nodes = folder, []
        self.simulator = Simulator(world, folder / "vpc")

    def node(self, name, **options):
        node = Node(self.simulator, name, self.folder / name, **{"subnet": SUBNET_A, "public": True, **options})
        self.nodes.append(node)
        return node

    def drop(self, node):
        """Its daemon and its pods; what EC2 has of it stays until the end."""
        node.stop()
        node.close()
        self.nodes.remove(node)

    def finish(self):
        """The world must have held: no sanitizer's report, no wrong packet, no broken rule, nothing left."""
        for stopping in [node.start_thread(node.stop) for node in self.nodes]:
            stopping.result()
        for node in list(self.nodes):
            self.drop(node)
        self.simulator.check()
        self.simulator.stop()

    def destroy(self):
        for node in self.nodes:
            if node.proc and node.proc.alive():
                node.proc.kill()
            node.close()
        self.simulator.destroy()


@contextlib.contextmanager
def world(**changes):
    """default_world(**changes). Ctrl-C, SIGTERM and an error end it as well, and nothing interrupts its end."""
    with tempfile.TemporaryDirectory(prefix="vpcwire-bench-") as name:
        made = World(pathlib.Path(name), default_world(**changes))
        try:
            yield made
            made.finish()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            signal.alarm(0)
            made.destroy()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _end)


def _end(number, _frame):
    sys.exit("not done in time" if number == signal.SIGALRM else 128 + number)


class Figures:
    """What was measured. Text is printed as it comes, JSON at the end."""

    def __init__(self, as_json):
        self.as_json, self.figures = as_json, []

    def title(self, text):
        if not self.as_json:
            print(f"\n{text}", flush=True)

    def add(self, name, value, unit="", goal=None, how=None, **more):
        """goal: (lowest, highest) that is as it should be; how: how it was got; more: what the value is made of."""
        figure = {"name": name, "value": value, "unit": unit, **more}
        if goal:
            figure |= {"goal": list(goal), "met": goal[0] <= value <= goal[1]}
        if how:
            figure["how"] = how
        self.figures.append(figure)
        if not self.as_json:
            print(f"  {name}: {_text(value)}{' ' + unit if unit else ''}{_verdict(figure)}")
            for note in (*map(_text, more.values()), *([how] if how else [])):
                print(f"      {note}")
            sys.stdout.flush()

    def finish(self):
        if self.as_json:
            print(json.dumps(self.figures, indent=1))


def _text(value):
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list):
        return " ".join(_text(each) for each in value)
    return str(value)


def _verdict(figure):
    if "goal" not in figure:
        return ""
    low, high = figure["goal"]
    span = f"{high}" if low == high else f"{low} to {high}" if low else f"at most {high}"
    return f"  (goal: {span}{'' if figure['met'] else '; MISSED'})"


def main(measure, description, deadline_s, arguments=lambda parser: None):
    """Runs measure(options, figures): as root, with what it needs built, and not longer than the deadline."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON list of figures instead of text")
    arguments(parser)
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("root is needed to make network namespaces")
    if not (BUILD / "bin/ipamd").exists():
        sys.exit(f"not built in {BUILD}: cmake --preset release && cmake --build --preset release")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _end)
    signal.alarm(deadline_s)
    figures = Figures(options.json)
    measure(options, figures)
    figures.finish()
