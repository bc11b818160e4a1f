# SPDX-License-Identifier: Apache-2.0
"""How often the daemon goes through the host's whole network: not for what its own plugin does, nor for what it writes itself."""
import pytest

from faults import DESCRIBE, ENV, NOTHING_HANGS
from vpc import wait_until

ADDS = 5


def counted(node):
    """Looks at EC2, whole passes, passes for the pool's addresses alone."""
    passes = "vpcwire_host_network_passes_total"
    return (
        node.metric("vpcwire_ec2_calls_total", action=DESCRIBE, **{"class": "none"}),
        node.metric(passes, of="all"),
        node.metric(passes, of="pool"),
    )


def settled(node):
    """Quiet, and the look at EC2 that follows a call has been."""
    node.wait_quiet(60)
    last = None
    while (now := counted(node)) != last:
        last = now
        wait_until(lambda: node.exec("sleep", "1"), 10)
    return now


def one_by_one(node):
    for i in range(ADDS):
        node.add_pod(f"p{i}")
        node.wait_quiet(60)


def all_at_once(node):
    node.add_pods(f"p{i}" for i in range(ADDS))


@pytest.mark.parametrize("add", [one_by_one, all_at_once])
def test_adds_that_each_draw_an_address(make_node, add):
    """Of EC2, for the pool: a pass for the pool brings it, and there is one whole pass after each look at EC2, and the minute's."""
    node = make_node("n1", instance_type="m5.large", env={**ENV, **NOTHING_HANGS, "VPCWIRE_LOOK_PERIOD": "600"})
    looks, whole, pool = settled(node)
    add(node)
    later = settled(node)
    assert later[1] - whole <= later[0] - looks + 1, f"{ADDS} ADDs: {(looks, whole, pool)} became {later}"
    assert later[2] > pool
    node.check_kernel()


def test_adds_from_the_pool(make_node):
    node = make_node("n1", instance_type="m5.large", env={"WARM_ENI_TARGET": "1", "MAX_ENI": "1", "VPCWIRE_LOOK_PERIOD": "600"})
    looks, whole, pool = settled(node)
    one_by_one(node)
    later = settled(node)
    assert later[1] - whole <= later[0] - looks + 1 and later[2] == pool, f"{ADDS} ADDs: {(looks, whole, pool)} became {later}"
