# SPDX-License-Identifier: Apache-2.0
"""The image as the Dockerfile builds it: by buildah, on a base that is made of Debian's packages, as debian:12-slim is, for there is
no registry here. Nothing is kept outside one folder."""
import os
import pathlib
import shutil
import urllib.error
import urllib.request

import pytest

from .daemonset import IMAGE, TOP
from .process import run

BASE = "docker.io/library/debian:12-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the slim images leave out (debuerreotype, .slimify-excludes).
LEFT_OUT = ("doc", "groff", "info", "lintian", "linda", "locale", "man")
KEPT = "/usr/share/doc/*/copyright"
DEBIAN = [("http://deb.debian.org/debian", "bookworm", "main")]  # where apt itself knows of none
REACH_S = 20
BUILD_DEADLINE_S = 1200


def sources():
    """Where this machine gets Debian's packages from, as lines of sources.list; skips the test when nobody is there."""
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages").stdout
    rows = sorted({tuple(line.split()[1:]) for line in listed.splitlines() if line.startswith("Debian ")}) or DEBIAN
    for uri, codename, _ in rows:
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/dists/{codename}/InRelease", timeout=REACH_S).close()
        except urllib.error.URLError as error:
            pytest.skip(f"Debian's packages are out of reach, {uri}: {error}")
    return "".join(f"deb {uri} {codename} {component}\n" for uri, codename, component in rows)


def make_base(path):
    """A tar of Debian 12 without what slim images leave out; the choice stays in force in it, as it does in theirs."""
    choice = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT] + [f"--dpkgopt=path-include={KEPT}"]
    run("mmdebstrap", "--variant=minbase", *choice, "bookworm", path, "-", input=sources(), timeout=BUILD_DEADLINE_S)


class Buildah:
    """Its storage is in the folder; close() removes that."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()

    def __call__(self, *arguments):
        options = ["--root", self.folder / "root", "--runroot", self.folder / "run", "--storage-driver", "vfs"]
        env = {**os.environ, "TMPDIR": str(self.folder)}
        return run("buildah", *options, *arguments, env=env, cwd=TOP, timeout=BUILD_DEADLINE_S).stdout.strip()

    def close(self):
        shutil.rmtree(self.folder)


def build(folder, archive):
    """The repository's image into a docker archive, named as the DaemonSet's tests name it."""
    buildah = Buildah(folder)
    try:
        make_base(buildah.folder / "base.tar")
        base = buildah("from", "scratch")
        buildah("add", base, buildah.folder / "base.tar", "/")
        buildah("config", "--env", f"PATH={PATH}", "--cmd", "bash", base)
        buildah("commit", base, BASE)
        # Neither mounts nor namespaces of its own: this may itself run in a container.
        how = ["--isolation", "chroot", "--network", "host", "--pull-never"]
        buildah("build", *how, "--file", TOP / "deploy/image/Dockerfile", "--tag", IMAGE, TOP)
        buildah("push", IMAGE, f"docker-archive:{archive}:{IMAGE}")
    finally:
        buildah.close()
