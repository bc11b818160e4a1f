# SPDX-License-Identifier: Apache-2.0
"""tests/steps.py, which runs all tests: what waits for what, what a failure does, what is counted, and that nothing is left."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from conftest import TOP

DEADLINE_S = 120
JUNIT = '<testsuite><testcase classname="a" name="b"/><testcase classname="a" name="c"><skipped/></testcase>%s</testsuite>'
FAILED = '<testcase classname="a" name="d"><failure/></testcase>'

HEAD = """
import sys
sys.path.insert(0, {tests!r})
import steps
from steps import Kind, Step
def step(name, line, kind=Kind.SETUP, needs=(), wants=(), after=()):
    return Step(name, kind, ("bash", "-c", line), needs, wants, after)
"""


@pytest.fixture
def program(tmp_path):
    """A program that runs these steps and prints the counts last."""

    def make(*lines, only="table"):
        text = HEAD.format(tests=str(TOP / "tests"))
        text += "table = [" + ", ".join(lines) + "]\n" + f"print(steps.run({only}, 'log'))\n"
        (tmp_path / "program.py").write_text(text)
        return [sys.executable, "-B", str(tmp_path / "program.py")]

    return make


@pytest.fixture
def run_steps(program, tmp_path):
    def run(*lines, only="table"):
        done = subprocess.run(program(*lines, only=only), cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def counts(text):
    return text.splitlines()[-1]


def test_what_needs_another_runs_after_it(run_steps, tmp_path):
    said = run_steps("step('b', 'cat made', needs=('a',))", "step('c', 'cat made', after=('a', 'not run today'))", "step('a', 'echo >made')")
    assert re.findall(r"^ok    (\w)", said, re.M)[0] == "a"
    assert counts(said) == "[0, 0, 0]" and (tmp_path / "log/b.log").read_text() == "\n"


def test_side_by_side(run_steps, tmp_path):
    """Each waits for the other."""
    os.mkfifo(tmp_path / "one"), os.mkfifo(tmp_path / "two")
    said = run_steps("step('a', 'echo >one; read line <two')", "step('b', 'read line <one; echo >two')")
    assert sorted(re.findall(r"^ok    (\w)", said, re.M)) == ["a", "b"]


def test_what_needs_a_failed_one_is_not_run(run_steps, tmp_path):
    said = run_steps("step('a', 'echo why; exit 3')", "step('b', 'touch ran', needs=('a',))", "step('c', 'touch ran', needs=('b',))", "step('d', 'touch later', after=('a',))")
    assert "FAIL  a" in said and "      | why" in said
    assert "b                                              not run, for want of: a" in said and "not run, for want of: b" in said
    assert not (tmp_path / "ran").exists() and (tmp_path / "later").exists()
    assert counts(said) == "[0, 1, 0]"


@pytest.mark.parametrize(
    ("kind", "line", "counted"),
    [
        ("SETUP", "true", "[0, 0, 0]"),
        ("SETUP", "false", "[0, 1, 0]"),
        ("OPTIONAL", "false", "[0, 0, 0]"),
        ("CHECK", "true", "[1, 0, 0]"),
        ("CHECK", "kill -9 $$", "[0, 1, 0]"),
        ("PYTEST", f"echo '{JUNIT % ''}' >{{junit}}", "[1, 0, 1]"),
        ("PYTEST", f"echo '{JUNIT % FAILED}' >{{junit}}; exit 1", "[1, 1, 1]"),
        ("PYTEST", f"echo '{JUNIT % FAILED}' >{{junit}}", "[1, 1, 1]"),
        ("PYTEST", f"echo '{JUNIT % ''}' >{{junit}}; exit 2", "[1, 1, 1]"),  # it died after the last test
        ("PYTEST", "echo '<testsuite>' >{junit}", "[0, 1, 0]"),
        ("PYTEST", "true", "[0, 1, 0]"),
        ("CTEST", "true", "[0, 1, 0]"),
    ],
)
def test_what_is_counted(run_steps, kind, line, counted):
    assert counts(run_steps(f"step('a', {line!r}, kind=Kind.{kind})")) == counted


def test_a_junit_file_of_an_earlier_run_counts_for_nothing(run_steps, tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log/a.xml").write_text(JUNIT % "")
    assert counts(run_steps("step('a', 'true', kind=Kind.PYTEST)")) == "[0, 1, 0]"


def test_only_what_was_asked_for_and_what_that_needs_and_wants(run_steps):
    table = ["step('a', 'true')", "step('b', 'false', kind=Kind.OPTIONAL, needs=('a',))", "step('c', 'true', wants=('b',))", "step('d', 'true', after=('c',))"]
    said = run_steps(*table, only="steps.closure(table, ['c'])")
    assert re.findall(r"^(\w+) +(\w)  ", said, re.M) == [("ok", "a"), ("FAIL", "b"), ("ok", "c")]


def test_where_no_log_can_be_written_nothing_passes(run_steps, tmp_path):
    (tmp_path / "log").write_text("in the way")
    assert counts(run_steps("step('a', 'true', kind=Kind.CHECK)")) == "[0, 1, 0]"


@pytest.mark.parametrize("part", ["all", "ci", "unit"])
def test_arguments_that_nobody_reads_are_refused(part):
    done = subprocess.run([TOP / "tests/run.sh", part, "-k", "crash"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 2 and f"tests/run.sh {part} takes no arguments, and was given: -k crash" in done.stderr


def test_the_table_says_where_the_time_went(run_steps):
    said = run_steps("step('long', 'sleep 1.2')", "step('short', 'true')")
    assert re.search(r"^where the time went \(\d+ s, \d+ s of CPU, \d+ processors\)$", said, re.M)
    assert re.search(r"^ +\d+ +\d+ +\d+ +=+ +long$", said, re.M)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it(program, tmp_path, number):
    """Each step cleans up after SIGINT, as pytest does; a child that does not hear it is killed."""
    busy = "while :; do sleep 0.1; done"
    step = f'(trap "" INT; echo ready; {busy}) & trap "echo cleaned; exit" INT; echo ready $$; {busy}'
    log = tmp_path / "log/a.log"
    command = program(f"step('a', {step!r})", "step('b', 'true', needs=('a',))")
    with open(tmp_path / "out", "wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: log.exists() and log.read_text().count("ready") == 2 and log.read_text().endswith("\n"))
        group = int(re.search(r"ready (\d+)", log.read_text()).group(1))
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()
        for pid in re.findall(r"ready (\d+)", log.read_text() if log.exists() else ""):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)
    said = (tmp_path / "out").read_text()
    assert "cleaned" in log.read_text()
    wait_for(lambda: not living(group))
    assert f"ended by {number.name} before all was run" in said and counts(said) == "[0, 1, 0]"


def living(group):
    """The processes of a group; without those that only wait for init to take note of their end."""
    done = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.split()[0] == str(group) and not line.split()[1].startswith("Z")]


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
