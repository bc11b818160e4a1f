# SPDX-License-Identifier: Apache-2.0
"""A Debian machine with systemd as its first process, on a simulated node: a container of systemd-nspawn in the node's namespace."""
import os
import pathlib
import re
import shutil
import subprocess

from . import debian
from .deadline import patient
from .pod import CniResult
from .process import run, wait_until

PACKAGES = ("systemd", "systemd-sysv", "dbus")
BOOT_DEADLINE_S = 60
BOOTED = ("running", "degraded")  # whatever else of systemd's own does not run in a container
PODS = "/run/netns"  # seen in there, too
CGROUPS = pathlib.Path("/sys/fs/cgroup")
AS_ON_A_MACHINE = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}  # the network's sysctls are its own
HIERARCHIES = ("systemd", "unified")  # where the machine's systemd makes its groups, unless there is one hierarchy for all


def dependencies(package):
    """The names in a package's Depends."""
    fields = run("dpkg-deb", "--field", package, "Depends").stdout
    return re.findall(r"(?:^|, )([a-z0-9][a-z0-9+.-]+)", fields)


class Machine:
    """Booted when it is made; run() is a root's command line in there, path() its files, close() pulls the plug."""

    def __init__(self, node, folder, packages=()):
        self.node, self.folder = node, pathlib.Path(folder)
        self.folder.mkdir()
        self.root = self.folder / "root"
        debian.make(self.root, include=(*PACKAGES, *packages))
        name = node.simulator.prefix
        self.groups = [CGROUPS / kind / name for kind in HIERARCHIES if (CGROUPS / kind).is_dir()] or [CGROUPS / name]
        options = ["--quiet", "--register=no", "--keep-unit", "--console=pipe", "--capability=CAP_NET_ADMIN", f"--machine={name}"]
        with open(self.folder / "console.log", "wb") as console:
            self.process = subprocess.Popen(
                ["systemd-nspawn", *options, f"--network-namespace-path=/run/netns/{node.netns}", f"--bind={PODS}"]
                + [f"--directory={self.root}", "--boot"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, preexec_fn=self.enter_groups, env={**os.environ, **AS_ON_A_MACHINE},
            )
        try:
            wait_until(lambda: self.state() in BOOTED, BOOT_DEADLINE_S, why="systemd is up in the machine")
        except BaseException:
            self.close()
            raise

    def enter_groups(self):
        """nspawn makes the machine's groups below those that it is in, and leaves them."""
        for group in self.groups:
            group.mkdir()
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def init_pid(self):
        """Its systemd's pid, as seen from here; None before and after its life."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def run(self, *command, **kwargs):
        enter = ["nsenter", f"--target={self.init_pid()}", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
        return run(*enter, *command, **kwargs)

    def path(self, inside):
        """From here, a path in the machine."""
        return pathlib.Path(f"/proc/{self.init_pid()}/root{inside}")

    def state(self):
        assert self.process.poll() is None, (self.folder / "console.log").read_text()
        return self.init_pid() and self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def plugin(self, name, env, stdin):
        """A CNI plugin of the machine, called as its container runtime would."""
        done = self.run("env", *(f"{key}={value}" for key, value in env.items()), f"/opt/cni/bin/{name}", check=False, input=stdin)
        return CniResult(done.returncode, done.stdout, done.stderr)

    def journal(self, unit):
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit).stdout

    def close(self):
        pid = self.process.poll() is None and self.init_pid()
        if pid:
            os.kill(pid, 9)
        self.process.wait(patient(60))
        for group in self.groups:
            for path in sorted([path for path in group.rglob("*") if path.is_dir()] + [group], reverse=True):
                wait_until(lambda path=path: not path.exists() or path.rmdir() is None, 30, why=f"{path} is empty")
        shutil.rmtree(self.folder)
