# SPDX-License-Identifier: Apache-2.0
"""A node of a cluster of real parts goes off without a word, and on again: pods come back, with the daemon's database on tmpfs and on disk."""
import json

import pytest

from control_plane import SYSTEM
from kubernetes_cluster import AWS_NODE, DEADLINE_S, WEB, address, name_of
from vpc import wait_until

pytestmark = pytest.mark.xdist_group("cluster")
REBOOTED = "n2"
DISK = "/var/lib/vpcwire"
ON_DISK = {
    "spec": {"template": {"spec": {
        "containers": [{
            "name": "aws-node",
            "env": [{"name": "VPCWIRE_DB", "value": f"{DISK}/ipam.db"}],
            "volumeMounts": [{"name": "disk", "mountPath": DISK}],
        }],
        "volumes": [{"name": "disk", "hostPath": {"path": DISK, "type": "DirectoryOrCreate"}}],
    }}}
}
NO_EC2 = [{"service": service, "action": "*", "effect": "error", "code": "Unavailable", "status": 503} for service in ("ec2", "imds")]


def another_boot(box, database):
    """A box has the machine's boot id: what was stored is made to be of another boot."""
    statements = "UPDATE facts SET value = 'of the boot before' WHERE name = 'boot-id'; SELECT changes();"
    assert box.run("sqlite3", database, statements).stdout.strip() == "1"


def whole_again(cluster):
    """After a reboot: every pod of the Deployment is ready, with an address of its own, and reaches one of each node."""
    cluster.rolled_out("deployment", WEB)

    def reached():
        pods = cluster.pods(WEB)
        assert len({address(item) for item in pods}) == len(pods)
        targets = {item["spec"]["nodeName"]: item for item in pods}
        for item in pods:
            for target in targets.values():
                assert cluster.ask(cluster.netns(item), address(target)) == [name_of(target), address(item)]
        return cluster.check_kernel(REBOOTED)

    wait_until(reached, DEADLINE_S, why="all pods reach pods of both nodes")


def reboot(cluster, between=lambda: None):
    node = cluster.nodes[REBOOTED]
    node.power_cycle()
    between()
    node.start_kubelet()
    cluster.start_proxy(node)
    return node


def test_books_on_tmpfs(cluster, web):
    """Nothing is left but the disk. Without EC2 the daemon cannot serve, and the node is not ready; with it, it is."""
    daemon = cluster.daemon_pod(REBOOTED)
    before = cluster.daemon(daemon)

    def has_no_network():
        status, said = cluster.ready(REBOOTED)
        assert status == "False" and "cni plugin not initialized" in said, (status, said)
        return True

    cluster.simulator.ctl("set-faults", rules=NO_EC2)
    try:
        node = reboot(cluster)
        assert not node.box.path("/run/vpcwire").exists()
        wait_until(lambda: cluster.restarted(daemon, before), DEADLINE_S, why="the daemon's container runs")
        wait_until(has_no_network, DEADLINE_S, why="the node says that it has no network")
        assert not node.runtime.network_ready()
    finally:
        cluster.simulator.ctl("set-faults", rules=[])
    wait_until(cluster.all_ready, DEADLINE_S, why="nodes are ready")
    assert json.loads(cluster.exec(daemon, "ipamctl", "--json", "status", namespace=SYSTEM))["ready"]
    whole_again(cluster)


def roll_out_with_new_books(cluster, *how):
    """A change of the DaemonSet with which the daemons begin with an empty database; until they know the running pods again."""
    cluster.kubectl(*how)
    cluster.rolled_out(*AWS_NODE, namespace=SYSTEM)
    for name in cluster.nodes:
        wait_until(lambda name=name: cluster.check_kernel(name), DEADLINE_S, why=f"pods of {name} are known again")


@pytest.fixture
def books_on_disk(cluster):
    """The DaemonSet with its database in a folder of the host; as it was at the end, without what lies there from before."""
    roll_out_with_new_books(cluster, "patch", *AWS_NODE, "--namespace", SYSTEM, "--patch", json.dumps(ON_DISK))
    yield f"{DISK}/ipam.db"
    for node in cluster.nodes.values():
        node.box.run("sh", "-c", "rm -f /run/vpcwire/ipam.db*")
    roll_out_with_new_books(cluster, "rollout", "undo", *AWS_NODE, "--namespace", SYSTEM)
    wait_until(cluster.all_ready, DEADLINE_S, why="nodes are ready")


def test_books_on_disk(cluster, web, books_on_disk):
    """What they have of the old boot is released, and no pod of the new one has an address twice."""
    node = cluster.nodes[REBOOTED]
    assert cluster.books(REBOOTED)["leases"] and node.box.path(books_on_disk).exists()
    daemon = cluster.daemon_pod(REBOOTED)
    before = cluster.daemon(daemon)
    reboot(cluster, between=lambda: another_boot(node.box, books_on_disk))
    wait_until(lambda: cluster.restarted(daemon, before), DEADLINE_S, why="the daemon's container runs")
    wait_until(cluster.all_ready, DEADLINE_S, why="nodes are ready")
    events = wait_until(lambda: cluster.exec(daemon, "ipamctl", "events", "--since", "1h", namespace=SYSTEM), DEADLINE_S)
    assert "node rebooted: " in events, events
    whole_again(cluster)
