# SPDX-License-Identifier: Apache-2.0
"""Bad settings, bad bytes on the socket, nonsense from EC2 and IMDS: said clearly, nothing changed, the daemon stays up."""
import json
import os
import random
import stat

import pytest

from vpc import patient, wait_until
from vpc.meddler import Meddler


def refused(node, **env):
    """Starts ipamd with more environment; its log, after it has ended with an error, and without an EC2 call of its own."""
    node.simulator.calls_reset()
    text = node.refused_start(**env)
    assert node.proc is not None or node.calls() == {}
    return text


BAD_SETTINGS = [
    ("WARM_ENI_TARGET", "--1"),
    ("WARM_ENI_TARGET", "many"),
    ("WARM_IP_TARGET", "99999999999999999999"),
    ("WARM_IP_TARGET", "3 4"),
    ("MINIMUM_IP_TARGET", "1.5"),
    ("MAX_ENI", "0x10"),
    ("IP_COOLDOWN_PERIOD", "soon"),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", "toolong"),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", "eth"),
    ("AWS_VPC_ENI_MTU", "100"),
    ("AWS_EC2_ENDPOINT", "not a url"),
    ("VPCWIRE_SOCKET", "/" + "x" * 200),
]


@pytest.mark.parametrize("name, value", BAD_SETTINGS, ids=lambda text: text[:24] or "empty")
@pytest.mark.parametrize("source", ["environment", "conf"])
def test_bad_setting_stops_the_start(make_node, name, value, source):
    node = make_node("n1", start=False)
    if source == "environment":
        text = refused(node, **{name: value})
    else:
        if name in node.env:
            del node.env[name]
        node.conf.write_text(f"# a comment\n{name}={value}\n")
        text = refused(node)
        assert str(node.conf) in text
    assert name in text and value.strip()[:40] in text, text
    assert not node.db.exists() and not node.socket.exists(), "left behind"
    assert not [rule for rule in node.ip("rule", "show") if rule.get("protocol") in (118, "118")]


@pytest.mark.parametrize("line", ["WARM_ENI_TARGET", "NO_SUCH_SETTING=1", "=1", "\0\0"])
def test_bad_conf_line_stops_the_start(make_node, line):
    node = make_node("n1", start=False)
    node.conf.write_text(line + "\n")
    text = refused(node)
    assert str(node.conf) in text
    assert not node.db.exists() and not node.socket.exists()


def test_second_daemon_on_the_same_database_is_refused(node):
    pod = node.add_pod("p")
    other_socket = node.folder / "other.sock"
    text = refused(node, VPCWIRE_SOCKET=str(other_socket))
    assert str(node.db) in text and str(node.proc.pid) in text
    assert not other_socket.exists()
    assert node.socket.exists() and node.proc.alive()
    assert [lease["address"] for lease in node.leases()] == [pod.address]


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"", b"SQLite format 3\0" + b"\xff" * 4096])
def test_file_that_is_no_database(make_node, content):
    """An empty file is a new database; anything else is kept as a backup as it is, and the node serves."""
    node = make_node("n1", start=False)
    node.db.write_bytes(content)
    node.db.chmod(0o600)
    node.start()
    assert node.add_pod("p").address
    backup = [file.read_bytes() for file in node.db.parent.glob(f"{node.db.name}.damaged-*")]
    assert backup == ([content] if content else [])


def test_database_that_others_may_read_is_refused(make_node):
    node = make_node("n1", start=False)
    node.db.touch(mode=0o644)
    assert str(node.db) in refused(node)


def message(value):
    return json.dumps(value).encode() + b"\0"


BAD_BYTES = {
    "garbage": b"\x00\xff\xfe\x00garbage\x00",
    "no JSON": b"hello\0",
    "an array": b"[1,2]\0",
    "no method": message({"parameters": {}}),
    "method is a number": message({"method": 7}),
    "unknown method": message({"method": "io.vpcwire.ipam.Explode"}),
    "unknown interface": message({"method": "org.example.Nothing"}),
    "no dot": message({"method": "Add"}),
    "parameters are a list": message({"method": "io.vpcwire.ipam.Add", "parameters": []}),
    "missing field": message({"method": "io.vpcwire.ipam.Add", "parameters": {"network": "n"}}),
    "field of a wrong type": message({"method": "io.vpcwire.ipam.Del", "parameters": {"network": 1, "container_id": "c", "ifname": "e"}}),
    "name too long": message({"method": "io.vpcwire.ipam.Del", "parameters": {"network": "n" * 500, "container_id": "c", "ifname": "e"}}),
    "timeout out of range": message(
        {"method": "io.vpcwire.ipam.Add", "parameters": {"network": "n", "container_id": "c", "ifname": "e", "timeout_ms": -5}}
    ),
    "bad UTF-8": b'{"method":"io.vpcwire.ipam.\xc3\x28"}\0',
    "deep nesting": b'{"method":' + b"[" * 60000 + b"\0",
    "half a message": b'{"method":"io.vpcwire.ip',
    "too long": b'{"method":"' + b"x" * 400_000 + b'"}\0',
    "nothing but zeros": b"\0" * 5000,
}


@pytest.mark.parametrize("data", BAD_BYTES.values(), ids=BAD_BYTES)
def test_bad_bytes_on_the_socket(node, data):
    before = node.wait_quiet(free=3)
    with node.connect() as connection:
        try:
            connection.socket.sendall(data)
            connection.socket.shutdown(1)
            while connection.socket.recv(65536):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert node.proc.alive()
    assert node.pool() == before and node.leases() == []
    assert node.add_pod("p").address


@pytest.mark.node(env={"IP_COOLDOWN_PERIOD": "0"})
def test_random_bytes_on_the_socket(node):
    seed = int(os.environ.get("VPCWIRE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"VPCWIRE_TEST_SEED={seed}")
    rng = random.Random(seed)
    good = message({"method": "io.vpcwire.ipam.Check", "parameters": {"network": "n", "container_id": "c", "ifname": "eth0"}})
    for _ in range(300):
        data = bytearray(good * rng.randrange(1, 4))
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with node.connect() as connection:
            try:
                connection.socket.sendall(data[: rng.randrange(1, len(data) + 1)])
                connection.socket.shutdown(1)
                while connection.socket.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert node.proc.alive() and node.leases() == []
    assert node.add_pod("p").address


def test_a_peer_that_says_nothing_does_not_hold_up_others(node):
    silent = [node.connect() for _ in range(100)]
    try:
        for i in range(5):
            node.add_pod(f"p{i}")
    finally:
        for connection in silent:
            connection.socket.close()


def test_socket_is_for_root_alone(node):
    mode = node.socket.stat()
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == 0


# ---- nonsense from EC2 and IMDS ----


def plain(body, status=200, content_type="text/xml"):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang_up(handler):
    handler.wfile.flush()
    handler.connection.close()


def short_body(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>")


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'
NONSENSE = {
    "empty": plain(b""),
    "html": plain(b"<html><body>Service unavailable<br></body>", content_type="text/html"),
    "truncated": plain(b"<DescribeNetworkInterfacesResponse><networkInterfaceSet>"),
    "entity bomb": plain(BOMB),
    "deep": plain(b"<a>" * 5000 + b"</a>" * 5000),
    "10 MB": plain(b"<a>" + b"x" * 10_000_000 + b"</a>"),
    "another document": plain(b"<ListBucketsResult/>"),
    "binary": plain(bytes(range(256)) * 8),
    "403": plain(b"<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>", 403),
    "404": plain(b"404 - Not Found", 404, "text/plain"),
    "500 without a body": plain(b"", 500),
    "503": plain(b"<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>", 503),
    "hangs up": hang_up,
    "short body": short_body,
}


@pytest.fixture
def meddle():
    """meddle(node, target): a Meddler that is closed at the end."""
    made = []

    def make(node, target):
        made.append(Meddler(node.netns, target))
        return made[-1]

    yield make
    for meddler in made:
        meddler.close()


# EC2 said no, clearly: it is not asked again for a minute or two.
SLOW = ("403", "404")


@pytest.mark.parametrize(
    "answer", [pytest.param(fn, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, fn in NONSENSE.items()]
)
def test_nonsense_from_ec2(vpc, make_node, meddle, answer):
    """With pods running: they are kept, what is free is still served, and all goes on when EC2 is itself again."""
    node = make_node("n1", start=False, env={"WARM_IP_TARGET": "1", "MINIMUM_IP_TARGET": "3"})
    meddler = meddle(node, "198.51.100.1")
    node.env["AWS_EC2_ENDPOINT"] = meddler.endpoint
    node.start()
    node.wait_pool(lambda pool: pool["free"] == 3)
    pods = [node.add_pod("p0"), node.add_pod("p1")]
    wait_until(lambda: all(eni["state"] == "ready" for eni in node.enis()), 20)

    meddler.answer = answer
    seen = meddler.requests
    pods += [node.add_pod("p2")]
    waiting = node.start_thread(node.add_pod, "p3", conf=node.cni_conf(timeoutSeconds=240))
    wait_until(lambda: meddler.requests > seen or waiting.done(), 60, why="it asks EC2")
    assert node.proc.alive()
    assert {lease["address"] for lease in node.leases()} >= {pod.address for pod in pods}
    meddler.answer = None
    pods.append(waiting.result(timeout=patient(250)))
    assert len({pod.address for pod in pods}) == 4
    node.check_kernel()


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_from_imds_at_the_start(make_node, meddle, answer):
    """It cannot know who it is: not ready, says why, and is ready once IMDS makes sense. (Or it ends; then it is started again.)"""
    node = make_node("n1", start=False)
    meddler = meddle(node, "169.254.169.254")
    meddler.answer = answer
    node.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = meddler.endpoint
    node.start(wait=False)
    wait_until(lambda: meddler.requests > 0, 60, why="it asks IMDS")
    wait_until(node.status, 60, why="it answers without IMDS")
    status = node.status()
    assert not status["ready"] and status["reason"], status
    meddler.answer = None
    node.wait_ready(90)
    assert node.add_pod("p").address


@pytest.mark.parametrize("answer", [NONSENSE["html"], NONSENSE["404"], NONSENSE["empty"]], ids=["html", "404", "empty"])
def test_nonsense_from_imds_while_running(make_node, meddle, answer):
    """An absence in IMDS takes nothing away."""
    node = make_node("n1", start=False)
    meddler = meddle(node, "169.254.169.254")
    node.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = meddler.endpoint
    node.start()
    pod = node.add_pod("p")
    meddler.answer = answer
    node.restart()
    assert [lease["address"] for lease in node.leases()] == [pod.address]
    assert node.add_pod("q").address
    node.check_kernel()
