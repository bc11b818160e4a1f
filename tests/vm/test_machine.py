# SPDX-License-Identifier: Apache-2.0
"""What happens to a whole machine: it boots anew, its power is cut, its memory runs out."""
import pytest

from inside import PYTHON, guest_environment
from machine import GUEST, SLOWNESS
from vpc import wait_until

LIFE = GUEST / "life.py"
DISK = "/mnt/disk/life"
LIFE_DEADLINE_S = 120
SMALL = {"memory_mb": 512, "cpus": 1}


@pytest.fixture
def fresh(kernel, make_machine):
    """A machine that a test may break."""
    machine = make_machine(kernel)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def small(kernel, make_machine):
    machine = make_machine(kernel, **SMALL)
    yield machine
    machine.close()


def live(machine, command):
    return machine.run(PYTHON, LIFE, command, DISK, env=guest_environment(), deadline_s=LIFE_DEADLINE_S)


def begin_life(machine):
    """Pods come and go from here on."""
    words = " ".join(f"{name}={value}" for name, value in guest_environment().items())
    machine.begin(f"env {words} {PYTHON} {LIFE} live {DISK} >/mnt/disk/life.log 2>&1 & disown")
    busy = machine.share / "busy"
    wait_until(busy.exists, LIFE_DEADLINE_S * SLOWNESS, why="pods come and go")


def test_a_reboot(fresh):
    begin_life(fresh)
    fresh.reboot()
    live(fresh, "again")
    fresh.stop()


def test_the_power_is_cut(fresh):
    """The database is on a disk: what was not yet written there is lost, and what was is sound."""
    begin_life(fresh)
    fresh.cut_power()
    fresh.power_on()
    live(fresh, "again")


def test_a_neighbour_takes_all_memory(small):
    live(small, "oom")
    assert "Out of memory: Killed process" in small.run("dmesg").output
