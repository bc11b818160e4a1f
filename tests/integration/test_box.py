# SPDX-License-Identifier: Apache-2.0
"""Nodes as boxes (vpc/box.py): what is theirs and what outlives a reboot, and that nothing is left, however the test run ends."""
import contextlib
import os
import pathlib
import signal
import sys
import tempfile

import pytest

from test_containerd import make_runtime, shipped_conflist  # noqa: F401
from vpc import echo, netns, patient, wait_until
from vpc.box import Box
from vpc.box_holder import groups
from vpc.process import BUILD, RELEASE_BUILD, Daemon

HERE = pathlib.Path(__file__).parent
# A test run of its own, which stands still in the middle of a test with a daemon, a runtime and a pod.
STANDS_STILL = """
import pathlib, threading
from test_containerd import shipped_conflist
from vpc.containerd import Containerd

def test_stands_still(node, tmp_path):
    runtime = Containerd(node, tmp_path / "runtime", shipped_conflist(node))
    runtime.run_pod("web")
    pathlib.Path("{told}").write_text(f"{{node.simulator.prefix}} {{runtime.box.pid}} {{runtime.box.disk}}")
    threading.Event().wait()
"""


@pytest.fixture
def box(make_node, tmp_path):
    made = Box(make_node("n1", start=False), tmp_path / "box")
    yield made
    made.close()


def test_what_outlives_a_reboot(box):
    """The disk, and neither what is in /run, nor processes, nor the network's settings."""
    files = [f"{folder}/vpcwire-box-test" for folder in ("/etc", "/opt", "/var/lib", "/var/log", "/run")]
    box.run("touch", *files)
    assert not [path for path in files if os.path.exists(path)], "the host's own folders are not written"
    sleeper = box.popen("sleep", "1000000", log=box.disk / "sleep.log")
    for change in (["rule", "add", "priority", "512", "lookup", "512"], ["route", "add", "192.0.2.1", "dev", "eth0", "table", "512"]):
        box.run("ip", *change)
    box.run("nft", "add", "table", "ip", "vpcwire")
    rules, routes = (netns.ip(box.name, *words) for words in (("rule", "show"), ("route", "show", "table", "main")))
    box.reboot()
    assert sleeper.wait(patient(10)) != 0
    assert [path for path in files if box.path(path).exists()] == files[:-1]
    assert netns.ip(box.name, "rule", "show") == [rule for rule in rules if rule["priority"] != 512]
    assert netns.ip(box.name, "route", "show", "table", "main") == routes
    assert netns.ip(box.name, "route", "show", "table", "all") and "table 512" not in box.run("ip", "route", "show", "table", "all").stdout
    assert box.run("nft", "list", "ruleset").stdout == ""


def test_a_rule_for_a_boot_is_kept(box):
    """As systemd keeps it, before any program of the node runs."""
    box.run("mkdir", "-p", "/etc/cni/net.d", "/etc/tmpfiles.d")
    conflist = "/etc/cni/net.d/10-aws.conflist"
    box.run("touch", conflist)
    box.run("sh", "-c", f"echo 'r! {conflist}' >/etc/tmpfiles.d/vpcwire.conf")
    box.reboot()
    assert not box.path(conflist).exists()


def test_nothing_is_left(box):
    """Of a box with processes that nobody knows, and with cgroups that they made."""
    box.run("sh", "-c", "sleep 1000000 >/dev/null 2>&1 & for group in /sys/fs/cgroup/*$1; do mkdir $group/a $group/a/b; done", "sh", box.cgroup)
    (group,) = {group for group in groups(box.name) if group.parent.name in ("memory", "cgroup")}
    assert (group / "a/b").is_dir() and netns.processes(box.name)
    box.close()
    assert nothing_of_a_box(box.name, box.disk)


def test_two_nodes(nodes, make_runtime):  # noqa: F811
    """Side by side, each with its runtime; their pods talk."""
    runtimes = [make_runtime(node) for node in nodes]
    here, there = [(runtime, runtime.run_pod("web")) for runtime in runtimes]
    spaces, addresses = zip(*((runtime.netns(pod), runtime.address(pod)) for runtime, pod in (here, there)))
    assert len(set(addresses)) == 2
    with echo.serving(*spaces):
        echo.assert_source(spaces[0], {addresses[1]}, addresses[0])
        echo.assert_source(spaces[1], {addresses[0]}, addresses[1])
    for runtime, pod in (here, there):
        runtime.delete_pod(pod)
    wait_until(lambda: [node.leases() for node in nodes] == [[], []], 30)


def nothing_of_a_box(name, disk):
    """No process in its network, no cgroup, no disk."""
    assert [path for path in [*groups(name), pathlib.Path(disk)] if path.exists()] == []
    assert not netns.exists(name) or netns.processes(name) == []
    return True


def name_of(pid):
    """Nothing of one that ended meanwhile."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def processes_of(folder):
    """Pids of processes with this folder in their command line or in a variable: vpcsim, daemons, runtimes, their holder."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended
            if str(folder).encode() in (process / "cmdline").read_bytes() + (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def nothing_of_a_run(prefix, disk, folder):
    assert netns.names(prefix) == [] and processes_of(folder) == []
    return nothing_of_a_box(f"{prefix}-n1", disk)


@pytest.fixture
def short_folder():
    """For a run in a run: the paths of its sockets must not be longer than a socket's may be."""
    with tempfile.TemporaryDirectory() as folder:
        yield pathlib.Path(folder)


def stop_in_the_middle(folder, how):
    """(prefix, disk) of a test run that stood still and was given this signal."""
    test, told = folder / "test_stands_still.py", folder / "told"
    test.write_text(STANDS_STILL.format(told=told))
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "conftest", f"--rootdir={folder}", f"--basetemp={folder / 'run'}"]
    env = {"PYTHONPATH": f"{HERE}:{HERE.parent}", "VPCWIRE_BUILD": str(BUILD), "VPCWIRE_RELEASE_BUILD": str(RELEASE_BUILD)}
    heeds = ["env", "--default-signal=INT"]  # who runs in the background may have been told to ignore it
    run = Daemon([*heeds, sys.executable, "-m", "pytest", *options, test], folder / "run.log", env=env)
    try:
        prefix, pid, disk = wait_until(lambda: told.read_text().split(), 60, why=f"it stands still:\n{run.tail()}")
        names = {name_of(found) for found in processes_of(folder)}
        assert {"vpcsim", "ipamd", "containerd"} <= names, names
        assert pathlib.Path(f"/proc/{pid}").exists() and pathlib.Path(disk).is_dir()
        run.process.send_signal(how)
        run.process.wait(patient(60))
    finally:
        run.kill()
    return prefix, disk


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_a_run_that_is_interrupted_leaves_nothing(short_folder, how):
    prefix, disk = stop_in_the_middle(short_folder, how)
    wait_until(lambda: nothing_of_a_run(prefix, disk, short_folder), 60, why="nothing of it is left")


def test_a_run_that_is_killed_leaves_no_box(short_folder):
    """It cannot do anything any more; vpcsim, its namespaces and the daemons are left, and README tells how to be rid of them."""
    prefix, disk = stop_in_the_middle(short_folder, signal.SIGKILL)
    try:
        wait_until(lambda: [path for path in [*groups(f"{prefix}-n1"), pathlib.Path(disk)] if path.exists()] == [], 60, why="the box is gone")
    finally:
        for pid in processes_of(short_folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: nothing_of_a_run(prefix, disk, short_folder), 60, why="daemons and vpcsim end on SIGTERM")
