# SPDX-License-Identifier: Apache-2.0
"""A machine with a kernel of its own, in qemu: Machine(kernel, folder). It sees this machine's files, and what it writes stays on a
disk of its own; run() is a command line of root's in there. Nothing of it is left after close(), nor when its maker dies.

The processor is emulated where the kernel here has none to lend, and everything takes some ten times as long; SLOWNESS says so to
who waits for what happens inside. console.log in the folder is what the machine's kernel said.
"""
import ctypes
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess

from vpc.deadline import FACTOR
from vpc.process import run, wait_until

import initrd

QEMU = "qemu-system-x86_64"
HAS_KVM = bool(re.search(r"^flags.*\b(vmx|svm)\b", pathlib.Path("/proc/cpuinfo").read_text(), re.M)) and os.access("/dev/kvm", os.W_OK)
SLOWNESS = 1 if HAS_KVM else 10
PROCESSOR = ("-accel", "kvm", "-cpu", "host") if HAS_KVM else ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem")
KERNEL_OPTIONS = "console=ttyS0 panic=-1 oops=panic quiet"  # a kernel that has crashed ends its machine
DISK_BYTES = 8 << 30  # sparse
UP_DEADLINE_S = 30 * SLOWNESS
JOB_DEADLINE_S = 60
GUEST = pathlib.Path(__file__).parent / "guest"
INSIDE = pathlib.Path("/mnt/share")
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command in the machine ended."""

    code: int
    output: str


class MachineDiedError(Exception):
    """Waiting for it is over."""


class Machine:
    """Up when it is made."""

    def __init__(self, kernel, folder, memory_mb=2048, cpus=2):
        self.kernel, self.memory_mb, self.cpus = kernel, memory_mb, cpus
        self.folder = pathlib.Path(folder)
        self.share = self.folder / "share"
        self.share.mkdir(parents=True)
        self.console, self.disk, self.initrd = (self.folder / name for name in ("console.log", "disk", "initrd"))
        self.jobs, self.process = 0, None
        initrd.make(kernel, self.initrd)
        shutil.copy(GUEST / "init.sh", self.share)
        (self.share / "modules").write_text(str(kernel.modules))
        with open(self.disk, "wb") as disk:
            disk.truncate(DISK_BYTES)
        run("mkfs.ext4", "-q", "-F", self.disk)
        self.power_on()

    def power_on(self):
        """And up when this returns."""
        with open(self.folder / "qemu.log", "ab") as log:
            self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_maker)
        try:
            self.wait_up()
        except BaseException:
            self.close()
            raise

    def _command(self):
        shares = [
            "local,id=host,mount_tag=host,path=/,security_model=none,multidevs=remap,readonly=on",
            f"local,id=share,mount_tag=share,path={self.share},security_model=none,multidevs=remap",
        ]
        return [
            *(QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", *PROCESSOR),
            *("-m", str(self.memory_mb), "-smp", str(self.cpus), "-device", "virtio-rng-pci"),
            *("-kernel", self.kernel.image, "-initrd", self.initrd, "-append", KERNEL_OPTIONS),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            *(word for share in shares for word in ("-virtfs", share)),
            *("-drive", f"file={self.disk},if=virtio,format=raw"),
        ]

    def wait_up(self):
        def is_up():
            self._check_runs("while it booted")
            return (self.share / "up").exists()

        wait_until(is_up, UP_DEADLINE_S, why=f"Linux {self.kernel.version} is up")
        (self.share / "up").unlink()

    def run(self, *command, check=True, deadline_s=JOB_DEADLINE_S, env=None, cwd="/"):
        """A command's Done; its times inside are ours by SLOWNESS."""
        words = [f"{name}={value}" for name, value in (env or {}).items()] + [str(part) for part in command]
        done = self.shell(f"cd {shlex.quote(str(cwd))} && exec env {shlex.join(words)}", deadline_s)
        if check and done.code:
            raise AssertionError(f"{command} in Linux {self.kernel.release}: exit code {done.code}: {done.output}")
        return done

    def shell(self, text, deadline_s=JOB_DEADLINE_S):
        """Lines for bash."""
        job = self.begin(text)

        def has_ended():
            self._check_alive(f"during: {text}")
            return (job / "code").exists()

        wait_until(has_ended, deadline_s * SLOWNESS, why=f"in Linux {self.kernel.release}: {text}")
        return Done(int((job / "code").read_text()), (job / "output").read_text(errors="replace"))

    def begin(self, text):
        """Gives the machine its next job; the job's folder."""
        self.jobs += 1
        job = self.share / str(self.jobs)
        job.mkdir()
        (job / "command.new").write_text(text)
        (job / "command.new").rename(job / "command")
        return job

    def reboot(self):
        """In good order; up again when this returns."""
        self.begin("reboot")
        self.wait_up()

    def cut_power(self):
        """What the machine had not yet written to its disk is lost."""
        self.process.kill()
        self.process.wait()

    def inside(self, path):
        """A path of the shared folder as the machine names it."""
        return INSIDE / path

    def _check_runs(self, when):
        if self.process.poll() is not None:
            raise MachineDiedError(f"the machine ended {when}\n{self.tail()}")

    def _check_alive(self, when):
        self._check_runs(when)
        if (self.share / "up").exists():
            raise MachineDiedError(f"the machine booted anew {when}\n{self.tail()}")

    def tail(self, lines=40):
        """The end of what the kernel, and qemu, said."""
        texts = [path.read_text(errors="replace") for path in (self.console, self.folder / "qemu.log") if path.exists()]
        return "\n".join("\n".join(texts).splitlines()[-lines:])

    def stop(self):
        """In good order: powered off by itself."""
        self.begin("off")
        wait_until(lambda: self.process.poll() is not None, UP_DEADLINE_S, why="the machine powers off")
        assert self.process.returncode == 0, self.tail()

    def close(self):
        if self.process and self.process.poll() is None:
            self.cut_power()
        for path in (self.disk, self.initrd):
            path.unlink(missing_ok=True)


def deadline_factor():
    """VPCWIRE_TEST_DEADLINE_FACTOR for tests that run inside."""
    return FACTOR * SLOWNESS


def _die_with_maker():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
