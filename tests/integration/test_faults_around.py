# SPDX-License-Identifier: Apache-2.0
"""Faults around the daemon: other people's hands in EC2, clocks, certificates, pages, and a metadata service that is off.

The numbers are those of the table in tests/README.md.
"""
import pytest

from faults import (
    ASSIGN,
    ATTACH,
    CREATE,
    DELETE,
    DESCRIBE,
    ENV,
    NOTHING_HANGS,
    RECOVERY_S,
    USER,
    add_from_pool,
    by_hand,  # noqa: F401 -- a fixture
    effect,
    error,
    hits,
    long_conf,
    script,
    wait_settled,
    warm_node,
)
from vpc import wait_until


def lines(node, text):
    return [line for line in node.log.read_text(errors="replace").splitlines() if text in line]


@pytest.mark.world(users=[USER])
def test_8_taken_by_somebody_else(vpc, make_node, by_hand):  # noqa: F811
    """The new ENI is attached elsewhere before we attach it: it is theirs now, and another one is made."""
    node = warm_node(make_node, **NOTHING_HANGS)
    other = vpc.add_node("other")
    script(vpc, error(ATTACH, "Unavailable", 503, node="n1"))
    add_from_pool(node, "p0", "p1", "p2")
    late = node.start_thread(node.add_pod, "late", conf=long_conf(node))
    (taken,) = wait_until(vpc.orphans, 30, why="an ENI that cannot be attached")
    by_hand.attach_network_interface(NetworkInterfaceId=taken["id"], InstanceId=other["instance_id"], DeviceIndex=1)
    script(vpc)
    late.result()
    wait_settled(vpc, node, 2)
    assert taken["id"] in [eni["id"] for eni in vpc.enis("other")]
    assert DELETE not in vpc.calls() and vpc.calls()[CREATE] == 2, vpc.calls()


@pytest.mark.world(delays={"clock_ahead_s": 3600})
def test_16_clocks_differ(vpc, make_node):
    """AWS's time is learned from its refusal, told once, and followed when it jumps again."""
    node = warm_node(make_node)
    vpc.ctl("set-delays", clock_ahead_s=3 * 3600)
    pods = node.add_pods(f"p{i}" for i in range(5))
    wait_settled(vpc, node, 2)
    assert len(lines(node, "using AWS's time for signing")) == 1, lines(node, "clock")
    vpc.ctl("set-delays", clock_ahead_s=0)
    for pod in pods:
        pod.delete()
    node.add_pods(f"q{i}" for i in range(8))
    wait_settled(vpc, node, 3)
    wait_until(lambda: len(lines(node, "clock agrees with AWS's again")) == 1, 30, why="told that it is over")


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param("expired", marks=pytest.mark.tls(certificate="expired")),
        pytest.param("does not match|no alternative", marks=pytest.mark.tls(certificate="other-host")),
    ],
    ids=["expired", "other-host"],
)
def test_23_certificates(vpc, make_node, problem):
    """The authority is trusted, the certificate is not good: nothing is sent, and the reason is reported."""
    node = make_node("n1", env={**ENV, "AWS_CA_BUNDLE": vpc.ready["ca"]}, start=False)
    assert node.env["AWS_EC2_ENDPOINT"].startswith("https://")
    node.start(wait=False)

    def told():
        reasons = " ".join(item["reason"] for item in node.status()["blocked"])
        return any(word in reasons for word in problem.split("|"))

    wait_until(told, 30, why=f"a blocked action that says '{problem}'")
    assert not node.status()["ready"] and vpc.calls() == {}


@pytest.mark.tls
def test_23_a_good_certificate(vpc, make_node):
    """The same with a good one: what the tests above refuse is the certificate."""
    node = warm_node(make_node, AWS_CA_BUNDLE=vpc.ready["ca"])
    assert node.env["AWS_EC2_ENDPOINT"].startswith("https://")
    add_from_pool(node, "p0", "p1", "p2")


@pytest.mark.slow
def test_24_second_page_fails(vpc, make_node):
    """Half a list is no list: what stands on the page that does not come is not taken for absent."""
    node = warm_node(make_node)
    pods = node.add_pods(f"p{i}" for i in range(5))
    wait_settled(vpc, node, 2)
    vpc.ctl("set-delays", page_items=1)
    before = {eni["eni_id"] for eni in node.enis()}

    def refused(times):
        assert {eni["eni_id"] for eni in node.enis()} == before and node.pool()["lost"] == 0, node.enis()
        return hits(vpc)[0] >= times

    for how in ({"effect": "error", "code": "InternalError", "status": 500}, {"effect": "truncated"}):
        script(vpc, {"action": DESCRIBE, "every": 2, **how})
        wait_until(lambda: refused(3), 120, why="three resyncs whose second page fails")
    script(vpc)
    vpc.calls_reset()
    wait_until(lambda: vpc.calls().get(DESCRIBE, 0) >= 2, 60, why="both pages come")
    wait_settled(vpc, node, 2)
    assert len(node.leases()) == len(pods) and node.pool()["lost"] == 0


def test_27_fewer_addresses_than_asked(vpc, make_node):
    """What came is taken, and the rest is asked for again."""
    node = make_node("n1", env={**ENV, **NOTHING_HANGS}, start=False)
    script(vpc, effect(ASSIGN, "fewer"))
    node.start(deadline_s=RECOVERY_S)
    node.wait_quiet(RECOVERY_S, total=3)
    wait_settled(vpc, node, 1)
    assert hits(vpc) == [1] and vpc.calls()[ASSIGN] == 2, vpc.calls()
    add_from_pool(node, "p0", "p1", "p2")


@pytest.mark.slow
@pytest.mark.world(users=[USER])
def test_28_detached_by_hand(vpc, make_node, by_hand):  # noqa: F811
    """Leases of the ENI that is gone are kept and reported, its addresses go to nobody, and the pool grows elsewhere."""
    node = warm_node(make_node)
    pods = node.add_pods(f"p{i}" for i in range(5))
    wait_settled(vpc, node, 2)
    gone = next(eni for eni in vpc.enis("n1") if eni["attachment"]["device_index"] == 1)
    victims = [pod for pod in pods if pod.address in gone["addresses"]]
    by_hand.detach_network_interface(AttachmentId=gone["attachment"]["id"], Force=True)
    wait_until(lambda: node.pool()["lost"] == len(victims), 120, why="the pods' addresses are known to be lost")
    assert len(node.leases()) == len(pods)
    status = node.cni_status()
    assert status.code == 51, status
    more = node.add_pods(f"q{i}" for i in range(3))
    assert not {pod.address for pod in more} & set(gone["addresses"])
    for pod in victims:
        pod.delete()
    wait_until(lambda: node.pool()["lost"] == 0 and gone["id"] not in [eni["eni_id"] for eni in node.enis()], 120, why="the rest goes")
    wait_until(lambda: node.cni_status().rc == 0, 30, why="the daemon has heard of it, too")


def test_33_metadata_disabled(vpc, make_node):
    """Nobody can tell who the node is: it says why, stays, and serves when it is reported."""
    node = make_node("n1", env=ENV, start=False)
    script(vpc, {"service": "imds", "action": "*", "effect": "error", "status": 403})
    node.start(wait=False)
    wait_until(lambda: "IMDS is disabled" in str(node.status()["blocked"]), 30, why="the reason")
    assert not node.status()["ready"] and vpc.calls() == {}
    assert node.cni_status().code == 50
    script(vpc)
    node.wait_ready()
    node.wait_quiet(RECOVERY_S, total=3)
