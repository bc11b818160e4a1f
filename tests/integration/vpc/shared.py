# SPDX-License-Identifier: Apache-2.0
"""A world for many tests: what the fixtures of conftest.py give one test, with the same proof at its end."""
import contextlib

from .node import Node
from .simulator import SUBNET_A, Simulator, default_world


class World:
    """A simulator and the nodes in it."""

    def __init__(self, folder, **changes):
        self.folder = folder
        self.simulator = Simulator(default_world(**changes), folder / "vpc")
        self.nodes = []

    def node(self, name, start=True, **options):
        options = {"instance_type": "t3.small", "subnet": SUBNET_A, "public": True, **options}
        node = Node(self.simulator, name, self.folder / name, **options)
        self.nodes.append(node)
        return node.start() if start else node

    def namespace(self, name):
        return self.simulator.namespace(name)

    def end(self):
        for node in self.nodes:
            node.stop()
            node.close()
        self.simulator.check()
        self.simulator.stop()

    def destroy(self):
        for node in self.nodes:
            with contextlib.suppress(AssertionError):
                node.stop()
            node.close()
        self.simulator.destroy()


@contextlib.contextmanager
def world(folder, **changes):
    """For module-scoped fixtures. The tests of such a module belong to one xdist_group."""
    made = World(folder, **changes)
    try:
        yield made
        made.end()
    finally:
        made.destroy()
