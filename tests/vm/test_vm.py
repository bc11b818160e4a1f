# SPDX-License-Identifier: Apache-2.0
"""The machines themselves: a failure in one is seen, and one that dies ends the waiting for it."""
import pytest

from machine import MachineDiedError


def test_output_and_exit_code(machine):
    done = machine.run("sh", "-c", "uname -r; exit 3", check=False)
    assert (done.code, done.output) == (3, f"{machine.kernel.release}\n")
    with pytest.raises(AssertionError, match="exit code 1"):
        machine.run("false")


def test_what_it_writes_stays_in_it(machine, tmp_path):
    machine.run("mkdir", "-p", tmp_path)
    machine.run("touch", tmp_path / "written")
    assert machine.run("ls", tmp_path).output == "written\n"
    assert not (tmp_path / "written").exists()


def test_a_kernel_that_crashes(kernel, make_machine):
    machine = make_machine(kernel)
    with pytest.raises(MachineDiedError, match="booted anew during"):
        machine.shell("echo c >/proc/sysrq-trigger")
    machine.close()
    assert machine.process.poll() is not None and not machine.disk.exists()
