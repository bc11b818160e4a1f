# SPDX-License-Identifier: Apache-2.0
"""The Debian package on a machine with systemd and without Kubernetes' DaemonSets: installed, used, upgraded, removed."""
import json
import tarfile

import package
import pytest

from vpc import wait_until
from vpc.machine import Machine, dependencies
from vpc.ping import answers
from vpc.pod import environment
from vpc.process import RELEASE_BUILD

PACKAGE = "/srv/vpcwire.deb"  # in the machine
UNIT = "vpcwire-ipamd.service"
CONFLIST = "/etc/cni/net.d/10-aws.conflist"
PLUGIN = "/opt/cni/bin/vpcwire"
BOOT_RULE = "/etc/tmpfiles.d/vpcwire.conf"
CONF = json.dumps({"cniVersion": "1.0.0", "name": "aws-cni", "type": "vpcwire"})
SERVES_S = 60


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    folder = package.unpack(RELEASE_BUILD, tmp_path_factory.mktemp("package"))
    (path,) = (folder / "made").glob("*.deb")
    return path


@pytest.fixture
def pods(make_node):
    """Namespaces that are there before the machine boots, as it sees no later ones."""
    node = make_node("n1", start=False)
    return [node.pod_netns(f"p{i}") for i in range(3)]


@pytest.fixture
def machine(vpc, pods, deb, tmp_path):
    """With the package's dependencies, the package itself as a file, and settings."""
    made = Machine(pods[0].node, tmp_path / "machine", dependencies(deb))
    try:
        made.path(PACKAGE).write_bytes(deb.read_bytes())
        made.path("/etc/vpcwire").mkdir()
        made.path("/etc/vpcwire/ipamd.env").write_text(f"AWS_EC2_ENDPOINT={vpc.ready['ec2']}\nIP_COOLDOWN_PERIOD=1\n")
        yield made
        print(f"---- the journal of {UNIT}\n{made.journal(UNIT)}")
    finally:
        made.close()


def call(machine, verb, pod):
    """The plugin, for a pod."""
    return machine.plugin("vpcwire", environment(verb, pod.container_id, pod.path, args=pod.args), CONF)


def addresses(machine):
    return sorted(row["address"] for row in json.loads(machine.run("ipamctl", "--json", "pods").stdout)["leases"])


def wait_serving(machine):
    wait_until(lambda: machine.run("ipamctl", "health", "ready", check=False).returncode == 0, SERVES_S, why="it serves")
    wait_until(lambda: machine.path(CONFLIST).exists() and machine.path(PLUGIN).exists(), SERVES_S, why="and says so to the runtime")


def unit_state(machine):
    shown = machine.run("systemctl", "show", "--property=Type,ActiveState,SubState,NotifyAccess", UNIT).stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


def main_pid(machine):
    return int(machine.run("systemctl", "show", "--property=MainPID", "--value", UNIT).stdout)


def killed_daemon_is_back(machine):
    before = main_pid(machine)
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
    wait_until(lambda: main_pid(machine) not in (0, before), SERVES_S, why="systemd starts it again")
    wait_serving(machine)


@pytest.mark.slow
def test_the_package_on_a_machine_with_systemd(machine, pods):
    node = pods[0].node
    machine.run("dpkg", "--install", PACKAGE)
    wait_serving(machine)
    assert f"\nr! {CONFLIST}\n" in machine.path(BOOT_RULE).read_text(), "a boot begins without it"
    given = [call(machine, "ADD", pod) for pod in pods]
    assert [result.rc for result in given] == [0, 0, 0], given
    expected = sorted(result.address for result in given)

    def all_is_well():
        assert addresses(machine) == expected
        assert answers(pods[0], given[1].address)

    all_is_well()
    machine.run("systemctl", "restart", UNIT)
    machine.run("ipamctl", "health", "live")  # it serves once systemctl is through
    wait_serving(machine)
    all_is_well()
    before = main_pid(machine)
    machine.run("systemctl", "reload", UNIT)
    wait_until(lambda: unit_state(machine) == {"Type": "notify", "NotifyAccess": "main", "ActiveState": "active", "SubState": "running"}, SERVES_S, why="it has read its settings again")
    assert main_pid(machine) == before
    killed_daemon_is_back(machine)
    all_is_well()
    machine.run("dpkg", "--install", PACKAGE)  # an upgrade
    wait_serving(machine)
    all_is_well()

    machine.run("ipamctl", "bundle", "/var/tmp/bundle.tar.gz")
    with tarfile.open(machine.path("/var/tmp/bundle.tar.gz")) as archive:
        assert '"msg":"serving"' in archive.extractfile("logs/journal.log").read().decode()
    machine.run("systemctl", "stop", UNIT)
    assert "systemctl start vpcwire-ipamd.service" in machine.run("ipamctl", "doctor", check=False).stdout
    machine.run("systemctl", "start", UNIT)
    wait_serving(machine)

    refused = machine.run("dpkg", "--remove", "vpcwire", check=False)
    assert refused.returncode != 0 and "3 pods" in refused.stderr, refused
    wait_serving(machine)
    all_is_well()
    for pod in pods:
        assert call(machine, "DEL", pod).rc == 0
    machine.run("dpkg", "--remove", "vpcwire")
    assert not [path for path in (CONFLIST, PLUGIN, BOOT_RULE) if machine.path(path).exists()]
    assert machine.run("systemctl", "is-active", UNIT, check=False).stdout.strip() == "inactive"
    assert node.pod_links() == {} and node.pod_routes() == []
    journal = machine.journal(UNIT)
    assert "Read-only" not in journal and "ermission" not in journal and "not permitted" not in journal
    machine.run("dpkg", "--install", PACKAGE)
    wait_serving(machine)
    assert addresses(machine) == []
