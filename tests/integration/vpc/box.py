# SPDX-License-Identifier: Apache-2.0
"""A simulated node as a box, for programs that take it for a machine of their own: container runtimes, kubelets.

In the node's network namespace, with mount and pid namespaces and a cgroup of its own. It sees the host's files. What it writes to
/etc, /opt, /var/lib and /var/log is its disk, and outlives a reboot; /run is empty at each boot. The host's own folders and sysctls
are not written. box_holder.py has its life, which ends with the test run's.
"""
import os
import pathlib
import subprocess
import sys

from . import netns
from .deadline import patient
from .process import SANITIZER_OPTIONS, first_line, run, wait_until

HOLDER = pathlib.Path(__file__).parent / "box_holder.py"
END_DEADLINE_S = 60
PROGRAM_END_S = 20
# What a kubelet wants of the host's sysctls, and writes where it finds something else.
SYSCTLS = {
    "vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000,
}
# On the disk itself: an overlay cannot be the lower part of another one, and a kubelet asks what file system it is on.
OWN_FOLDERS = ("/var/log", "/var/lib/kubelet", "/var/lib/containerd")
# $1: the node's disk, then pairs of what is mounted and where. Order: what is mounted later may lie in what was mounted before.
MOUNTS = f"""
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns
for path in /etc /opt /var/lib; do
        layers=$1/layers$path
        mkdir -p "$layers/upper" "$layers/work"
        mount -t overlay -o "lowerdir=$path,upperdir=$layers/upper,workdir=$layers/work" overlay "$path"
done
for path in {' '.join(OWN_FOLDERS)}; do
        mkdir -p "$path" "$1$path"
        mount --bind "$1$path" "$path"
done
for sysctl in "$1"/sysctl/*; do
        mount --bind "$sysctl" "/proc/sys/$(basename "$sysctl" | tr . /)"
done
shift
while [ $# -gt 0 ]; do
        mkdir -p "$2"
        mount --bind "$1" "$2"
        shift 2
done
mount --make-rshared /
"""
# What a boot begins with: the primary ENI as it is, and no other rule, route, address or packet filter.
NETWORK_AS_BOOTED = """
nft flush ruleset
ip rule flush
ip rule add priority 32766 lookup main protocol kernel
ip rule add priority 32767 lookup default protocol kernel
for link in $(ip -o link show | sed -n 's/^[0-9]*: \\(eth[1-9][0-9]*\\)[:@].*/\\1/p'); do
        ip link set "$link" down
        ip address flush dev "$link"
done
ip route show table all | sed -n 's/.* table \\([0-9][0-9]*\\).*/\\1/p' | sort -u | while read -r table; do
        ip route flush table "$table"
done
"""
# Its own rules for a boot are systemd's business on a node.
TMPFILES = "/etc/tmpfiles.d/vpcwire.conf"


class Box:
    """Booted when it is made. run() and popen() are in there, path() is its files; kill9(), reboot(), close()."""

    def __init__(self, node, folder, mounts=None):
        """Its disk is folder/disk, and goes with it. mounts: folder in the box -> the folder here that it is, at each boot."""
        self.mounts = [part for inside, here in (mounts or {}).items() for part in (here, inside)]
        self.name = node.netns  # of the box, its network namespace and its cgroup
        self.cgroup = f"/{self.name}"
        self.disk = pathlib.Path(folder) / "disk"
        (self.disk / "sysctl").mkdir(parents=True)
        for name, value in SYSCTLS.items():
            (self.disk / "sysctl" / name.replace("/", ".")).write_text(f"{value}\n")
        with open(pathlib.Path(folder) / "box.log", "ab") as log:
            self.holder = subprocess.Popen(
                [sys.executable, "-I", "-S", HOLDER, self.name, self.disk],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,  # Ctrl-C is not for it
            )
        try:
            self._booted()
        except BaseException:
            self.close()
            raise

    def _booted(self):
        said = first_line(self.holder)
        assert said, f"no box {self.name}; its log is beside {self.disk}"
        self.pid = int(said)
        self.run("sh", "-eu", "-c", MOUNTS, "sh", self.disk, *self.mounts)
        if self.path(TMPFILES).exists():
            self.run("systemd-tmpfiles", "--boot", "--remove", TMPFILES)

    def enter(self):
        """What is put before a command."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net"]

    def run(self, *command, **kwargs):
        """A short command in the box; as vpc.process.run()."""
        return run(*self.enter(), *command, **kwargs)

    def popen(self, *command, log, env=None):
        """A program that runs on; what it says goes to a file. A process of ours: it ends when the program does."""
        with open(log, "ab") as output:
            return subprocess.Popen(
                [*self.enter(), *(str(part) for part in command)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **SANITIZER_OPTIONS, **(env or {})},
            )

    def kill9(self, program):
        """SIGKILL to the processes of that name; popen()'s process ends a moment later."""
        self.run("pkill", "-KILL", "-x", program, check=False)

    def path(self, inside):
        """From here, a path in the box, until the next reboot. Links to absolute paths, as /var/run is one, would lead out of it."""
        return pathlib.Path(f"/proc/{self.pid}/root{os.path.realpath(inside)}")

    def reboot(self):
        """Power off, without a warning to anybody, and on again. What runs then is the caller's."""
        self.holder.stdin.write("reboot\n")
        self.holder.stdin.flush()
        self._booted()
        wait_until(self._no_pod_links, 60, why="the kernel removes the links of pods that are gone")
        netns.execute(self.name, "sh", "-eu", "-c", NETWORK_AS_BOOTED)

    def _no_pod_links(self):
        links = netns.ip(self.name, "link", "show", "type", "veth")
        return not [link["ifname"] for link in links if link["ifname"].startswith("eni")]

    def close(self):
        """All of it goes; when this returns, it has."""
        self.holder.stdin.close()
        self.holder.wait(patient(END_DEADLINE_S))
        self.holder.stdout.close()
