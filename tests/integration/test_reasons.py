# SPDX-License-Identifier: Apache-2.0
"""Why a node gets no more addresses is said as long as it is so: also while EC2 is asked again, and no longer."""
import os
import signal
import time

import pytest

from faults import ASSIGN, error, script
from vpc import patient, wait_until

pytestmark = pytest.mark.node(env={"WARM_ENI_TARGET": "0", "WARM_IP_TARGET": "1", "HTTP_TIMEOUT": "2", "IP_COOLDOWN_PERIOD": "0"})
HANGS = "no complete reply in time"
OVER_S = 10  # after its time; the daemon's own looks are 20 s apart
KEY = {"network": "reasons", "container_id": "c", "ifname": "eth0"}


def seen(vpc):
    return vpc.ctl("faults")["rules"][0]["seen"]


def block(node, vpc, rule):
    """EC2 answers so, and the pool must grow; until the first try has failed."""
    node.wait_quiet(free=1)
    node.wait_start_calls(looks=2)
    script(vpc, rule)
    node.call("Add", **KEY, address_only=True, timeout_ms=1000)
    wait_until(lambda: node.status()["blocked"], 30, why="the first try has failed")


def assert_said_during_tries(node, vpc, n):
    """At every look, until so many more calls were made; and that one is being made now and then."""
    end, until, retrying = time.monotonic() + patient(60), seen(vpc) + n, 0
    while seen(vpc) < until:
        status, screen = node.status(), node.screen("status")
        assert any(HANGS in blocked["reason"] for blocked in status["blocked"]), status
        assert HANGS in screen, screen
        retrying += "retrying now" in screen
        assert time.monotonic() < end, "no more tries"
    assert retrying


def test_while_it_is_tried_again(node, vpc):
    """Where EC2 hangs, most of the time is spent in a try."""
    block(node, vpc, {"action": "*", "effect": "hang"})
    assert_said_during_tries(node, vpc, 3)
    script(vpc)
    wait_until(lambda: not node.status()["blocked"] and node.pool()["free"], 60)


def test_after_a_restart(node, vpc):
    """What was known before it is so until the first try has ended."""
    block(node, vpc, {"action": "*", "effect": "hang"})
    until_ms = max(blocked["until_ms"] for blocked in node.status()["blocked"])
    node.stop()
    wait_until(lambda: time.time() * 1000 > until_ms, 60, why="it is due")
    node.start()
    assert_said_during_tries(node, vpc, 2)
    script(vpc)
    wait_until(lambda: not node.status()["blocked"] and node.pool()["free"], 60)


def test_not_longer_than_it_is_needed(node, vpc):
    """The need goes before the next try, and the daemon looks at something else meanwhile: nothing is tried, and nothing said."""
    block(node, vpc, error(ASSIGN, "InternalError", status=500))
    node.call("Del", **KEY)
    os.kill(node.proc.pid, signal.SIGHUP)

    def latest():
        return max((blocked["until_ms"] for blocked in node.status()["blocked"]), default=0)

    until_ms = 0
    while again_ms := latest():
        until_ms = max(until_ms, again_ms)
        assert time.time() * 1000 < until_ms + OVER_S * 1000, node.status()
