# SPDX-License-Identifier: Apache-2.0
"""Who answers to ping, asked by a node or a pod."""
from .process import wait_until

DEADLINE_S = 60


def ping(asker, address, source=None):
    """One packet: whether its answer came within a second."""
    options = ["-I", source] if source else []
    return asker.exec("ping", "-n", "-c", "1", "-W", "1", *options, address, check=False).returncode == 0


def answers(asker, address, source=None):
    """Waits until it does: true. Silence and errors of the network may come first, and end `ping -w`: a new link may lose a packet,
    and a new IPv6 address, with nodad and on lo, too, is nobody's until the kernel has come to it."""
    return wait_until(lambda: ping(asker, address, source), DEADLINE_S, why=f"{address} answers")
