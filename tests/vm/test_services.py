# SPDX-License-Identifier: Apache-2.0
"""Services of kube-proxy's IPVS mode, for which the kernel of the tests' own machine may have nothing; and of its other modes."""
import pytest

from inside import run_tests

FILE = "test_services.py"
DEADLINE_S = 300
MODES = ("iptables-nft", "iptables-legacy", "nftables")


@pytest.mark.quick
def test_ipvs(machine):
    passed, skipped = run_tests(machine, "ipvs", FILE, "-k", "ipvs", deadline_s=DEADLINE_S)
    assert passed and not skipped


@pytest.mark.parametrize("mode", MODES)
def test_other_modes(machine, mode):
    passed, skipped = run_tests(machine, mode, FILE, "-k", mode, deadline_s=DEADLINE_S)
    assert passed and not skipped
