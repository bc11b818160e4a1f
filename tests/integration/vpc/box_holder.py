# SPDX-License-Identifier: Apache-2.0
"""Holds a box (box.py): a mount and a pid namespace in a network namespace, and a cgroup, for as long as standard input is open. The
test run has its other end: however that run ends, killed, too, the box goes with it, all processes, the cgroups, and the node's disk.

    box_holder.py NAME DISK    NAME: of the network namespace, and of the cgroup. Says the init's pid; again after each line that it
                               is given, which is a reboot: all processes and cgroups are new, the disk is the same
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

CGROUPS = pathlib.Path("/sys/fs/cgroup")
INHERITED = ("cpuset.cpus", "cpuset.mems")  # empty in a new group of cgroup v1, and nothing may run in there before they are set
POLL_S = 0.02
GRACE_S = 300  # for a kernel that is slow to let go of a group
# Reaps: each process that loses its parent in there becomes its child.
INIT = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
while True:
    signal.sigwait({signal.SIGCHLD})
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
"""


def groups(name):
    """The box's cgroup in each hierarchy: several of version 1 side by side, or the only one of version 2."""
    if (CGROUPS / "cgroup.procs").exists():
        return [CGROUPS / name]
    return [path / name for path in CGROUPS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()]


def make_groups(name):
    for group in groups(name):
        group.mkdir()
        for setting in INHERITED:
            with contextlib.suppress(FileNotFoundError):
                (group / setting).write_text((group.parent / setting).read_text())


def remove_groups(name):
    """With those that were made in them; True when all are gone: a group is busy for a moment after its last process."""
    for top in groups(name):
        for path, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
    return not any(group.exists() for group in groups(name))


class Life:
    """From one boot to its end."""

    def __init__(self, name):
        self.name = name
        make_groups(name)
        unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private"]
        init = [sys.executable, "-I", "-S", "-c", INIT]
        command = ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{name}", *unshare, *init]
        self.outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.pid = self._init_pid()

    def _init_pid(self):
        """Of the init, which mounts its /proc before it becomes the program that is meant."""
        children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        while self.outer.poll() is None:
            with contextlib.suppress(OSError):
                for pid in children.read_text().split():
                    if INIT.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                        return int(pid)
            time.sleep(POLL_S)
        raise SystemExit(f"no namespaces: exit code {self.outer.returncode}")

    def end(self):
        """The kernel kills all others with the init."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        self.outer.wait()
        remove_in_time(self.name)


def remove_in_time(name):
    end = time.monotonic() + GRACE_S
    while not remove_groups(name) and time.monotonic() < end:
        time.sleep(POLL_S)


def main(name, disk):
    os.chdir("/")
    life = None
    try:
        life = Life(name)
        print(life.pid, flush=True)
        for _ in sys.stdin:
            life.end()
            life = Life(name)
            print(life.pid, flush=True)
        life.end()
    finally:
        remove_in_time(name)
        shutil.rmtree(disk, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
