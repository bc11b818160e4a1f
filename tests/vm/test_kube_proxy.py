# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own kube-proxy in IPVS mode, which the kernel of the tests' own machine may not have."""
import pytest

from inside import TOP, run_tests

PROGRAM = TOP / "build/kubernetes/kube-proxy"
FILE = TOP / "tests/foreign/test_kube_proxy.py"
DEADLINE_S = 600


def test_ipvs(machine):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM.name} is not built, see build/log/kubernetes.log")
    passed, skipped = run_tests(machine, "kube-proxy-ipvs", FILE, "-k", "ipvs", deadline_s=DEADLINE_S)
    assert passed and not skipped
