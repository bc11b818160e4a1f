# SPDX-License-Identifier: Apache-2.0
"""Fixtures: `server` is one of three EC2s, `client` our EC2 client talking to it. They are ended with the session."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(path) for path in (TESTS / "foreign", TESTS / "integration", TESTS)]

import kubernetes_cluster  # noqa: E402
import servers  # noqa: E402
import world_of_kubelets  # noqa: E402
from client import Client  # noqa: E402
from gaps import GAPS  # noqa: E402
from vpc.process import BUILD, end_in_order_on_sigterm  # noqa: E402


def pytest_configure(config):
    end_in_order_on_sigterm()
    config.addinivalue_line("markers", "needs(gap): fails on the servers that have this gap in gaps.py, and must")


def pytest_collection_modifyitems(items):
    """A known gap is proven, not believed: a test that passes in spite of it is a failure."""
    for item in items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("server")
        if name:
            item.add_marker(pytest.mark.xdist_group(name))  # pytest-xdist: one worker has the server
        for marker in item.iter_markers("needs"):
            gap = marker.args[0]
            assert any(gap in gaps for gaps in GAPS.values()), f"{item.name}: no such gap: {gap}"
            if name and gap in GAPS[name]:
                reason = f"{name} has no {gap}: {GAPS[name][gap]}"
                item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))


def need(*paths):
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        pytest.exit(f"missing: {', '.join(missing)} (tests/run.sh foreign makes them)", returncode=1)


@pytest.fixture(scope="session", autouse=True)
def _needs():
    """Without these every test would fail in its own way."""
    need(*(BUILD / "bin" / name for name in ("vpcsim", "ipamd", "vpcwire", "ipamctl", "ec2_tool")))


@pytest.fixture(scope="session", params=list(servers.SERVERS))
def server(request, tmp_path_factory):
    """A running EC2 with a VPC, a subnet and an instance."""
    need(*(servers.VENVS / name / "bin/python" for name in ("venv-moto", "venv-localstack")))
    running = servers.start(request.param, tmp_path_factory.mktemp(request.param))
    yield running
    running.stop()


@pytest.fixture
def make_client(server, tmp_path):
    """make_client(credentials=..., imds=...): our client, with keys from its environment or from a metadata service."""
    made = []

    def make(**options):
        made.append(Client(server.endpoint, log=tmp_path / f"client{len(made)}.log", **options))
        return made[-1]

    yield make
    errors = []
    for client in made:
        try:
            client.close()
        except AssertionError as error:
            errors.append(error)
    assert not errors, errors


@pytest.fixture
def client(server, make_client):
    """Our client with a session of the node's role."""
    return make_client(credentials=server.credentials())


@pytest.fixture(scope="session")
def cluster(request, tmp_path_factory):
    """The cluster of kubernetes_cluster.py. Its tests are of one xdist_group; nothing in it left by an ENI that does not own its source."""
    yield from world_of_kubelets.run(request, kubernetes_cluster.NEEDED, lambda: kubernetes_cluster.KubernetesCluster(tmp_path_factory.mktemp("cluster")))


@pytest.fixture(scope="session")
def web(cluster):
    """The Deployment `web` over both nodes."""
    cluster.apply(kubernetes_cluster.web())
    cluster.rolled_out("deployment", kubernetes_cluster.WEB)
