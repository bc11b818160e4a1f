# SPDX-License-Identifier: Apache-2.0
"""A group of tests stays with one worker: its module's node, page or cluster is made once. A pytest that pytest-xdist does not know
yet spreads a group silently over all workers."""

import re
import subprocess
import sys

TESTS = """
import os
import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("i", range(40))
def test_where(i, record_property):
    record_property("worker", os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_group_stays_with_one_worker(tmp_path):
    (tmp_path / "test_group.py").write_text(TESTS)
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses", "4", "--dist", "loadgroup", "--junitxml", report, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    workers = re.findall(r'name="worker" value="(\w+)"', report.read_text())
    assert len(workers) == 40 and len(set(workers)) == 1, workers
