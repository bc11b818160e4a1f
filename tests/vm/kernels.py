# SPDX-License-Identifier: Apache-2.0
"""Linux kernels of Debian's packages, unpacked and not installed: get(version) gives an Unpacked, or raises NotToBeHad with the
reason. What was fetched once stays in build/vm and needs no network again.

Each kernel is the newest of its series in one suite. The suite's place is derived from what apt knows of this machine's Debian, and
apt's own keys prove what comes from there; its lists and cache are folders of our own.
"""
import dataclasses
import fcntl
import pathlib
import re
import shutil
import subprocess

from vpc import debian
from vpc.process import run

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build/vm"
FETCH_DEADLINE_S = 600
META_PACKAGE = "linux-image-amd64"  # depends on the newest image of its suite
# Version -> the suite that has it, and the suite of this machine's own Debian that comes from the same place.
SUITES = {
    "5.10": ("bullseye-security", "bookworm-security"),
    "6.1": ("bookworm", "bookworm"),
    "6.12": ("bookworm-backports", "bookworm"),
}
DEFAULT = "6.1"


class NotToBeHad(Exception):
    """The package, or the way to it, is not there today."""


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """A kernel's package in a folder."""

    version: str
    folder: pathlib.Path

    @property
    def image(self):
        return next((self.folder / "boot").glob("vmlinuz-*"))

    @property
    def modules(self):
        return next((self.folder / "lib/modules").iterdir())

    @property
    def release(self):
        """As uname -r says it."""
        return self.modules.name


def get(version):
    FOLDER.mkdir(parents=True, exist_ok=True)
    kernel = Unpacked(version, FOLDER / version)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes that test side by side fetch once
        if not kernel.folder.exists():
            _fetch(version, kernel.folder)
    return kernel


def _fetch(version, folder):
    temporary = FOLDER / f"{version}.new"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        package = _download(version, temporary / "apt")
        run("dpkg-deb", "--extract", package, temporary / "root", timeout=FETCH_DEADLINE_S)
        if not (temporary / "root/lib").exists():  # newer packages have their modules in /usr
            (temporary / "root/lib").symlink_to("usr/lib")
        made = Unpacked(version, temporary / "root")
        run("depmod", "--basedir", made.folder, made.release, timeout=FETCH_DEADLINE_S)
        made.folder.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _place(version):
    """A line of sources.list."""
    suite, neighbour = SUITES[version]
    for uri, codename, component in debian.places():
        if (codename, component) == (neighbour, "main"):
            return f"deb {uri} {suite} main\n"
    raise NotToBeHad(f"apt has no {neighbour} here, beside which {suite} would be")


def _download(version, folder):
    """Path of the package's file."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(_place(version))
    settings = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",  # apt's own user may not write here
    }
    options = [f"--option={name}={value}" for name, value in settings.items()]
    _apt("apt-get", *options, "--error-on=any", "update")
    depends = _apt("apt-cache", *options, "depends", META_PACKAGE)
    found = re.search(rf"Depends: (linux-image-{re.escape(version)}\.\S+)", depends)
    if not found:
        raise NotToBeHad(f"{META_PACKAGE} of {SUITES[version][0]} is no {version}: {depends}")
    _apt("apt-get", *options, "download", found[1], cwd=folder)
    return next(folder.glob("linux-image-*.deb"))


def _apt(*command, **kwargs):
    try:
        return run(*command, timeout=FETCH_DEADLINE_S, **kwargs).stdout
    except (AssertionError, subprocess.TimeoutExpired) as error:
        raise NotToBeHad(str(error)) from error
