# SPDX-License-Identifier: Apache-2.0
"""How often the daemon goes through the host's whole network: not for what its own plugin does, nor for what it writes itself."""
import time

import pytest

from faults import DESCRIBE, ENV, NOTHING_HANGS
from vpc import wait_until

ADDS = 5
QUIET_S = 1
WITHOUT_A_WORD_S = 60  # the daemon looks by itself this often


def counted(node):
    """Looks at EC2, whole passes, passes for the pool's addresses alone."""
    passes = "vpcwire_host_network_passes_total"
    return (
        node.metric("vpcwire_ec2_calls_total", action=DESCRIBE, **{"class": "ok"}),
        node.metric(passes, of="all"),
        node.metric(passes, of="pool"),
    )


def settled(node):
    """Quiet, and the resync that follows a call has been: nothing is counted for a second."""
    node.wait_quiet(60)
    last, since = counted(node), time.monotonic()

    def unchanged():
        nonlocal last, since
        if (now := counted(node)) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_S

    wait_until(unchanged, 60, why="nothing is counted any more")
    return last


class Passes:
    """Those since it was made."""

    def __init__(self, node):
        node.wait_start_calls(looks=2)  # the pool's first addresses and the look for lost ENIs have passes of their own
        self.node, self.before, self.since = node, settled(node), time.monotonic()

    def check(self):
        """Not more whole ones than resyncs, and than those that are made each minute. Returns those for the pool alone."""
        after = settled(self.node)
        minutes = 1 + int((time.monotonic() - self.since) / WITHOUT_A_WORD_S)
        assert after[1] - self.before[1] <= after[0] - self.before[0] + minutes, f"{ADDS} ADDs: {self.before} became {after}"
        return after[2] - self.before[2]


def one_by_one(node):
    for i in range(ADDS):
        node.add_pod(f"p{i}")
        node.wait_quiet(60)


def all_at_once(node):
    node.add_pods(f"p{i}" for i in range(ADDS))


@pytest.mark.parametrize("add", [one_by_one, all_at_once])
def test_adds_that_each_draw_an_address(make_node, add):
    """Of EC2, for the pool: a pass for the pool brings it, and there is one whole pass after each resync, and the minute's."""
    node = make_node("n1", instance_type="m5.large", env={**ENV, **NOTHING_HANGS, "VPCWIRE_RESYNC_PERIOD": "600"})
    passes = Passes(node)
    add(node)
    assert passes.check() > 0
    node.check_kernel()


def test_adds_from_the_pool(make_node):
    node = make_node("n1", instance_type="m5.large", env={"WARM_ENI_TARGET": "1", "MAX_ENI": "1", "VPCWIRE_RESYNC_PERIOD": "600"})
    passes = Passes(node)
    one_by_one(node)
    assert passes.check() == 0


def test_what_no_lease_lets_expect(make_node):
    """As a plugin would make it that comes late: a route for an address that is nobody's. It takes a pass, at once, to see that."""
    node = make_node("n1", instance_type="m5.large", env={"WARM_ENI_TARGET": "1", "MAX_ENI": "1", "VPCWIRE_RESYNC_PERIOD": "600"})
    pod = node.add_pod("p0")
    _, whole, _ = settled(node)
    node.exec("ip", "rule", "del", "priority", "512")  # brings a whole pass: the minute begins anew
    wait_until(lambda: counted(node)[1] > whole, why="the rule is missed")
    began, (_, whole, _) = time.monotonic(), settled(node)
    free = [block for eni in node.call("Network")["enis"] for block in eni["addresses"] if pod.address not in block]
    link = node.ip("route", "show", "table", "512")[0]["dev"]
    node.exec("ip", "route", "add", free[0], "dev", link, "table", "512", "proto", "118", "scope", "link")
    wait_until(lambda: counted(node)[1] > whole, WITHOUT_A_WORD_S, why="a pass")
    assert time.monotonic() - began < WITHOUT_A_WORD_S - QUIET_S, "it was the minute's"
