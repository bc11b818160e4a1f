# SPDX-License-Identifier: Apache-2.0
"""The image as the Dockerfile builds it: by buildah, on a base that is made of Debian's packages, as debian:12-slim is, for there is
no registry here. Nothing is kept outside one folder."""
import os
import pathlib
import shutil

from . import debian
from .daemonset import IMAGE, TOP
from .process import run

BASE = "docker.io/library/debian:12-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILD_DEADLINE_S = 1200


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
        debian.make(buildah.folder / "base.tar", slim=True)
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
