# SPDX-License-Identifier: Apache-2.0
"""Network managers beside ipamd: Debian's systemd-networkd and NetworkManager in a node's network namespace, with a mount
namespace, a D-Bus and folders for settings and state of their own."""
import shlex
import signal
import subprocess

from .deadline import patient
from .process import run, wait_until

START_DEADLINE_S = 30
# A read-only /sys tells both that there is no udev to wait for.
PREPARE = """
set -e
mount --make-rprivate /
mount -o remount,bind,ro /sys
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd /run/dbus
dbus-daemon --system --fork --nopidfile
export SYSTEMD_LOG_TARGET=console
"""


class Neighbour:
    """start(), stop(), restart(), exec(); `log` is what it says."""

    folders = {}  # ours: the host's that they stand for
    command = []
    ready = ""  # what it says when it has looked at the links

    def __init__(self, node, folder):
        self.node, self.folder, self.log = node, folder, folder / "log"
        self.process = None
        for name in self.folders:
            (folder / name).mkdir(parents=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def configure(self, files):
        """Settings before start(): texts by path."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        return self

    def start(self):
        binds = "".join(f"mount --bind {shlex.quote(str(self.folder / name))} {over}\n" for name, over in self.folders.items())
        # the shell stays: as process 1 systemd-networkd would log elsewhere
        script = f"{PREPARE}{binds}{shlex.join(self.command)}\nexit $?"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.node.netns]
                + ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._is_ready, START_DEADLINE_S, why=f"{self.command[0]}; see {self.log}")
        return self

    def _is_ready(self):
        text = self.log.read_text(errors="replace")
        assert self.process.poll() is None and self.ready in text, text[-2000:]
        return True

    def exec(self, *command):
        """Beside it, with its D-Bus."""
        children = run("ps", "--no-headers", "-o", "pid", "--ppid", self.process.pid).stdout.split()
        return run("nsenter", "--target", children[0], "--mount", "--net", "--pid", *command)

    def stop(self):
        """With the first process of its pid namespace all of it goes."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(patient(START_DEADLINE_S))
            self.process = None

    def restart(self):
        self.stop()
        return self.start()


class Networkd(Neighbour):
    """systemd-networkd. Its settings are etc/network/*.network and etc/networkd.conf."""

    folders = {"etc": "/etc/systemd"}
    command = ["/lib/systemd/systemd-networkd"]
    ready = "Enumeration completed"


class NetworkManager(Neighbour):
    """NetworkManager. Its settings are etc/NetworkManager.conf."""

    folders = {"etc": "/etc/NetworkManager", "var": "/var/lib/NetworkManager"}
    command = ["/usr/sbin/NetworkManager", "--debug", "--log-level=INFO"]
    ready = "device (eth1): Activation: successful"
