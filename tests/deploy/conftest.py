# SPDX-License-Identifier: Apache-2.0
"""What is shipped beside the programs: manifests, chart, policies, packages. No root, no network namespaces."""
import json
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build/release"
TOOLS = TOP / "build/tools"


def run(*command, **kwargs):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **kwargs)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="session")
def settings():
    """Name -> default (None: unset) of every setting, as the program tells them."""
    rows = re.findall(r"^\| `(\w+)`.*? \| (?:`(.*?)`|unset) \|", run(BUILD / "bin/ipamd", "settings"), re.M)
    assert len(rows) > 20
    return {name: default or None for name, default in rows}


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """The Debian package, unpacked: its root folder."""
    root = tmp_path_factory.mktemp("package")
    run("cpack", "-B", root / "made", "--config", BUILD / "CPackConfig.cmake", cwd=root)
    package = next((root / "made").glob("*.deb"))
    run("dpkg-deb", "-x", package, root / "files")
    run("dpkg-deb", "-e", package, root / "control")
    return root


def json_file(path):
    return json.loads((TOP / path).read_text())
