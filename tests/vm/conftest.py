# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `machine` is one that all tests of a kernel share. --kernel VERSION, or all, says which kernels; a kernel that is not to
be had today skips its tests, by name."""
import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "integration")]

import kernels  # noqa: E402
from machine import Machine  # noqa: E402
from vpc.process import RELEASE_BUILD  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--kernel", choices=[*kernels.SUITES, "all"], default=kernels.DEFAULT, help="the machine's kernel")


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: of the choice that every run of continuous integration makes")


def pytest_generate_tests(metafunc):
    chosen = metafunc.config.getoption("--kernel")
    if "kernel" in metafunc.fixturenames:
        versions = kernels.SUITES if chosen == "all" else [chosen]
        params = [pytest.param(version, marks=pytest.mark.xdist_group(f"linux-{version}")) for version in versions]
        metafunc.parametrize("kernel", params, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _needs():
    """Without these every test would fail in its own way."""
    if os.geteuid() != 0:
        pytest.exit("root is needed to run the machine's programs as root", returncode=1)
    if not (RELEASE_BUILD / "bin/ipamd").exists():
        pytest.exit(f"not built in {RELEASE_BUILD} (tests/run.sh vm builds it)", returncode=1)


@pytest.fixture(scope="session")
def kernel(request):
    try:
        return kernels.get(request.param)
    except kernels.NotToBeHad as error:
        pytest.skip(f"no Linux {request.param} to be had: {error}")


@pytest.fixture(scope="session")
def make_machine(tmp_path_factory):
    """make_machine(kernel, **options): a Machine that is gone at the end."""
    made = []

    def make(kernel, **options):
        made.append(Machine(kernel, tmp_path_factory.mktemp("machine") / kernel.version, **options))
        return made[-1]

    yield make
    for machine in made:
        machine.close()


@pytest.fixture(scope="session")
def machine(kernel, make_machine):
    """Up, and shared; a test leaves no process in it."""
    running = make_machine(kernel)
    yield running
    running.close()
