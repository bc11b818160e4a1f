# SPDX-License-Identifier: Apache-2.0
"""Bad days of the host: a full folder under the database, two daemons. Said clearly, pods that run are left alone, and it ends by itself."""
import contextlib
import subprocess

import pytest

from faults import ASSIGN, error, script
from vpc import wait_until

FULL = "database or disk is full"


@contextlib.contextmanager
def small_disk(folder):
    """2 MiB; a daemon sees it only when it is mounted before the daemon starts."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def node(make_node, tmp_path):
    folder = tmp_path / "database"
    with small_disk(folder):
        node = make_node("n1", env={"WARM_IP_TARGET": "2", "IP_COOLDOWN_PERIOD": "1"}, start=False)
        node.db = folder / "ipam.db"
        node.env["VPCWIRE_DB"] = str(node.db)
        node.ballast = folder / "ballast"
        yield node
        node.stop()


def fill(node):
    """To the last byte, also of the last page."""
    for piece in (b"x" * 4096, b"x"):
        with contextlib.suppress(OSError), open(node.ballast, "ab", buffering=0) as file:
            while True:
                file.write(piece)


def add_fails(node):
    pod = next((pod for pod in node.pods if pod.name == "late"), None) or node.pod_netns("late")
    fill(node)  # also what SQLite has given back meanwhile
    result = node.cni("ADD", pod.container_id, pod.path)
    if result.rc == 0:
        node.ballast.unlink()  # else DEL could fail, and the next ADD have nothing to write
        assert node.cni("DEL", pod.container_id, pod.path).rc == 0
    assert result.rc == 1 and FULL in result.json["msg"] and str(node.db) in result.json["msg"], result
    return pod


def test_a_full_disk_under_the_database(node):
    """Not ready until there is room again, because an ADD would fail; and then at once, without a restart."""
    node.start()
    kept, gone = node.add_pods(["kept", "gone"])
    wait_until(lambda: node.quiet()["free"] >= 2, 30, why="no other write, which would leave room in the WAL where it fails")
    late = wait_until(lambda: add_fails(node), 30, why="it is full")
    status = node.status()
    assert not status["ready"] and FULL in status["reason"]
    assert node.ctl("health", "live", check=False).returncode == 0 and node.ctl("health", "ready", check=False).returncode == 1
    assert node.cni_status().code == 50
    refusal = node.cni("DEL", gone.container_id, gone.path)
    assert refusal.rc == 0 or FULL in refusal.json["msg"]
    assert kept.address in str(node.pod_routes()), "pods that run are left alone"
    node.ballast.unlink()
    wait_until(lambda: node.status()["ready"], 30, why="ready again")
    late.add()
    for pod in (late, gone, kept):
        pod.delete()
    assert node.leases() == []


def test_a_full_disk_is_not_ec2s_fault(node, vpc):
    """EC2 is asked for nothing any more: what it refused last is not why pods wait."""
    node.start()
    wait_until(lambda: node.quiet()["free"] >= 2, 30)
    script(vpc, error(ASSIGN, "InternalError", status=500))
    node.add_pods(["one", "two"])
    wait_until(lambda: any(blocked["kind"] == "assign" for blocked in node.status()["blocked"]), 30)
    wait_until(lambda: add_fails(node), 30, why="it is full")
    wait_until(lambda: not any(blocked["kind"] == "assign" for blocked in node.status()["blocked"]), 30)
    script(vpc)
    node.ballast.unlink()
    wait_until(lambda: node.quiet()["free"] >= 2, 60, why="it grows again")


def test_a_start_with_a_full_disk(node):
    node.db.parent.mkdir(exist_ok=True)
    fill(node)
    assert f"{node.db}.lock: No space left on device" in node.refused_start()
    assert not node.db.exists()
    node.ballast.unlink()
    node.start()
    pod = node.add_pod("web")
    node.stop()
    fill(node)
    text = node.refused_start().splitlines()[-1]
    assert str(node.db) in text and ("No space left on device" in text or FULL in text), text
    node.ballast.unlink()
    node.start()
    assert [lease["address"] for lease in node.leases()] == [pod.address]
    pod.delete()


def test_a_start_without_the_right_to_change_the_network(node, monkeypatch):
    *namespace, program = node.command()
    without = ["setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"]
    monkeypatch.setattr(node, "command", lambda: [*namespace, *without, program])
    text = node.refused_start()
    assert "the capability NET_ADMIN is needed and not given" in text and "securityContext" in text, text
    assert not node.db.exists()


def test_a_second_daemon_with_database_of_its_own(node, tmp_path):
    """As of a second DaemonSet whose folder is another: the socket is one, the first daemon's, who serves on."""
    node.start()
    pod = node.add_pod("web")
    first, node.env = node.env, {**node.env, "VPCWIRE_DB": str(tmp_path / "other.db")}
    text = node.refused_start()
    node.env = first
    assert f"another program answers on {node.socket}" in text
    assert node.proc.alive() and [lease["address"] for lease in node.leases()] == [pod.address]
    node.check_kernel()
    pod.delete()
