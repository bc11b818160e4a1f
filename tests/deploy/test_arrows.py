# SPDX-License-Identifier: Apache-2.0
"""README's arrows, held against the #include lines."""
import re

import pytest

from conftest import TOP

# A folder of ipamd, and the other folders of ipamd whose headers it may include.
ARROWS = {
    "model": set(),
    "config": {"model"},
    "firewall": set(),
    "metrics": {"model"},
    "kube": {"client"},
    "install": set(),
    "plan": {"model"},
    "client": set(),
    "cloud": {"client", "model"},
    "store": {"model"},
    "node": {"firewall", "model"},
    "migrate": {"firewall", "model", "node", "store"},
    "reconcile": {"client", "cloud", "firewall", "metrics", "migrate", "model", "node", "plan", "store"},
    "report": {"config", "kube", "model", "reconcile", "store"},
    "rpc": {"metrics", "model", "store"},
    "http": {"metrics", "model", "rpc", "store"},
    "ctl": {"config", "firewall", "migrate", "model", "node", "rpc"},
    "daemon": {"config", "http", "install", "metrics", "migrate", "node", "reconcile", "report", "rpc", "store"},
}


@pytest.mark.parametrize("folder", ARROWS)
def test_an_arrow_runs_one_way(folder):
    files = sorted((TOP / "ipamd" / folder).rglob("*.[ch]"))
    assert files
    for path in files:
        included = re.findall(r'^#include "([^"/]+)/', path.read_text(), re.M)
        assert set(included) <= ARROWS[folder] | {folder}, path


def test_every_folder_is_in_the_readme():
    readme = (TOP / "README.md").read_text()
    for path in sorted((TOP / "ipamd").iterdir()):
        if path.is_dir():
            assert f"| `ipamd/{path.name}` |" in readme, path
