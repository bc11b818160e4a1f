# SPDX-License-Identifier: Apache-2.0
"""The C unit tests that speak to the kernel, as they are shipped, on kernels that nodes have."""
import pathlib

import pytest

from vpc.deadline import FACTOR
from vpc.process import RELEASE_BUILD

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "unit"
DEADLINE_S = 900 / FACTOR  # as ctest's own
# They make namespaces, or read what the kernel keeps of them.
NAMES = (
    "cni_wire", "fabric", "fabric_branch", "fabric_life", "firewall", "main_table", "net", "node_check", "node_guards", "node_kernel", "node_marks",
    "node_monitor", "node_packets", "node_pool", "node_sync", "sandbox", "xtables",
)
# What shows that a source makes namespaces, or asks the kernel for what only root gets.
KERNEL_WORDS = ("unshare(", "node_world.h", "node_packets.h", "fabric_fixture.h", "SYS_unshare")
NO_KERNEL = {"http_store"}  # its namespace is there so that nobody answers


def program(name):
    return RELEASE_BUILD / "bin" / f"test_{name}"


@pytest.mark.quick
@pytest.mark.parametrize("name", NAMES)
def test_program(machine, name):
    done = machine.run(program(name), deadline_s=DEADLINE_S, check=False)
    assert done.code == 0 and "[  PASSED  ]" in done.output, f"test_{name} in Linux {machine.kernel.release}: {done.code}\n{done.output}"


def test_none_is_left_out():
    asking = {path.stem.removeprefix("test_") for path in SOURCES.glob("test_*.c") if any(word in path.read_text() for word in KERNEL_WORDS)}
    assert asking - NO_KERNEL <= set(NAMES)
