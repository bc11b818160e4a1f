# SPDX-License-Identifier: Apache-2.0
"""A choice of the integration tests on another kernel: what depends on how it routes, filters, names links and loses what is lost."""
import pytest

from inside import run_tests

DEADLINE_S = 900
CHOICE = {
    "pods": ("test_pods.py", "test_pod_links.py"),
    "network-inside": ("test_network_model_inside.py",),
    "network-outside": ("test_network_model_outside.py",),
    "healing": ("test_repair.py", "test_nft_in_place.py"),
    "security": ("test_pod_security.py",),
    "security-ipv6": ("test_pod_security_ipv6.py",),
    "crash": ("test_crash.py", "test_cni_crash.py"),
    "lost-books": ("test_lost_books.py",),
    "branches": ("test_branch_packets.py",),
}


@pytest.mark.parametrize("name", CHOICE)
def test_choice(machine, name):
    passed, skipped = run_tests(machine, name, *CHOICE[name], deadline_s=DEADLINE_S)
    assert passed and not skipped
