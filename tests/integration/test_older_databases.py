# SPDX-License-Identifier: Apache-2.0
"""The database is older than the kernel, or another machine's: what a running pod has in the kernel is nobody else's."""
import contextlib
import json
import shutil
import sqlite3

import pytest

from faults import ENV as WARM, GIVES_BACK_SOON, in_ec2, script
from vpc import echo, wait_until

ENV = {"IP_COOLDOWN_PERIOD": "1", "VPCWIRE_ORPHAN_GRACE_PERIOD": "5"}


@pytest.fixture
def node(make_node):
    """A t3.small (9 addresses) with four pods, whose daemon is stopped."""
    node = make_node("n1", env=ENV)
    node.running = node.add_pods(f"p{i}" for i in range(4))
    node.stop()
    return node


def copy_of(node, path):
    """A copy of the closed database."""
    shutil.copyfile(node.db, path)
    path.chmod(0o600)
    return path


def put_back(node, copy):
    for ending in ("-wal", "-shm"):
        node.db.with_name(node.db.name + ending).unlink(missing_ok=True)
    shutil.copyfile(copy, node.db)


def sql(node, *statements):
    """Changes the closed database as a person would."""
    with contextlib.closing(sqlite3.connect(node.db)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def change_pods(node):
    """Two of the pods end, and three others come, some of them with the addresses of those."""
    for pod in node.running[:2]:
        pod.delete()
    wait_until(lambda: node.pool()["cooling"] == 0, 60, why="cooled")
    node.running = node.running[2:] + node.add_pods(["later-0", "later-1", "later-2"])


def known(node, pods):
    leases = {(lease["address"], lease["container_id"]) for lease in node.leases()}
    assert leases == {(pod.address, pod.container_id) for pod in pods}
    return True


def fill_up(node):
    """Pods until there are no more addresses: had one of a running pod been free, it is in other hands now."""
    fresh = [node.pod_netns(f"fresh-{i}") for i in range(9 - len(node.running))]
    for future in [node.start_thread(pod.add) for pod in fresh]:
        future.result()
    return fresh


def events(node):
    return [json.loads(line) for line in node.ctl("events", check=False).stdout.splitlines()]


def check(node):
    """All who ran are known again, nobody else gets what they have, and packets go to whom they are for."""
    with echo.serving(*(pod.netns for pod in node.running)):
        fresh = fill_up(node)
        addresses = [pod.address for pod in node.running + fresh]
        assert len(set(addresses)) == len(addresses), "an address twice"
        wait_until(lambda: known(node, node.running + fresh), 60, why="known again")
        for pod in fresh[:2]:
            echo.assert_source(pod.netns, [other.address for other in node.running], pod.address)
    node.check_kernel()
    for pod in node.running + fresh:
        pod.delete()
    assert node.leases() == [] and node.pod_links() == {}


def test_another_path_and_back(node):
    first = node.env["VPCWIRE_DB"]
    node.env["VPCWIRE_DB"] = str(node.db.with_name("other.db"))
    node.start()
    wait_until(lambda: known(node, node.running), 60, why="the new database knows them")
    change_pods(node)
    node.stop()
    node.env["VPCWIRE_DB"] = first
    node.start()
    check(node)


def test_an_older_copy(node, tmp_path):
    copy = copy_of(node, tmp_path / "copy.db")
    node.start()
    change_pods(node)
    node.kill9()
    put_back(node, copy)
    node.start()
    check(node)


def test_an_older_copy_says_that_another_pod_has_the_address(make_node, tmp_path):
    """The kernel shows who lives; what the copy says of that address is of a pod that ended."""
    node = make_node("n1", env={**ENV, "MAX_ENI": "1"})
    first = node.add_pods(["first-0", "first-1", "first-2"])
    assert node.pool()["free"] == 0
    node.stop()
    copy = copy_of(node, tmp_path / "copy.db")
    node.start()
    for pod in first[:2]:
        pod.delete()
    wait_until(lambda: node.pool()["free"] == 2, 60, why="cooled")
    running = [first[2], *node.add_pods(["second-0", "second-1"])]
    node.kill9()
    put_back(node, copy)
    node.start()
    wait_until(lambda: known(node, running), 60, why="known again")
    assert first[0].cni("DEL").rc == 0, "late, by a runtime that asks again"
    assert known(node, running)
    with echo.serving(*(pod.netns for pod in running)):
        echo.assert_source(running[0].netns, [pod.address for pod in running[1:]], running[0].address)
    node.check_kernel()


def test_an_older_copy_knows_an_earlier_sandbox_of_the_pod(node, tmp_path):
    """Its link had the name that the newer sandbox's has now."""
    node.start()
    first, *others = node.running
    node.stop()
    copy = copy_of(node, tmp_path / "copy.db")
    node.env["IP_COOLDOWN_PERIOD"] = "600"
    node.start()
    first.delete()
    first.remove_netns()
    again = node.add_pod(first.name)
    assert again.address != first.address and again.container_id != first.container_id
    node.kill9()
    node.env.update(ENV)
    put_back(node, copy)
    node.start()
    node.running = [*others, again]
    wait_until(lambda: known(node, node.running), 90, why="known again, and the earlier one reclaimed")
    check(node)


@pytest.mark.parametrize("keep", [0, 0.5])
def test_the_log_is_lost_or_cut(node, keep):
    node.start()
    change_pods(node)
    node.kill9()
    wal = node.db.with_name(node.db.name + "-wal")
    content = wal.read_bytes()
    assert content, "there is a log to lose"
    node.db.with_name(node.db.name + "-shm").unlink()
    if keep:
        wal.write_bytes(content[: int(len(content) * keep)])
    else:
        wal.unlink()
    node.start()
    check(node)


def test_another_boot_id_while_pods_run(node):
    """A container has a boot id of its own, and is started anew beside its pods: they are as they were, names and all."""
    node.start()
    change_pods(node)
    names = {lease["address"]: lease["pod_name"] for lease in node.leases()}
    node.stop()
    sql(node, "UPDATE facts SET value = 'another' WHERE name = 'boot-id'")
    node.start()
    assert {lease["address"]: lease["pod_name"] for lease in node.leases()} == names
    check(node)


def damage(node):
    node.db.write_bytes(b"not a database" * 100)


def take_a_rule_away(node):
    sql(node, "DROP TRIGGER lease_is_not_replaced")


@pytest.mark.parametrize("spoil, kind", [(damage, "damaged"), (take_a_rule_away, "other-schema")])
def test_a_database_that_cannot_be_used(node, spoil, kind):
    """It is kept as a backup, said so, and begun anew; nobody has to be drained."""
    spoil(node)
    spoilt = node.db.read_bytes()
    node.start()
    wait_until(lambda: known(node, node.running), 60, why="the kernel and EC2 know all that is needed")
    (backup,) = node.db.parent.glob(f"{node.db.name}.{kind}-*")
    assert backup.read_bytes() == spoilt
    (event,) = [event for event in events(node) if event["kind"] == "database-replaced"]
    assert event["subject"] == str(backup)
    assert str(backup) in node.log.read_text()
    check(node)


def content(node):
    with contextlib.closing(sqlite3.connect(node.db)) as db:
        return {table: sorted(db.execute(f"SELECT * FROM {table}")) for table in ("enis", "addresses", "leases", "imports")}


@pytest.mark.parametrize("socket", ["the same socket", "another socket"])
def test_a_second_daemon_when_the_lock_file_is_gone(node, socket):
    """It changes nothing in the database of the first, which is told apart by the database itself."""
    node.start()
    node.wait_quiet(total=9)  # all that a t3.small can have: nothing changes any more
    before = content(node)
    node.db.with_name(node.db.name + ".lock").unlink()
    said = node.refused_start(**({} if socket == "the same socket" else {"VPCWIRE_SOCKET": str(node.folder / "other.sock")}))
    assert f"{node.db} is in use" in said
    assert content(node) == before
    assert known(node, node.running)


def test_a_second_daemon_with_another_database(node):
    """The socket is the first's: the second ends before it does anything."""
    node.start()
    other = node.folder / "other.db"
    assert "another program answers" in node.refused_start(VPCWIRE_DB=str(other))
    assert not other.exists()


# ---- what EC2 has had back since ----


@pytest.fixture
def shrunk(vpc, make_node, tmp_path):
    """Four of five addresses were given back since a copy was made, and a resync has seen it."""
    node = make_node("n1", instance_type="t3.medium", env={**WARM, **GIVES_BACK_SOON, "MINIMUM_IP_TARGET": "5"}, start=False)
    node.start()
    node.wait_quiet(60, total=5)
    node.stop()
    node.copy = copy_of(node, tmp_path / "copy.db")
    node.env["MINIMUM_IP_TARGET"] = "1"
    return node


def give_back(vpc, node):
    node.start()
    wait_until(lambda: len(in_ec2(vpc)) == 1, 60, why="four addresses are given back")
    wait_until(lambda: node.pool()["total"] == 1, 60, why="and the answer is written down")


@pytest.mark.parametrize("describe", ["prompt", "late"])
@pytest.mark.parametrize("database", ["older", "none"])
def test_an_older_copy_and_what_was_given_back_since(vpc, shrunk, describe, database):
    """The ADDs come before the daemon has heard of EC2; and EC2 may show for a while what it has had back."""
    node = shrunk
    vpc.ctl("set-stale", describe=describe == "late")
    give_back(vpc, node)
    node.kill9()
    put_back(node, node.copy)
    if database == "none":
        node.db.unlink()
    node.env["VPCWIRE_SHRINK_DELAY"] = "600"  # what is believed to be there stays to be given to pods
    script(vpc, {"action": "DescribeNetworkInterfaces", "effect": "delay", "delay_ms": 1500})
    node.start(wait=False)
    wait_until(lambda: node.status()["set_up"], 60, why="the daemon answers")
    pods = node.add_pods(f"p{i}" for i in range(5))
    assert {pod.address for pod in pods} <= set(in_ec2(vpc)), (pods, in_ec2(vpc))
    assert "database is an older copy" in node.log.read_text()
    script(vpc)
    vpc.ctl("set-stale", describe=False)
    node.check_kernel()


def test_the_same_database_is_believed(vpc, shrunk):
    """Killed after it gave addresses back, the daemon serves before it asks EC2, which does not answer at all."""
    node = shrunk
    give_back(vpc, node)
    node.add_pod("before")
    wait_until(lambda: node.pool()["free"] == 1, 60, why="one more")
    node.kill9()
    script(vpc, {"action": "*", "effect": "error", "status": 503, "code": "Unavailable", "message": "by script"})
    node.start(wait=False)
    wait_until(lambda: node.status()["ready"], 60, why="the daemon is ready")
    node.add_pod("after")
    assert "database is an older copy" not in node.log.read_text()
    script(vpc)


# ---- another machine's: a disk that was imaged ----


def image(node, other):
    """other's database on node, as after its first boot from an image of that disk."""
    for ending in ("-wal", "-shm"):
        node.db.with_name(node.db.name + ending).unlink(missing_ok=True)
    shutil.copyfile(other.db, node.db)
    node.db.chmod(0o600)
    sql(node, "UPDATE facts SET value = 'of the other' WHERE name = 'boot-id'")


def begun_anew(node, other):
    (backup,) = node.db.parent.glob(f"{node.db.name}.other-instance-{other.facts['instance_id']}-*")
    with contextlib.closing(sqlite3.connect(backup)) as db:
        assert db.execute("SELECT count(*) FROM enis").fetchone()[0] > 0
    assert backup.stat().st_mode & 0o777 == 0o600
    (event,) = [event for event in events(node) if event["kind"] == "database-replaced"]
    assert event["subject"] == str(backup) and other.facts["instance_id"] in event["text"]
    wait_until(lambda: {eni.get("eni_id") for eni in node.enis()} == {eni["id"] for eni in node.simulator.enis(node.name)}, 60, why="its own ENIs")


@pytest.mark.parametrize("knows_whose", [True, False])
def test_a_database_of_another_instance(node, make_node, knows_whose):
    """It has its image's ENIs and addresses, which are that machine's still, and may not even say whose it is."""
    if not knows_whose:
        sql(node, "DELETE FROM facts WHERE name IN ('identity', 'instance')")
    new = make_node("n2", env=ENV, start=False)
    image(new, node)
    node.start()
    new.start(wait=False)
    wait_until(lambda: new.status()["ready"], 60, why="it finds its own")
    if knows_whose:
        begun_anew(new, node)
    new.running = new.add_pods(["new-0", "new-1"])
    assert not {pod.address for pod in new.running} & {pod.address for pod in node.running}
    new.restart()
    check(new)
    assert known(node, node.running)


def test_nothing_of_it_is_served_before_it_is_known_whose_it_is(vpc, node, make_node):
    new = make_node("n2", env=ENV, start=False)
    image(new, node)
    vpc.ctl("set-faults", rules=[{"service": "imds", "node": "n2", "action": "*", "effect": "error", "status": 503}])
    new.start(wait=False)
    wait_until(lambda: vpc.ctl("faults")["rules"][0]["hits"] >= 3, 60, why="IMDS refuses")
    assert new.pod_netns("early").cni("ADD", conf=new.cni_conf(timeoutSeconds=2)).code == 11
    assert new.leases() == [] and new.pool()["free"] == 0
    vpc.ctl("set-faults", rules=[])
    wait_until(lambda: new.status()["ready"], 60, why="it finds its own")
    begun_anew(new, node)


def test_pods_that_run_under_another_instances_database(node, make_node):
    """Rule 1 holds in any case: what the kernel shows in use is nobody else's."""
    new = make_node("n2", env=ENV)
    new.running = new.add_pods(["here-0", "here-1"])
    new.stop()
    image(new, node)
    new.start(wait=False)
    wait_until(lambda: new.status()["ready"], 60, why="it finds its own")
    begun_anew(new, node)
    check(new)
