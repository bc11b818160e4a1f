# SPDX-License-Identifier: Apache-2.0
"""README's first command on another kernel."""
from inside import TOP

DEADLINE_S = 600


def test_demo(machine):
    done = machine.run(TOP / "deploy/demo.sh", deadline_s=DEADLINE_S, check=False)
    assert done.code == 0 and "nothing is left" in done.output and "FAILED" not in done.output, done.output
