# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `vpc` is a VPC without nodes, `node` and `nodes` have ipamd running. Each proves at its end that nothing is left."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(1, os.path.dirname(os.path.dirname(__file__)))

from vpc import Node, Simulator  # noqa: E402
from vpc.process import BUILD, end_in_order_on_sigterm  # noqa: E402
from vpc.simulator import SUBNET_A, SUBNET_B, default_world  # noqa: E402


def pytest_configure(config):
    end_in_order_on_sigterm()
    config.addinivalue_line("markers", "world(**changes): keys of the world file for the vpc fixture")
    config.addinivalue_line("markers", "tls(certificate=...): EC2 of the vpc fixture speaks TLS, with a certificate of its own CA")
    config.addinivalue_line("markers", "slow: waits a minute or more by its nature; started first")
    config.addinivalue_line("markers", "node(**options): instance_type, env, ... for the node and nodes fixtures")


def pytest_collection_modifyitems(items):
    """What takes a minute by its nature starts first."""
    items.sort(key=lambda item: 0 if item.get_closest_marker("slow") else 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    setattr(item, "report_" + report.when, report)
    return report


@pytest.fixture(scope="session", autouse=True)
def _needs():
    """Without these every test would fail in its own way."""
    if os.geteuid() != 0:
        pytest.exit("root is needed to make network namespaces", returncode=1)
    missing = [name for name in ("vpcsim", "ipamd", "vpcwire", "ipamctl") if not (BUILD / "bin" / name).exists()]
    if missing:
        pytest.exit(f"not built in {BUILD}: {', '.join(missing)} (tests/run.sh builds them)", returncode=1)


def _marked(request, name):
    marker = request.node.get_closest_marker(name)
    return dict(marker.kwargs) if marker else {}


def _passed(request):
    report = getattr(request.node, "report_call", None)
    return report is not None and report.passed


@pytest.fixture
def vpc(request, tmp_path):
    """vpcsim with default_world(), changed by @pytest.mark.world(...). Nodes are added by make_node or vpc.add_node()."""
    options = []
    if request.node.get_closest_marker("tls"):
        options = ["--tls", tmp_path / "ca.pem", "--certificate", _marked(request, "tls").get("certificate", "good")]
    simulator = Simulator(default_world(**_marked(request, "world")), tmp_path / "vpc", options=options)
    try:
        yield simulator
        if _passed(request):
            simulator.check()
            simulator.stop()
    finally:
        simulator.destroy()


@pytest.fixture
def make_node(vpc, request, tmp_path):
    """make_node(name, instance_type=..., env={...}, start=True, ...): as many nodes as a test wants."""
    made = []

    def make(name, start=True, **options):
        options = {"instance_type": "t3.small", "subnet": SUBNET_A, "public": True, **options}
        node = Node(vpc, name, tmp_path / name, **options)
        made.append(node)
        return node.start() if start else node

    yield make
    errors = []
    for node in made:
        try:
            node.stop()
        except AssertionError as error:
            errors.append(error)
        node.close()
        if not _passed(request):
            print(f"---- the log of ipamd on {node.name} ({node.log})")
            print(node.log.read_text(errors="replace")[-8000:] if node.log.exists() else "(none)")
    if errors:
        raise errors[0]


@pytest.fixture
def node(make_node, request):
    """One node, a t3.small unless @pytest.mark.node(...) says otherwise; its ipamd is ready."""
    return make_node("n1", **_marked(request, "node"))


@pytest.fixture
def nodes(make_node, request):
    """Two nodes in two zones."""
    options = _marked(request, "node")
    return [make_node("n1", **options), make_node("n2", **{"subnet": SUBNET_B, **options})]
