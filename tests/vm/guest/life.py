# SPDX-License-Identifier: Apache-2.0
"""A node in a machine whose power goes, or whose memory runs out: life.py COMMAND FOLDER, with the database in FOLDER.

    live    adds and deletes pods until the machine is no more; /mnt/share/busy is there once that has begun
    again   in the next boot: the database is sound, and a node that finds it there (another one's, by then) serves
    oom     a neighbour takes all memory: the kernel ends that, and the node goes on
"""
import contextlib
import pathlib
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration"))

from vpc import Node, Simulator  # noqa: E402
from vpc.simulator import SUBNET_A, default_world  # noqa: E402

PODS = 4
BUSY = pathlib.Path("/mnt/share/busy")
EATER = "parts = []\nwhile True: parts.append(b'x' * (1 << 20))"


def make(folder, name):
    """A simulated VPC has no life beyond the machine's: each boot has another."""
    simulator = Simulator(default_world(), folder / name)
    options = {"instance_type": "t3.small", "subnet": SUBNET_A, "public": True, "env": {"IP_COOLDOWN_PERIOD": "1"}}
    return simulator, Node(simulator, "n1", folder / "n1", **options)


def end(simulator, node):
    node.stop()
    node.close()
    simulator.check()
    simulator.stop()


def live(folder):
    _, node = make(folder, "first")
    node.start()
    node.add_pods(f"stays{i}" for i in range(PODS))
    number = 0
    while True:
        node.add_pod(f"goes{number}").delete()
        number += 1
        BUSY.touch()


def again(folder):
    with contextlib.closing(sqlite3.connect(folder / "n1/ipam.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        leases = database.execute("SELECT count(*) FROM leases").fetchone()[0]
    assert leases >= PODS, f"{leases} leases came through"
    simulator, node = make(folder, "second")
    node.start()
    assert node.leases() == []
    aside = [path.name for path in node.db.parent.glob("ipam.db.*") if path.suffix != ".lock"]
    assert len(aside) == 1 and ".other-instance-" in aside[0], f"not read, and put aside for what it is: {aside}"
    for pod in node.add_pods(f"new{i}" for i in range(PODS)):
        pod.delete()
    node.check_database()
    end(simulator, node)


def oom(folder):
    simulator, node = make(folder, "first")
    node.start()
    pods = node.add_pods(f"stays{i}" for i in range(PODS))
    daemon = node.proc.pid
    eater = subprocess.run([sys.executable, "-c", EATER])
    assert eater.returncode == -signal.SIGKILL, f"nobody ended it: {eater.returncode}"
    assert node.proc.alive() and node.proc.pid == daemon
    pods.append(node.add_pod("later"))
    assert len({pod.address for pod in pods}) == PODS + 1
    for pod in pods:
        pod.delete()
    end(simulator, node)


if __name__ == "__main__":
    {"live": live, "again": again, "oom": oom}[sys.argv[1]](pathlib.Path(sys.argv[2]))
