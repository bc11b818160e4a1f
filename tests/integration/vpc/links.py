# SPDX-License-Identifier: Apache-2.0
"""What an administrator does to a node's links."""
from .process import wait_until

DEADLINE_S = 60


def carry(node):
    """Whether all of the node's veths do that are up: one that has just been made, or set up, throws away what it is given until then."""
    return all(link["operstate"] == "UP" for link in node.ip("link", "show", "type", "veth") if "UP" in link["flags"])


def rename(node, link, name):
    """Where it is up and Linux older than 6.2, by way of down: then its routes and neighbours go."""
    done = node.exec("ip", "link", "set", link, "name", name, check=False)
    if done.returncode:
        assert "busy" in done.stderr, done.stderr
        for state in (("down",), ("name", name, "up")):
            node.exec("ip", "link", "set", link, *state)
        wait_until(lambda: carry(node), DEADLINE_S, why=f"{name} carries")
