# SPDX-License-Identifier: Apache-2.0
"""What is shipped beside the programs: manifests, chart, policies, packages. No root, no network namespaces."""
import json
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import package  # noqa: E402

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
    return package.unpack(BUILD, tmp_path_factory.mktemp("package"))


def json_file(path):
    return json.loads((TOP / path).read_text())
