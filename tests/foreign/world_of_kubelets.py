# SPDX-License-Identifier: Apache-2.0
"""The life of a world with kubelets in it, for the fixture that has it: made if its programs are there, judged if no test failed, gone."""
import contextlib
import os

import pytest


def run(request, programs, make):
    """For `yield from`: the world of make(), started. No packet in it was left by an ENI that does not own its source."""
    if os.geteuid() != 0:
        pytest.skip("root is needed to make network namespaces")
    missing = [program.name for program in programs if not program.exists()]
    if missing:
        pytest.skip(f"not built, see build/log/kubernetes.log: {', '.join(missing)}")
    made = make()
    failed_before = request.session.testsfailed
    try:
        yield made.start()
        if request.session.testsfailed == failed_before:
            made.simulator.check()
    finally:
        made.close()


def close(simulator, nodes, *others):
    """What is left of it goes, the simulator last; an error of one part keeps no other."""
    with contextlib.ExitStack() as ends:
        ends.callback(simulator.destroy)
        for node in nodes:
            ends.callback(node.node.close)
            ends.callback(node.close)
        for other in others:
            ends.callback(other.close)
