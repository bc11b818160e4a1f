# SPDX-License-Identifier: Apache-2.0
"""The checks of test_services.py with the rules of Kubernetes' own kube-proxy, in each of its modes that the kernel has."""
import pytest

import test_services
from test_services import *  # noqa: F403
from test_services import _no_wrong_source  # noqa: F401
from vpc.kube_proxy import REAL_MODES
from vpc.kube_proxy.real import PROGRAM

pytestmark = pytest.mark.xdist_group("kube-proxy")
if not PROGRAM.exists():
    pytest.skip(f"{PROGRAM.name} is not built, see build/log/kubernetes.log", allow_module_level=True)


@pytest.fixture(scope="module", params=REAL_MODES)
def world(cluster, request):
    yield from test_services.with_mode(cluster, REAL_MODES, request.param)
