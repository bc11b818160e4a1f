# SPDX-License-Identifier: Apache-2.0
"""Integration tests that run in a machine: pytest itself does so in there, and its verdicts are read here."""
import pathlib
import xml.etree.ElementTree as ElementTree

from vpc.process import RELEASE_BUILD

from machine import deadline_factor

TOP = pathlib.Path(__file__).resolve().parents[2]
PYTHON = TOP / "build/venv/bin/python"


def guest_environment():
    """Of what runs in a machine: the programs as they are shipped, for the sanitizers take their time ten times over."""
    return {
        "VPCWIRE_BUILD": RELEASE_BUILD,
        "VPCWIRE_RELEASE_BUILD": RELEASE_BUILD,
        "VPCWIRE_TEST_DEADLINE_FACTOR": deadline_factor(),
        "PYTHONDONTWRITEBYTECODE": 1,
    }


def run_tests(machine, name, *arguments, deadline_s):
    """Runs tests of tests/integration: all must pass, but for those that this kernel or this machine lacks something for. Returns
    how many passed, and the reasons of those that were skipped."""
    report = machine.share / f"{name}.xml"
    options = ["-p", "no:cacheprovider", "-q", f"--basetemp=/tmp/{name}", f"--junitxml={machine.inside(report.name)}"]
    command = [PYTHON, "-m", "pytest", *options, *arguments]
    done = machine.run(*command, cwd=TOP / "tests/integration", env=guest_environment(), check=False, deadline_s=deadline_s)
    assert done.code == 0, f"in Linux {machine.kernel.release}: exit code {done.code}\n{done.output[-20000:]}"
    cases = list(ElementTree.parse(report).iter("testcase"))
    skipped = [case.find("skipped").get("message") for case in cases if case.find("skipped") is not None]
    return len(cases) - len(skipped), skipped
